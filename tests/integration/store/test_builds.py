"""Deployments: one build is live, each can be taken back, refusals are kept."""

from __future__ import annotations

import pytest

from schemas.errors import ConfigError
from store import builds
from store.builds import Live
from store.database import Database
from tests.integration.store.rows import read


@pytest.fixture(autouse=True)
def _known(database: Database) -> None:
    with database.begin() as session:
        for name in ("a", "b", "c"):
            builds.register(session, name, name * 2, {})


def deploy(database: Database, *names: str) -> None:
    for name in names:
        with database.begin() as session:
            builds.set_live(session, name, f"{name} is better")


def live(database: Database) -> Live:
    with database.begin() as session:
        found = builds.find_live(session)
    assert found is not None
    return found


def take_back(database: Database) -> tuple[str, str | None]:
    with database.begin() as session:
        return builds.take_back(session)


def test_live_build_says_since_when_and_why(database: Database) -> None:
    deploy(database, "a")
    found = live(database)
    assert (found.name, found.sha256, found.reason) == ("a", "aa", "a is better")
    assert (found.is_proven, found.refusal, found.refused_for) == (False, None, None)


def test_taking_back_uncovers_what_was_live_before_step_by_step(database: Database) -> None:
    deploy(database, "a", "b", "c")
    assert take_back(database) == ("c", "b")
    assert live(database).name == "b"
    assert take_back(database) == ("b", "a")
    assert take_back(database) == ("a", None)
    with database.begin() as session:
        assert builds.find_live(session) is None
    assert read(database, "SELECT name FROM build WHERE live") == []
    with pytest.raises(ConfigError, match="nothing to take back"):
        take_back(database)


def test_what_was_taken_back_is_passed_over_later(database: Database) -> None:
    deploy(database, "a", "b")
    take_back(database)
    deploy(database, "c")
    assert take_back(database) == ("c", "a")
    assert read(database, "SELECT name FROM build WHERE live") == [("a",)]


def test_build_made_live_again_is_taken_back_once(database: Database) -> None:
    deploy(database, "a", "b", "b")
    assert take_back(database) == ("b", "a")


def test_refusal_stays_until_the_same_machine_succeeds_or_it_is_deployed_again(
    database: Database,
) -> None:
    deploy(database, "a", "b")
    with database.begin() as session:
        builds.note_refusal(session, live(database).deployment_id, "one", "it is\x00 damaged")
    found = live(database)
    assert (found.refused_by, found.refusal) == ("one", "it is damaged")
    assert found.refused_for is not None
    with database.begin() as session:
        builds.note_success(session, found.deployment_id, "other")
    assert live(database).refused_by == "one"
    assert live(database).is_proven
    with database.begin() as session:
        builds.note_success(session, found.deployment_id, "one")
    assert live(database).refusal is None
    deploy(database, "b")
    assert not live(database).is_proven


def test_openings_are_counted_by_machine_until_they_end(database: Database) -> None:
    deploy(database, "a")
    with database.begin() as session:
        for machine in ("one", "one", "other"):
            builds.begin_opening(session, "a", machine)
        builds.begin_opening(session, "unknown", "one")
        assert builds.count_openings(session, "a", "one") == 2
        assert builds.count_openings(session, "a") == 2
        assert builds.count_openings(session, "unknown") == 0
    found = live(database)
    assert found.count_openings("third") == 3, "nobody has held it yet"
    with database.begin() as session:
        builds.end_opening(session, "a", "one")
        builds.note_success(session, found.deployment_id, "one")
    assert [live(database).count_openings(machine) for machine in ("one", "other")] == [0, 1]
    deploy(database, "a")
    assert live(database).openings == {}


def test_standing_deployments_begin_with_the_live_one(database: Database) -> None:
    deploy(database, "a", "b", "c")
    take_back(database)
    with database.begin() as session:
        assert [each.name for each in builds.list_standing(session, limit=5)] == ["b", "a"]
