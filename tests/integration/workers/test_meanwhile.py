"""What happens while a task is at work: edits, other workers, leases that run out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from inference import analyst
from inference.engine import Engine
from inference.prompt import compose_prompt
from ingest.identity import text_key
from schemas.errors import PermanentError, TransientError
from store import articles, completions, dead, pages, work
from store.database import Database
from tests.integration.workers.corpus import (
    add_source,
    count,
    fail,
    ids,
    write_corpus,
)
from workers import slices, stretch
from workers.inference import analyse
from workers.ingest import poll_source
from workers.mill import Mill
from workers.prefilter import screen
from workers.queues import AUDIT, PREFILTER
from workers.reconstruct import rebuild

ARTICLES = 25

LONG = " ".join(f"Delegate {number} took the floor and spoke." for number in range(20))
"""Long enough for its twin to be known by it."""


@pytest.fixture
def corpus(database: Database, tmp_path: Path) -> int:
    return add_source(database, write_corpus(tmp_path / "corpus.jsonl", ARTICLES))


Change = Callable[[Session, int], object]
"""Gives an article another text, by its id."""


def edit(session: Session, article_id: int) -> None:
    change = "UPDATE article SET text = text || ' More.', revision = revision + 1 WHERE id = :id"
    session.execute(text(change), {"id": article_id})


def put_page(session: Session, article_id: int) -> None:
    (article,) = articles.load(session, [article_id])
    body = f"{article.text} More."
    pages.save(session, article_id, 1, chosen="page", text=body, links=None, note=None)


changes = pytest.mark.parametrize("change", [edit, put_page])


def change_while_read(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    change: Change,
    choose: Callable[[int], int],
) -> None:
    """Change an article once another, or itself, has been read and is about to be saved."""
    save = stretch.Stretch.save

    def change_first(self: stretch.Stretch, done: Any) -> None:
        monkeypatch.setattr(stretch.Stretch, "save", save)
        with database.begin() as session:
            change(session, choose(done[0][0].key[0]))
        save(self, done)

    monkeypatch.setattr(stretch.Stretch, "save", change_first)


def assert_read_as_changed(database: Database) -> None:
    query = (
        "SELECT DISTINCT title, text, text_key FROM completion "
        "JOIN article ON article.id = article_id WHERE text LIKE '% More.'"
    )
    with database.begin() as session:
        [(title, body, key)] = session.execute(text(query))
    assert key == text_key(title, body)


@changes
def test_article_that_gets_another_text_while_it_is_read_is_read_anew(
    mill: Mill, database: Database, corpus: int, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    poll_source.run(corpus)
    screen.run(ids(database, PREFILTER))
    change_while_read(database, monkeypatch, change, lambda read_id: read_id)
    analyse.run([])
    assert_read_as_changed(database)


@changes
def test_article_that_gets_another_text_while_its_twin_is_read_for_both_is_read_anew(
    mill: Mill, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    lines = [
        json.dumps({"title": f"Parliament votes{outlet}", "text": LONG}) + "\n"
        for outlet in (" | The Post", " | The Courier")
    ]
    (tmp_path / "twins.jsonl").write_text("".join(lines))
    poll_source.run(add_source(database, tmp_path / "twins.jsonl"))
    twins = ids(database, PREFILTER)
    screen.run([])
    change_while_read(database, monkeypatch, change, lambda read_id: sum(twins) - read_id)
    analyse.run([])
    assert_read_as_changed(database)


def test_article_that_cannot_be_asked_about_is_given_up_with_its_twin_alone(
    mill: Mill, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_corpus(tmp_path / "corpus.jsonl", ARTICLES)
    with path.open("a") as file:
        for outlet in (" | The Post", " | The Courier"):
            file.write(json.dumps({"title": f"Parliament votes{outlet}", "text": LONG}) + "\n")
    poll_source.run(add_source(database, path))
    screen.run([])

    def refuse_votes(title: str, *args: Any, **options: Any) -> Any:
        if "Parliament" in title:
            raise PermanentError("no room")
        return compose_prompt(title, *args, **options)

    monkeypatch.setattr(analyst, "compose_prompt", refuse_votes)
    analyse.run([])
    with database.begin() as session:
        letters = dead.list_dead(session)
    assert [(each.attempts, each.error.split(" (")[0]) for each in letters] == [
        (1, "PermanentError: no room")
    ] * 2
    assert count(database, "SELECT count(*) FROM completion") == ARTICLES


@changes
def test_article_that_gets_another_text_while_it_gets_its_twins_answer_is_read_anew(
    mill: Mill, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    path = tmp_path / "twins.jsonl"
    path.write_text(json.dumps({"title": "Parliament votes | The Post", "text": LONG}) + "\n")
    poll_source.run(add_source(database, path))
    screen.run([])
    analyse.run([])
    with path.open("a") as file:
        file.write(json.dumps({"title": "Parliament votes | The Courier", "text": LONG}) + "\n")
    poll_source.run(add_source(database, path))
    screen.run([])
    copy = completions.copy_read

    def change_first(session: Any, wanted: Any, *arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(completions, "copy_read", copy)
        with database.begin() as other:
            change(other, next(iter(wanted)).article_id)
        return copy(session, wanted, *arguments, **options)

    monkeypatch.setattr(completions, "copy_read", change_first)
    analyse.run([])
    assert_read_as_changed(database)


def overtake(
    database: Database, monkeypatch: pytest.MonkeyPatch, target: str, change: str, task: Any
) -> None:
    """Let a task be overtaken once it has read: rows change, and another worker does it anew."""
    *module, name = target.split(".")
    original = getattr(sys.modules[".".join(module)], name)
    stage = PREFILTER if task is screen else "reconstruct"

    def read(*arguments: Any, **options: Any) -> Any:
        found = original(*arguments, **options)
        monkeypatch.setattr(target, original)
        with database.begin() as session:
            session.execute(text(change))
            work.enqueue(session, stage, ids(database, stage), again=True)
        task.run([])
        return found

    monkeypatch.setattr(target, read)
    task.run([])
    assert ids(database, stage) == []


def test_article_that_was_screened_by_another_worker_meanwhile_keeps_the_newer_screening(
    mill: Mill, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_corpus(tmp_path / "corpus.jsonl", 1, marks=[(0, "Parliament agreed.")])
    poll_source.run(add_source(database, path))
    edit = "UPDATE article SET text = 'Roses need water.', revision = 2"
    overtake(database, monkeypatch, "store.articles.load", edit, screen)
    assert count(database, "SELECT count(*) FROM screening WHERE decision = 'keep'") == 0
    assert count(database, "SELECT priority FROM work WHERE stage = 'inference'") == AUDIT


def test_completion_that_was_rebuilt_by_another_worker_meanwhile_keeps_the_newer_analysis(
    mill: Mill, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll_source.run(add_source(database, write_corpus(tmp_path / "corpus.jsonl", 1)))
    screen.run([])
    analyse.run([])
    change = "UPDATE completion SET stream = 'Sports ||| 9'"
    overtake(database, monkeypatch, "workers.reconstruct.rebuild_stored", change, rebuild)
    sentiment = "SELECT CAST(values ->> 'sentiment' AS int) FROM analysis"
    assert count(database, sentiment) == 9


@pytest.mark.parametrize("phase", ["prefill", "step"])
def test_leases_are_kept_while_prompts_are_computed_and_answers_are_decoded(
    mill: Mill, database: Database, corpus: int, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    poll_source.run(corpus)
    screen.run([])
    begun = stretch.Stretch(mill, slices.Slice(timedelta(minutes=1)))
    compute, is_slow = getattr(Engine, phase), False

    def be_slow_once(*arguments: Any, **options: Any) -> Any:
        nonlocal is_slow
        if not is_slow:
            is_slow = True
            expire_leases(database)
            begun._extended_at -= mill.settings.queue.lease.total_seconds()
        else:
            assert count(database, EXPIRED) == 0, "before anything is saved"
        return compute(*arguments, **options)

    monkeypatch.setattr(Engine, phase, be_slow_once)
    next(mill.analyst.analyse(begun.requests(), begun.keep_leases))
    assert is_slow


def test_database_that_is_away_for_a_moment_while_answers_are_decoded_does_no_harm(
    mill: Mill, database: Database, corpus: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll_source.run(corpus)
    screen.run([])
    begun = stretch.Stretch(mill, slices.Slice(timedelta(minutes=1)))
    next(begun.requests())
    expire_leases(database)
    begun._extended_at -= mill.settings.queue.lease.total_seconds()
    with monkeypatch.context() as away:
        away.setattr(work, "extend", lambda *_: fail(TransientError("away")))
        begun.keep_leases()
    begun.keep_leases()
    assert count(database, EXPIRED) == 0


EXPIRED = "SELECT count(*) FROM work WHERE state = 'claimed' AND lease_until <= now()"


def expire_leases(database: Database) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE work SET lease_until = now() WHERE state = 'claimed'"))
