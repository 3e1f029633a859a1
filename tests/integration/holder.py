"""Hold the embedded services in a process of their own, for tests that kill it or change its user.

python holder.py HOME    # prints the two URLs, stops the servers when its input is closed
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

REPOSITORY = Path(__file__).parents[2]
PACKAGES = Path(psycopg.__file__).parents[1]


def hold_services(
    home: Path, python: str = sys.executable, paths: tuple[Path, ...] = (), **options: Any
) -> subprocess.Popen[str]:
    """Start the services there; `paths` are searched for packages before ours."""
    return subprocess.Popen(
        [python, __file__, str(home)],
        cwd="/",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": search_path(*paths)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def search_path(*paths: Path) -> str:
    return os.pathsep.join(map(str, (*paths, REPOSITORY, PACKAGES)))


def read_urls(holder: subprocess.Popen[str]) -> list[str]:
    """Read past the log lines to the one with the URLs."""
    assert holder.stdout is not None
    for line in holder.stdout:
        if line.startswith("["):
            return list(json.loads(line))
    raise AssertionError("the services did not start")


def ask(url: str, query: str) -> Any:
    """Return the first value of a query."""
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
        return row[0] if row else None


if __name__ == "__main__":
    from newsmill.services.launcher import Services

    with Services.launch(Path(sys.argv[1])) as services:
        print(json.dumps([services.database_url, services.redis_url]), flush=True)
        sys.stdin.read()
