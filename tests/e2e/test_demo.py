"""The demo as a stranger runs it: the program itself, twice, in a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from schemas.lens import load_lenses
from schemas.settings import ROOT
from tests.homes import list_processes_of

pytestmark = pytest.mark.timeout(400)


def run_demo(home: Path) -> dict[str, Any]:
    environment = {**os.environ, "NEWSMILL_HOME": str(home)}
    for name in ("DATABASE_URL", "REDIS_URL"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-m", "newsmill.cli", "demo", "--json"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_demo_gives_valid_rows_leaves_nothing_running_and_adds_none_the_second_time(
    short_home: Path,
) -> None:
    first = run_demo(short_home)
    totals = first["totals"]
    assert totals["sources"] == 4
    assert totals["articles"] >= 60
    assert totals["screened"] == totals["articles"]
    assert totals["kept"] < totals["articles"] / 2, "the rules drop most"
    assert totals["analyses"] == totals["completions"] > 0
    assert first["dead"] == totals["rejected"] == 0
    assert list_processes_of(short_home) == []

    lenses = load_lenses(ROOT / "lenses")
    assert {row["lens"] for row in first["analyses"]} == set(lenses)
    for row in first["analyses"]:
        for field in lenses[row["lens"]].contract.fields:
            value = row["values"][field.name]
            assert value is None or field.validate_value(value) is None

    second = run_demo(short_home)
    assert second["totals"] == totals
    assert list_processes_of(short_home) == []
