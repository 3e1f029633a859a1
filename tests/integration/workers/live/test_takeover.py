"""Another build is made live while articles are read: it takes over, or is refused."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from schemas.settings import Settings
from store import builds
from store.database import Database
from tests.integration.workers.corpus import count
from tests.integration.workers.live.deployments import (
    ARTICLES,
    Make,
    find_live,
    use,
    use_after,
    used_builds,
)
from workers import live
from workers.inference import analyse
from workers.mill import Mill


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
