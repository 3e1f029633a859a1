"""Hosts: one holder at a time, a pause after it, and nobody waits for the dead."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from store import hosts
from store.database import Database
from tests.integration.store.rows import HOUR, OVER, read

NEWS = "news.example"


def claim(database: Database, *names: str, hold: timedelta = HOUR) -> bool:
    with database.begin() as session:
        return not hosts.claim(session, names or [NEWS], hold=hold)


def free(database: Database, pause: timedelta = OVER) -> None:
    with database.begin() as session:
        hosts.free(session, [NEWS], pause=pause)


def test_host_has_one_holder_at_a_time(database: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: claim(database), range(8))) == 1


def test_other_hosts_are_not_concerned(database: Database) -> None:
    assert claim(database)
    assert claim(database, "other.example")


def test_of_several_hosts_the_free_ones_are_taken(database: Database) -> None:
    assert claim(database)
    with database.begin() as session:
        waits = hosts.claim(session, [NEWS, "b.example", "a.example", "a.example"], hold=HOUR)
    assert list(waits) == [NEWS]
    assert timedelta(minutes=59) < waits[NEWS] <= HOUR
    assert not claim(database, "a.example")


def test_freed_host_is_left_in_peace_for_the_pause(database: Database) -> None:
    assert claim(database)
    free(database, pause=HOUR)
    assert not claim(database)
    free(database)
    assert claim(database)


def test_holder_that_died_holds_no_longer_than_it_said(database: Database) -> None:
    assert claim(database, hold=OVER)
    assert claim(database)


def test_idle_hosts_are_forgotten(database: Database) -> None:
    assert claim(database)
    read(database, "UPDATE host SET free_at = now() - interval '2 hours' RETURNING 1")
    with database.begin() as session:
        assert hosts.forget_idle(session) == 1
