"""`newsmill record` and `newsmill replay`: recorded, replayed, compared, interrupted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from newsmill.commands import ingest, record, replay
from newsmill.replay.place import FOLDER
from newsmill.services.launcher import Services
from schemas.errors import ConfigError
from tests.homes import make_home
from tests.nasty_web import ADDRESS, asked, serve_nastily
from tests.paths import ROOT

RULE = """
    - id: no-councils
      action: drop
      reason: For a test
      pattern: '\\bcouncil of town\\b'
      example: 'The council of town 1 met'
      counter_example: 'A town met'
"""


@pytest.fixture
def home(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with servers that have rows of their own."""
    home = make_home()
    monkeypatch.chdir(home)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("NEWSMILL_HOME", str(home))
    monkeypatch.setenv("NEWSMILL_INGEST__ALLOWED_HOSTS", f'["{ADDRESS}"]')
    monkeypatch.setenv("NEWSMILL_LENSES", '["editorial"]')
    yield home
    shutil.rmtree(home)


@pytest.fixture
def replaying(home: Path) -> Iterator[None]:
    """The servers of the replays, started once for all replays of a test."""
    with Services.launch(home / FOLDER):
        yield


def run(*arguments: str | Path, exit_code: int = 0) -> str:
    result = invoke(*arguments)
    assert result.exit_code == exit_code, (result.output, result.exception)
    return str(result.output)


def refuse(*arguments: str | Path) -> str:
    """Run a command that fails; the command line tells the error in one line."""
    error = invoke(*arguments).exception
    assert isinstance(error, ConfigError)
    return str(error)


def invoke(*arguments: str | Path) -> Any:
    app = typer.Typer()
    for module in (ingest, record, replay):
        app.command(module.__name__.rpartition(".")[2])(module.command)
    return CliRunner().invoke(app, [*map(str, arguments)])


def make_lenses(folder: Path) -> Path:
    """Copy the lens, with a rule before all others that drops whatever a council does."""
    shutil.copytree(ROOT / "lenses" / "editorial", folder / "editorial")
    file = folder / "editorial" / "lens.yaml"
    text, first = file.read_text(), "    - id: sponsored\n"
    assert text.count(first) == 1
    file.write_text(text.replace(first, RULE.lstrip("\n") + first))
    return folder


def test_rows_of_the_same_recording_do_not_differ(replaying: None, tmp_path: Path) -> None:
    folder, rows = tmp_path / "recording", tmp_path / "rows.jsonl"
    dated = {"id": 1, "title": "Ferry late", "published": "2026-11-02", "text": "An hour late."}
    (tmp_path / "corpus.jsonl").write_text(json.dumps(dated) + "\n")
    run("record", folder, "--hours", "1")
    run("ingest", "--now", tmp_path / "corpus.jsonl")
    run("record", "--stop")
    run("replay", folder, "--rows", rows)
    article, *_ = [json.loads(line) for line in rows.read_text().splitlines()]
    assert article["published_at"] == "2026-11-02 00:00:00+00:00"
    assert "no row differs" in run("replay", folder, "--against", rows)
    result = invoke("replay", folder, "--against", tmp_path / "corpus.jsonl")
    assert "is no file of rows: line 1 is no row" in str(result.exception)
    assert "played" not in result.output, "it is looked at before"


def test_day_is_recorded_replayed_and_compared_with_other_rules(
    replaying: None, tmp_path: Path
) -> None:
    folder, rows = tmp_path / "recording", tmp_path / "rows.jsonl"
    assert "nothing is recorded" in run("record", "--status")
    assert f"recording to {folder}" in run("record", folder, "--hours", "1")
    assert "end it first" in refuse("record", folder)
    with serve_nastily() as web:
        run("ingest", "--now", f"{web}/good", f"{web}/edited")
        run("ingest", "--now", f"{web}/edited")
    assert "3 polls and pages, 3 answers" in run("record", "--stop")
    assert json.loads(run("record", "--status", "--json"))["visits"] == 3
    before = list(asked)

    told = run("replay", folder, "--rows", rows)
    assert "played     3 polls and 0 pages" in told
    assert "articles   6 of 2 sources" in told
    assert "unanswered 6 requests" in told
    replayed = [json.loads(line) for line in rows.read_text().splitlines()]
    assert [row["row"] for row in replayed].count("screening") == 6
    lenses = make_lenses(tmp_path / "lenses")
    other = ("--lenses-dir", lenses, "--against", rows, "--speed", "1000")
    told = run("replay", folder, *other, exit_code=3)
    assert "screening: 0 the same, 6 changed" in told
    assert "now drop by no-councils" in told
    assert "article: 6 the same" in told
    assert asked == before


def test_what_is_no_recording_or_no_speed_is_told(home: Path, tmp_path: Path) -> None:
    assert "is no recording" in refuse("replay", tmp_path)
    assert "give a number" in refuse("replay", tmp_path, "--speed", "0")
    assert "is no recording and not empty" in refuse("record", home)
