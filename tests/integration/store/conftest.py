"""A database for each test, and a source to hang articles on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from store import sources
from store.database import Database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, name="newsmill-tests", pool_size=10)
    yield database
    database.close()


@pytest.fixture
def source_id(database: Database) -> int:
    with database.begin() as session:
        return sources.upsert(session, kind="jsonl", location="/corpus.jsonl", name="corpus")
