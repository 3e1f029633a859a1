"""A build that is opened, or reads its first articles, and fails or ends its worker at that."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from inference.analyst import Analyst, Request
from schemas.errors import PermanentError, TransientError
from store import builds, sweep
from store.database import Database
from tests.integration.workers.corpus import add_source, assert_whole, write_corpus
from tests.integration.workers.live.deployments import (
    Make,
    find_live,
    use,
    used_builds,
)
from workers import attempts
from workers.attempts import describe_error
from workers.inference import analyse
from workers.ingest import poll_source
from workers.live import LiveAnalyst
from workers.mill import Mill
from workers.prefilter import screen
from workers.reconstruct import rebuild
from workers.stretch import Stretch


class Killed(BaseException):
    """The process ends without a word."""


def die_opening(mill: Mill, machine: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Let a new worker open its first build; tell whether that was the end of it."""
    worker = LiveAnalyst(mill.settings, mill.database, mill.lenses)
    worker._machine = machine
    with monkeypatch.context() as patch:
        patch.setattr(worker, "_open", lambda _: (_ for _ in ()).throw(Killed()))
        # Whoever is killed writes nothing any more.
        for note in ("note_refusal", "forget_refusal", "end_opening"):
            patch.setattr(builds, note, _unless_killed(getattr(builds, note)))
        try:
            _ = worker.analyst
        except Killed:
            return True
    return False


def _unless_killed(note: Callable[..., None]) -> Callable[..., None]:
    def note_alive(*arguments: Any) -> None:
        if not isinstance(sys.exception(), Killed):
            note(*arguments)

    return note_alive


def let_time_pass(database: Database) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE deployment SET refused_at = refused_at - interval '1 hour'"))


def test_build_that_killed_its_worker_is_not_opened_again_by_the_next(
    mill: Mill, database: Database, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(database, make("deadly"))
    assert die_opening(mill, mill.live._machine, monkeypatch)
    refusal = find_live(database).refusal
    assert refusal is not None
    assert "has ended the worker (try 1 of 3)" in refusal
    assert mill.live.take().build.name == "starter"


@pytest.mark.parametrize("machines", [("one", "one", "one"), ("one", "other", "third")])
def test_build_that_killed_three_workers_is_left_alone_until_it_is_made_live_again(
    mill: Mill,
    database: Database,
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    machines: tuple[str, ...],
) -> None:
    folder = make("deadly")
    use(database, make("good"))
    use(database, folder)
    for machine in machines:
        assert die_opening(mill, machine, monkeypatch)
        let_time_pass(database)
    refusal = find_live(database).refusal
    assert refusal is not None
    assert "left alone until newsmill models use deadly" in refusal
    assert mill.live.take().build.name == "good"
    assert not mill.live.is_due()
    use(database, folder)
    assert mill.live.take().build.name == "deadly"


def test_build_too_large_for_one_machine_is_still_opened_by_the_others(
    mill: Mill, database: Database, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(database, make("large"))
    assert mill.live.take().build.name == "large"
    mill.live.pass_trial()
    for _ in range(3):
        assert die_opening(mill, "small", monkeypatch)
        let_time_pass(database)
    next_worker = LiveAnalyst(mill.settings, database, mill.lenses)
    assert next_worker.take().build.name == "large"
    next_worker.close()


def die_reading(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a new worker die at the first articles that it reads."""
    worker = LiveAnalyst(mill.settings, mill.database, mill.lenses)
    with monkeypatch.context() as patch:
        patch.setitem(vars(mill), "live", worker)
        patch.setattr(Stretch, "save", lambda *_: (_ for _ in ()).throw(Killed()))
        # Whoever is killed gives nothing back.
        patch.setattr(attempts, "give_back", lambda *_: None)
        with pytest.raises(Killed):
            analyse.run([])
    worker._on_trial = None
    worker.close()
    with mill.database.begin() as session:
        sweep.end_leases(session)
        sweep.sweep(session, ["inference"], max_attempts=3, resend_after=timedelta(0))


def test_build_that_kills_its_worker_at_its_first_article_gives_way_to_the_one_before(
    mill: Mill, database: Database, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(database, make("deadly"))
    refusals = []
    for attempt in range(1, builds.MOST_OPENINGS + 1):
        poll_source.run(add_source(database, write_corpus(tmp_path / "c.jsonl", 3 * attempt)))
        screen.run([])
        die_reading(mill, monkeypatch)
        refusals.append(find_live(database).refusal or "")
        analyse.run([])
        assert used_builds(database) == {"starter": 3 * attempt}, "at once"
        let_time_pass(database)
        mill.live.close()
    assert "reading its first article, is under way, or has ended the worker (try 1" in refusals[0]
    assert "left alone until newsmill models use deadly" in refusals[-1]
    assert mill.live.take().build.name == "starter"
    rebuild.run([])
    assert_whole(database, 9)


@pytest.mark.parametrize("error", [KeyError("no such token"), PermanentError("no room for it")])
def test_build_that_fails_at_every_article_gives_way_at_no_cost_of_attempts(
    mill: Mill,
    database: Database,
    make: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    compose = Analyst._compose

    def compose_badly(self: Analyst, request: Request, *arguments: Any) -> Any:
        if self.build.name == "worse" and request.key != "trial":
            raise error
        return compose(self, request, *arguments)

    monkeypatch.setattr(Analyst, "_compose", compose_badly)
    use(database, make("worse"))
    refusals = []
    for attempt in range(1, builds.MOST_OPENINGS + 1):
        poll_source.run(add_source(database, write_corpus(tmp_path / "c.jsonl", 3 * attempt)))
        screen.run([])
        with capture_logs() as logs:
            analyse.run([])
        assert [each for each in logs if each["event"] == "attempt_failed"] == []
        assert used_builds(database) == {"starter": 3 * attempt}, "at once"
        refusals.append(find_live(database).refusal or "")
        assert not mill.live.is_due(), "it is not tried again at once"
        let_time_pass(database)
        mill.live._again_at.clear()
    named = f"failed at its first articles: {describe_error(error)}"
    assert [named in refusal for refusal in refusals] == [True] * 3
    assert refusals[-1].endswith("left alone until newsmill models use worse")
    assert not mill.live.is_due()
    rebuild.run([])
    assert_whole(database, 9)


def test_server_that_is_away_during_a_trial_is_no_fault_of_the_build(
    mill: Mill, database: Database, make: Make
) -> None:
    use(database, make("better"))
    held = mill.live.take()
    assert not mill.live.refuse_trial(TransientError("the database is away"))
    assert mill.live.take() is held


def test_build_is_on_trial_until_it_has_read_an_article_and_nothing_is_told_while_none_comes(
    mill: Mill, database: Database, make: Make
) -> None:
    use(database, make("better"))
    analyse.run([])
    assert mill.live.analyst.build.name == "better"
    found = find_live(database)
    assert (found.is_proven, found.refusal, sum(found.openings.values())) == (False, None, 1)
    mill.live.close()
    assert find_live(database).openings == {}, "that it was stopped is no fault of the build"
