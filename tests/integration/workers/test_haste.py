"""Reading in haste and making it whole, on the real Postgres and model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from inference.builds import Build
from schemas.completions import Completion
from schemas.effort import POSTPONED, Effort, Pace, Window
from store import builds, completions, pace as paces, work
from store.database import Database
from tests.integration.store.rows import read
from tests.integration.workers.corpus import add_source, assert_whole, count, write_corpus
from workers.inference import analyse
from workers.ingest import poll_source
from workers.mill import Mill
from workers.prefilter import screen
from workers.queues import AUDIT, BACK_FILL, INFERENCE, PREFILTER
from workers.reconstruct import rebuild

ARTICLES = 9
HOUR = timedelta(hours=1)
SCORED = {
    Effort.CLOSED: {"category", "sentiment", "biased", "bias_scale"},
    Effort.GATE: {"category"},
}


@pytest.fixture
def waiting(mill: Mill, database: Database, tmp_path: Path) -> int:
    """So many articles that wait for the model; their texts are longer than a quarter's budget."""
    path = write_corpus(
        tmp_path / "corpus.jsonl",
        ARTICLES,
        marks=[(place, LONG) for place in range(ARTICLES)],
    )
    poll_source.run(add_source(database, path))
    screen.run([])
    return ARTICLES


LONG = " ".join(f"Speaker {number} asked for report {number * 3} in full." for number in range(90))


def set_pace(
    database: Database,
    effort: Effort,
    *,
    held: timedelta = timedelta(0),
    rates: Mapping[Effort, float] | None = None,
) -> None:
    """Let the workers go on from an effort that was chosen `held` ago."""
    with database.begin() as session:
        at = paces.read_load(session, INFERENCE).at
        pace = Pace(
            effort=effort,
            since=at - held,
            rates=dict(rates or {}),
            window=Window(began=at, waiting=0, waiting_last=0),
        )
        paces.save(session, INFERENCE, pace)


def read_pace(database: Database) -> Pace:
    with database.begin() as session:
        pace = paces.find(session, INFERENCE)
    assert pace is not None
    return pace


def forget_looks(mill: Mill) -> None:
    """Let the next claim look at the load at once."""
    vars(mill).pop("pilot", None)


@pytest.mark.parametrize("effort", [Effort.SHORT, Effort.CLOSED, Effort.GATE])
def test_what_is_read_in_haste_says_so_and_is_made_whole_when_nothing_waits(
    mill: Mill, database: Database, waiting: int, effort: Effort
) -> None:
    set_pace(database, effort)
    analyse.run([])
    rebuild.run([])
    rows = read(database, "SELECT effort, postponed, status, reason, values, notes FROM analysis")
    assert len(rows) == waiting
    for found, postponed, status, reason, values, notes in rows:
        assert found == effort
        assert reason.startswith(effort.remark)
        missing = {name for name, value in values.items() if value is None}
        assert missing == set(postponed) == {n for n, note in notes.items() if note == POSTPONED}
        assert status == ("partial" if missing else "complete")
        if effort in SCORED:
            assert set(values) - missing == SCORED[effort]
    assert read(database, "SELECT DISTINCT stage, priority, state, attempts FROM work") == [
        (INFERENCE, BACK_FILL, "waiting", 0)
    ]

    set_pace(database, Effort.FULL)
    forget_looks(mill)
    analyse.run([])
    rebuild.run([])
    assert_whole(database, waiting)
    assert read(database, "SELECT DISTINCT effort, postponed, status, reason FROM analysis") == [
        ("full", [], "complete", None)
    ]


def test_closed_fields_are_the_same_with_and_without_the_texts(
    mill: Mill, database: Database, waiting: int
) -> None:
    streams = {}
    for effort in (Effort.CLOSED, Effort.SHORT):
        set_pace(database, effort)
        forget_looks(mill)
        with database.begin() as session:
            session.execute(text("UPDATE work SET priority = 1"))
        analyse.run([])
        rows = read(database, "SELECT article_id, stream, effort FROM completion")
        assert {row[2] for row in rows} == {effort}
        streams[effort] = {row[0]: row[1].split(" ||| ")[:4] for row in rows}
    assert streams[Effort.CLOSED] == streams[Effort.SHORT]


def test_back_fill_waits_while_work_is_read_in_haste(
    mill: Mill, database: Database, waiting: int
) -> None:
    set_pace(database, Effort.GATE)
    analyse.run([])
    analyse.run([])
    assert count(database, "SELECT count(*) FROM completion WHERE effort = 'full'") == 0
    assert count(database, f"SELECT count(*) FROM work WHERE priority = {BACK_FILL}") == waiting


def test_edited_article_that_waited_as_back_fill_is_read_with_the_news(
    mill: Mill, database: Database, waiting: int
) -> None:
    set_pace(database, Effort.GATE)
    analyse.run([])
    with database.begin() as session:
        session.execute(text("UPDATE work SET enqueued_at = now() - interval '2 days'"))
        edited_id = session.execute(text("SELECT min(id) FROM article")).scalar_one()
        edit = "UPDATE article SET text = 'It was denied.', revision = 2 WHERE id = :id"
        session.execute(text(edit), {"id": edited_id})
        work.enqueue(session, PREFILTER, [edited_id], again=True)
    screen.run([])
    urgent = (
        "SELECT subject_id, priority FROM work WHERE stage = 'inference' AND priority <> :back_fill"
    )
    assert read(database, urgent, back_fill=BACK_FILL) == [(edited_id, AUDIT)]
    with database.begin() as session:
        # Days of waiting as back-fill are no reason for haste.
        assert paces.read_load(session, INFERENCE).oldest < HOUR


def test_worker_reads_in_haste_when_the_queue_is_too_old_and_in_full_when_it_is_not(
    mill: Mill, database: Database, waiting: int
) -> None:
    set_pace(database, Effort.FULL, held=HOUR, rates={Effort.FULL: 0.5})
    with database.begin() as session:
        session.execute(text("UPDATE work SET enqueued_at = now() - interval '1 hour'"))
    analyse.run([])
    assert read_pace(database).effort is Effort.GATE
    assert count(database, "SELECT count(*) FROM completion WHERE effort = 'gate'") == waiting

    set_pace(database, Effort.GATE, held=HOUR, rates={Effort.FULL: 500.0})
    forget_looks(mill)
    analyse.run([])
    rebuild.run([])
    assert read_pace(database).effort is Effort.FULL
    assert_whole(database, waiting)


def test_machines_that_hold_different_builds_go_on_from_each_others_measurements(
    mill: Mill, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_pace(database, Effort.FULL, rates={Effort.FULL: 200.0})
    held = mill.analyst.build
    for name in ("starter", "other"):
        renamed = Build(held.folder, held.manifest.model_copy(update={"name": name}))
        monkeypatch.setattr(mill.analyst, "build", renamed)
        forget_looks(mill)
        mill.pilot.choose_effort()
        assert read_pace(database).rates == {Effort.FULL: 200.0}
    with database.begin() as session:
        builds.register(session, "newer", "0" * 64, {})
        builds.set_live(session, "newer")
    forget_looks(mill)
    mill.pilot.choose_effort()
    assert read_pace(database).rates == {}


def test_without_leave_to_degrade_everything_is_read_in_full(
    mill: Mill, database: Database, waiting: int
) -> None:
    objective = mill.settings.objective.model_copy(update={"may_degrade": False})
    mill.settings = mill.settings.model_copy(update={"objective": objective})
    set_pace(database, Effort.GATE)
    analyse.run([])
    assert count(database, "SELECT count(*) FROM completion WHERE effort = 'full'") == waiting


def test_article_read_in_full_before_is_not_overwritten_in_haste(
    mill: Mill, database: Database, waiting: int
) -> None:
    analyse.run([])
    before = read(database, "SELECT id, stream, created_at FROM completion ORDER BY id")
    with database.begin() as session:
        ids = session.execute(text("SELECT id FROM article")).scalars().all()
        work.enqueue(session, INFERENCE, [(article_id, "editorial") for article_id in ids])
    set_pace(database, Effort.GATE)
    forget_looks(mill)
    analyse.run([])
    assert read(database, "SELECT id, stream, created_at FROM completion ORDER BY id") == before
    assert count(database, f"SELECT count(*) FROM work WHERE stage = '{INFERENCE}'") == 0


def test_claim_lost_to_another_worker_leaves_that_worker_its_row(
    mill: Mill, database: Database, waiting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_pace(database, Effort.GATE)
    original = completions.save

    def steal_first(
        session: Session, rows: Sequence[tuple[int, Completion]], text_keys: Any
    ) -> list[int]:
        # Another worker takes everything over while this one is reading.
        session.execute(
            text(
                "UPDATE work SET state = 'claimed', claim_id = gen_random_uuid(), attempts = 2,"
                " lease_until = now() + interval '1 hour' WHERE stage = 'inference'"
            )
        )
        return original(session, rows, text_keys)

    monkeypatch.setattr(completions, "save", steal_first)
    analyse.run([])
    stolen = read(database, "SELECT state, attempts, priority FROM work WHERE stage = 'inference'")
    assert stolen == [("claimed", 2, AUDIT)] * waiting


def test_short_article_that_loses_nothing_counts_as_read_in_full(
    mill: Mill, database: Database, tmp_path: Path
) -> None:
    poll_source.run(add_source(database, write_corpus(tmp_path / "short.jsonl", 3)))
    screen.run([])
    set_pace(database, Effort.SHORT)
    analyse.run([])
    rebuild.run([])
    assert_whole(database, 3)


def test_texts_that_agree_are_read_in_haste_once_and_made_whole_once(
    mill: Mill, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "twins.jsonl"
    titles = [f"Parliament votes{outlet}" for outlet in ("", " | The Post", " | The Courier")]
    lines = [json.dumps({"title": title, "text": LONG}) + "\n" for title in titles]
    path.write_text("".join(lines[:2]))
    source_id = add_source(database, path)
    poll_source.run(source_id)
    screen.run([])
    set_pace(database, Effort.GATE)
    analyse.run([])
    copies = "SELECT count(*) FROM completion WHERE read_as_article_id IS NOT NULL"
    efforts = "SELECT effort, count(*) FROM completion GROUP BY effort"
    assert (read(database, efforts), count(database, copies)) == ([("gate", 2)], 1)
    assert count(database, f"SELECT count(*) FROM work WHERE priority = {BACK_FILL}") == 2

    with path.open("a") as corpus:
        corpus.write(lines[2])
    add_source(database, path)
    poll_source.run(source_id)
    screen.run([])
    forget_looks(mill)
    analyse.run([])
    assert (read(database, efforts), count(database, copies)) == ([("gate", 3)], 2)
    assert count(database, f"SELECT count(*) FROM work WHERE priority = {BACK_FILL}") == 3

    set_pace(database, Effort.FULL)
    forget_looks(mill)
    analyse.run([])
    rebuild.run([])
    assert_whole(database, 3)
    assert (read(database, efforts), count(database, copies)) == ([("full", 3)], 2)


def test_kept_articles_go_before_audits(mill: Mill, database: Database, tmp_path: Path) -> None:
    marks = [(place, "Parliament agreed.") for place in (1, 4)]
    poll_source.run(add_source(database, write_corpus(tmp_path / "mixed.jsonl", 6, marks=marks)))
    screen.run([])
    rows = read(
        database,
        "SELECT DISTINCT priority, decision FROM work JOIN screening ON article_id = subject_id"
        " WHERE stage = 'inference' ORDER BY priority",
    )
    assert rows == [(0, "drop"), (1, "keep")]
