"""A database with a clock of its own: statements and defaults take the moment that was set."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from newsmill.services.launcher import Services
from store import hosts, migrations, sources
from store.database import Database
from store.played_clock import make_played_database, set_clock
from tests.integration.conftest import name_database

NOON = datetime(2021, 3, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def played(services: Services) -> Iterator[Database]:
    url = name_database(services.database_url, "played_clock")
    make_played_database(url)
    migrations.upgrade(url)
    database = Database(url, name="newsmill-tests")
    yield database
    database.close()


def test_moment_that_was_set_is_now_for_statements_and_defaults(played: Database) -> None:
    with played.begin() as session:
        set_clock(session, NOON)
    with played.begin() as session:
        sources.upsert(session, kind="feed", location="https://a.example", interval=HOUR)
        row = session.execute(text("SELECT created_at, next_due_at, now() FROM source")).one()
    assert tuple(row) == (NOON, NOON, NOON)


def test_clock_stands_still_until_it_is_set_again(played: Database) -> None:
    with played.begin() as session:
        set_clock(session, NOON)
        hosts.claim(session, ["a.example"], hold=HOUR)
    with played.begin() as session:
        assert hosts.claim(session, ["a.example"], hold=HOUR) == {"a.example": HOUR}
        set_clock(session, NOON + HOUR)
        assert hosts.claim(session, ["a.example"], hold=HOUR) == {}


def test_database_is_made_anew_and_empty(services: Services, played: Database) -> None:
    with played.begin() as session:
        sources.upsert(session, kind="feed", location="https://a.example")
    url = name_database(services.database_url, "played_clock")
    make_played_database(url)
    migrations.upgrade(url)
    database = Database(url, name="newsmill-tests")
    with database.begin() as session:
        assert session.execute(text("SELECT count(*) FROM source")).scalar_one() == 0
    database.close()
