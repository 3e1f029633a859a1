"""Writes the lock files: every package, with its version, that pip would install.

Run it with `make lock`, in the project's environment, after a change of dependencies in
pyproject.toml. It asks pip for a resolution and installs nothing. It knows nothing about what
the packages are for, and writes no index, host or file path: where packages come from is the
matter of each machine's pip.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "requirements.lock": ("embedded",),
    "requirements-dev.lock": ("embedded", "dev", "train"),
}
HEADER = """\
# Written by `make lock` from pyproject.toml[{extras}] for Python {python} on Linux. Do not edit.
# Why there are no hashes: docs/decisions/0005-locks.md
"""


def resolve(extras: tuple[str, ...], upgrade: bool) -> dict[str, str]:
    """Ask pip what it would install; name → version, the project itself left out."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
    command += ["--ignore-installed", "--report", "-", f"{ROOT}[{','.join(extras)}]"]
    for lock in [] if upgrade else LOCKS:
        if (ROOT / lock).exists():
            command += ["--constraint", str(ROOT / lock)]
    report = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    packages = (item["metadata"] for item in json.loads(report)["install"])
    return {
        canonical_name(package["name"]): public_version(package["version"])
        for package in packages
        if package["name"] != "newsmill"
    }


def canonical_name(name: str) -> str:
    """Return the name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def public_version(version: str) -> str:
    """Drop a local part such as `+cpu`, which only the index that built it knows."""
    return version.partition("+")[0]


def main(arguments: list[str]) -> None:
    """Write both locks; `--upgrade` lets transitive packages move to their newest version."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    for lock, extras in LOCKS.items():
        packages = resolve(extras, upgrade="--upgrade" in arguments)
        lines = [f"{name}=={version}\n" for name, version in sorted(packages.items())]
        header = HEADER.format(extras=",".join(extras), python=python)
        (ROOT / lock).write_text(header + "".join(lines))
        sys.stdout.write(f"{lock}: {len(lines)} packages\n")


if __name__ == "__main__":
    main(sys.argv[1:])
