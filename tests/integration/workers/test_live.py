"""Another build is made live while articles are read: it takes over, or is refused."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from inference.analyst import Analyst, Request
from inference.builds import Build
from inference.hashing import hash_file
from schemas.errors import PermanentError, TransientError
from schemas.settings import Settings
from store import builds, sweep
from store.builds import Live
from store.database import Database
from tests.integration.workers.corpus import add_source, assert_whole, count, write_corpus
from workers import attempts, live
from workers.attempts import describe_error
from workers.inference import analyse
from workers.ingest import poll_source
from workers.live import LiveAnalyst
from workers.mill import Mill
from workers.prefilter import screen
from workers.reconstruct import rebuild
from workers.stretch import Stretch

ARTICLES = 16

Make = Callable[..., Path]


@pytest.fixture
def make(settings: Settings, starter_build: Build) -> Make:
    """Makes builds below the home: the starter under another name, or something worse."""

    def make_one(name: str, content: bytes | None = None, **changes: Any) -> Path:
        folder = settings.home / "models" / name
        folder.mkdir(parents=True)
        if content is None:
            shutil.copy(starter_build.model_path, folder / "model.gguf")
        else:
            (folder / "model.gguf").write_bytes(content)
        manifest = json.loads((starter_build.folder / "build.json").read_text())
        manifest |= {"name": name, "sha256": hash_file(folder / "model.gguf"), **changes}
        (folder / "build.json").write_text(json.dumps(manifest))
        return folder

    return make_one


@pytest.fixture
def waiting(mill: Mill, database: Database, tmp_path: Path) -> None:
    """Articles that wait for inference."""
    poll_source.run(add_source(database, write_corpus(tmp_path / "corpus.jsonl", ARTICLES)))
    screen.run([])


@pytest.fixture(autouse=True)
def _always_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_EVERY_S", 0.0)


def use(database: Database, folder: Path) -> None:
    manifest = json.loads((folder / "build.json").read_text())
    with database.begin() as session:
        builds.register(session, manifest["name"], manifest["sha256"], manifest)
        builds.set_live(session, manifest["name"])


def use_after(database: Database, folder: Path, articles: int, mill: Mill) -> None:
    """Make a build live in the middle of a stretch, when so many articles are being read."""
    whole = mill.live.is_due
    seen = 0

    def is_due() -> bool:
        nonlocal seen
        seen += 1
        if seen == articles:
            use(database, folder)
        return whole()

    setattr(mill.live, "is_due", is_due)  # noqa: B010  # A method is replaced, on purpose.


def find_live(database: Database) -> Live:
    with database.begin() as session:
        found = builds.find_live(session)
    assert found is not None
    return found


def used_builds(database: Database) -> dict[str, int]:
    with database.begin() as session:
        rows = session.execute(text("SELECT build, count(*) FROM completion GROUP BY build"))
        return {str(row[0]): int(row[1]) for row in rows}


@pytest.fixture
def finish(database: Database) -> Iterator[None]:
    """Every article was read once, whatever happened."""
    yield
    rebuild.run([])
    assert_whole(database, ARTICLES)


def test_new_live_build_takes_over_in_the_middle_and_nothing_is_lost(
    mill: Mill, database: Database, make: Make, waiting: None, finish: None
) -> None:
    use_after(database, make("better"), 2, mill)
    analyse.run([])
    used = used_builds(database)
    assert used.keys() == {"starter", "better"}
    assert sum(used.values()) == ARTICLES
    assert find_live(database).is_proven
    assert count(database, "SELECT count(*) FROM work WHERE attempts > 1") == 0


@pytest.mark.parametrize(
    ("content", "changes", "reason"),
    [
        (None, {"sha256": "0" * 64}, "damaged: its SHA-256 is"),
        (b"GGUF" + (3).to_bytes(4, "little") + b"weights", {}, "its header is damaged"),
        (b"no model", {}, "not a GGUF file"),
        (None, {"contracts": {}}, "knows no field of the lenses in use: editorial"),
        (None, {"n_ctx_train": 100_000, "budget_tokens": 90_000}, "made for 1024 tokens"),
    ],
    ids=["corrupted", "incompatible", "no model", "other lenses", "too long"],
)
def test_bad_build_is_refused_and_the_old_one_goes_on(
    mill: Mill,
    database: Database,
    make: Make,
    waiting: None,
    finish: None,
    content: bytes | None,
    changes: dict[str, Any],
    reason: str,
) -> None:
    use_after(database, make("worse", content, **changes), 2, mill)
    analyse.run([])
    assert used_builds(database) == {"starter": ARTICLES}
    found = find_live(database)
    assert found.refusal is not None
    assert reason in found.refusal
    assert not mill.live.is_due(), "it is not tried again at once"


def test_build_that_needs_more_memory_than_there_is_is_refused(
    mill: Mill, database: Database, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = mill.live.take()
    monkeypatch.setattr(live, "usable_memory", lambda: 10**9)
    monkeypatch.setattr(live, "resident_bytes", lambda: 9 * 10**8)
    use(database, make("large"))
    assert mill.live.take() is held
    refusal = find_live(database).refusal
    assert refusal is not None
    assert "0.1 GB are left" in refusal


def test_build_that_is_not_on_this_machine_is_refused_until_it_is_and_is_used_again(
    mill: Mill, database: Database, make: Make, settings: Settings
) -> None:
    folder = make("late")
    use(database, folder)
    shutil.move(folder, settings.home / "elsewhere")
    assert mill.live.take().build.name == "starter"
    shutil.move(settings.home / "elsewhere", folder)
    assert mill.live.take().build.name == "starter"
    use(database, folder)
    assert mill.live.take().build.name == "late"


def test_build_that_several_machines_refuse_is_not_tried_by_them_in_turns(
    mill: Mill, database: Database, make: Make
) -> None:
    mill.live.take()
    use(database, make("worse", b"no model"))
    assert mill.live.take().build.name == "starter"
    with database.begin() as session:
        builds.note_refusal(session, find_live(database).deployment_id, "other", "not here either")
    assert not mill.live.is_due()


def test_other_file_under_the_same_name_is_refused(
    mill: Mill, database: Database, make: Make
) -> None:
    held = mill.live.take()
    with database.begin() as session:
        builds.register(session, "same", "0" * 64, {})
        builds.set_live(session, "same")
    make("same")
    assert mill.live.take() is held
    refusal = find_live(database).refusal
    assert refusal is not None
    assert "another file" in refusal


def test_taking_back_brings_back_what_was_held_before(
    mill: Mill, database: Database, make: Make
) -> None:
    assert mill.live.take().build.name == "starter"
    use(database, make("better"))
    use(database, make("best"))
    assert mill.live.take().build.name == "best"
    for name in ("better", "starter"):
        with database.begin() as session:
            builds.take_back(session)
        assert mill.live.take().build.name == name


def test_worker_that_starts_with_a_bad_live_build_holds_the_one_before(
    mill: Mill, database: Database, make: Make
) -> None:
    use(database, make("good"))
    use(database, make("bad", b"no model"))
    assert mill.live.take().build.name == "good"


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


def test_stop_while_a_build_is_opened_is_no_refusal(
    mill: Mill, database: Database, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(database, make("slow"))
    monkeypatch.setattr(mill.live, "_open", lambda _: (_ for _ in ()).throw(SystemExit()))
    with pytest.raises(SystemExit):
        mill.live.take()
    assert find_live(database).refusal is None


def test_many_messages_after_the_work_is_done_cost_a_look_each_and_no_stretch(
    mill: Mill, database: Database, waiting: None, finish: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyse.run([])
    held = mill.live.take()
    monkeypatch.setattr(type(held), "analyse", lambda _, requests, *__: (each for each in requests))
    for message in range(20):
        analyse.run([message])
    assert mill.live.take() is held
