"""Hosts: one holder at a time, a pause after it, and nobody waits for the dead."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from store import hosts
from store.database import Database
from tests.integration.store.rows import HOUR, OVER, read


def claim(database: Database, name: str = "news.example", hold: timedelta = HOUR) -> bool:
    with database.begin() as session:
        return hosts.claim(session, name, hold=hold) is None


def free(database: Database, pause: timedelta = OVER) -> None:
    with database.begin() as session:
        hosts.free(session, "news.example", pause=pause)


def test_host_has_one_holder_at_a_time(database: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: claim(database), range(8))) == 1


def test_other_hosts_are_not_concerned(database: Database) -> None:
    assert claim(database)
    assert claim(database, "other.example")


def test_freed_host_is_left_in_peace_for_the_pause(database: Database) -> None:
    assert claim(database)
    free(database, pause=HOUR)
    assert not claim(database)
    free(database)
    assert claim(database)


def test_waiting_time_is_told(database: Database) -> None:
    assert claim(database)
    with database.begin() as session:
        wait = hosts.claim(session, "news.example", hold=HOUR)
    assert wait is not None
    assert timedelta(minutes=59) < wait <= HOUR


def test_holder_that_died_holds_no_longer_than_it_said(database: Database) -> None:
    assert claim(database, hold=OVER)
    assert claim(database)


def test_idle_hosts_are_forgotten(database: Database) -> None:
    assert claim(database)
    read(database, "UPDATE host SET free_at = now() - interval '2 hours' RETURNING 1")
    with database.begin() as session:
        assert hosts.forget_idle(session) == 1
