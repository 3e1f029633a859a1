"""Articles for the tests of the workers, and what must be true of them in the end."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import text

from store import sources, work
from store.database import Database
from workers.queues import INGEST


def write_corpus(path: Path, number: int, *, marks: Iterable[tuple[int, str]] = ()) -> Path:
    """Write articles that are all different; `marks` puts a word into the texts of some."""
    marked = dict(marks)
    with path.open("w") as file:
        for place in range(number):
            row = {
                "id": f"row{place}",
                "title": f"Council number {place} votes on its budget",
                "text": f"The council of town {place} met on Monday. It spent {place * 7} euros. "
                f"Members of both parties praised report {place}. {marked.get(place, '')}",
            }
            file.write(json.dumps(row) + "\n")
    return path


def add_source(database: Database, path: Path) -> int:
    """Add a corpus, and the work to read it; the sweep sends its message."""
    with database.begin() as session:
        source_id = sources.upsert(session, kind="jsonl", location=str(path))
        work.enqueue(session, INGEST, [source_id])
        return source_id


def count(database: Database, query: str) -> int:
    with database.begin() as session:
        return int(session.execute(text(query)).scalar_one())


def assert_whole(database: Database, number: int) -> None:
    """Every article is there once, with one row of each stage, and nothing waits or is dead."""
    assert count(database, "SELECT count(*) FROM work") == 0
    assert count(database, "SELECT count(*) FROM article") == number
    for table in ("screening", "completion", "analysis"):
        rows = count(database, f"SELECT count(*) FROM {table}")
        articles = count(database, f"SELECT count(DISTINCT article_id) FROM {table}")
        assert (table, rows, articles) == (table, number, number)


def ids(database: Database, stage: str) -> list[int]:
    with database.begin() as session:
        query = "SELECT subject_id FROM work WHERE stage = :stage ORDER BY subject_id"
        return list(session.execute(text(query), {"stage": stage}).scalars())


def fail(error: Exception) -> None:
    raise error
