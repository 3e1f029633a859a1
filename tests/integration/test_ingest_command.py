"""`newsmill ingest --now` as a process: killed and gone on with, and what it says of bad rows."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from store import sources, work
from store.database import Database
from tests.integration.workers.corpus import count
from tests.paths import ROOT
from workers.queues import INGEST

ROWS = 1_500


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, name="newsmill-tests")
    yield database
    database.close()


@pytest.fixture
def environment(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "NEWSMILL_HOME": str(tmp_path / "home"),
        "NEWSMILL_INGEST__BATCH": "20",
        "PATH": "",
        "COLUMNS": "200",
    }


def start(environment: dict[str, str], *arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "newsmill.cli", "ingest", "--now", *map(str, arguments)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "newsmill.cli", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def wait_for_articles(database: Database, number: int) -> None:
    give_up = time.monotonic() + 60
    while count(database, "SELECT count(*) FROM article") < number:
        assert time.monotonic() < give_up, "no articles came"
        time.sleep(0.02)


def write_rows(path: Path, number: int = ROWS) -> Path:
    rows = [f"id-{n},Council {n},Council {n} met on day {n * 31}.\n" for n in range(number)]
    path.write_text("id,title,text\n" + "".join(rows))
    return path


def test_killed_reading_goes_on_and_stores_each_article_once(
    environment: dict[str, str], database: Database, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "corpus.csv")
    with start(environment, path) as killed:
        wait_for_articles(database, 100)
        killed.kill()
    before = count(database, "SELECT count(*) FROM article")
    with start(environment, path, "--json") as resumed:
        told, _ = resumed.communicate(timeout=100)
    assert resumed.returncode == 0
    (row,) = json.loads(told)
    assert (row["new"], row["known"], row["refused"]) == (ROWS - before, 0, 0)
    assert count(database, "SELECT count(*) FROM article") == ROWS
    assert count(database, "SELECT count(DISTINCT external_id) FROM article") == ROWS
    assert count(database, "SELECT count(*) FROM work WHERE stage = 'prefilter'") == ROWS
    assert count(database, "SELECT count(*) FROM work WHERE stage = 'ingest'") == 0


def test_interrupted_reading_says_how_to_go_on(
    environment: dict[str, str], database: Database, tmp_path: Path
) -> None:
    # So many that no machine is through before the signal comes.
    path = write_rows(tmp_path / "corpus.csv", 40 * ROWS)
    with start(environment, path) as interrupted:
        wait_for_articles(database, 100)
        interrupted.terminate()
        _, told = interrupted.communicate(timeout=100)
    assert interrupted.returncode == 130
    assert "interrupted: name the same sources again to go on from here\n" in told


def test_refused_rows_are_told_and_written_with_their_reasons(
    environment: dict[str, str], database: Database, tmp_path: Path
) -> None:
    path, report = tmp_path / "corpus.jsonl", tmp_path / "refused.jsonl"
    good = json.dumps(
        {"title": "De raad stemde over de begroting", "text": "Het plan is goed. " * 9}
    )
    path.write_text(good + "\n" + "{bad\n" * 7)
    with start(environment, path, "--refused", report, "--no-stories") as process:
        told, complaints = process.communicate(timeout=100)
    assert process.returncode == 3
    assert "1 new, 0 known, 7 refused" in told
    assert len(complaints.splitlines()) == 6
    assert f"{path}: line 2: not JSON" in complaints
    assert "2 more refused, all in" in complaints
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [line["where"] for line in lines] == [f"line {n}" for n in range(2, 9)]
    assert all("not JSON" in line["reason"] for line in lines)
    assert count(database, "SELECT count(*) FROM signature") == 0
    assert count(database, "SELECT count(*) FROM article WHERE language = 'nl'") == 1


def test_stories_are_listed_with_who_had_them_first(
    environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "corpus.jsonl"
    text = "The council of Veldmark voted on Monday to close the old ferry line across the bay. "
    rows = [
        {
            "title": f"Veldmark closes its ferry{end}",
            "text": text * 3 + end,
            "date": f"2026-11-0{day}",
        }
        for day, end in ((2, ""), (1, " at last"))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with start(environment, path) as process:
        process.communicate(timeout=100)
    (story,) = json.loads(run(environment, "stories", "--json").stdout)
    assert (story["articles"], story["sources"]) == (2, 1)
    assert story["title"] == "Veldmark closes its ferry at last"
    told = json.loads(run(environment, "stories", str(story["story_id"]), "--json").stdout)
    assert [each["told_at"][:10] for each in told] == ["2026-11-01", "2026-11-02"]
    assert "Veldmark closes its ferry" in run(environment, "stories").stdout
    missing = run(environment, "stories", "999")
    assert (missing.returncode, len(missing.stderr.splitlines())) == (2, 1)


def test_progress_is_what_is_stored(database: Database) -> None:
    with database.begin() as session:
        source_id = sources.upsert(session, kind="jsonl", location="/corpus.jsonl")
        work.enqueue(session, INGEST, [source_id])
        assert sources.read_progress(session, [source_id]) == {source_id: (0, 0)}
        sources.save_cursor(session, source_id, {"position": 77})
        assert sources.read_progress(session, [source_id]) == {source_id: (77, 0)}
