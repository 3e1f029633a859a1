from __future__ import annotations

from datetime import UTC, datetime

from inference.tuned import Tuned
from inference.tuning import Choice
from newsmill.doctor.check import Status
from newsmill.doctor.models import judge_live, judge_tuning
from store.builds import Live

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
CHOICE = Choice(threads=2, sequences=16, kv_type="q8_0")


def test_untuned_build_is_no_fault_but_the_way_to_tune_it_is_told() -> None:
    check = judge_tuning("gemma", None, CHOICE)
    assert check.status is Status.OK
    assert "not tuned" in check.detail
    assert check.mend


def test_tuned_build_says_when_and_how_it_is_opened() -> None:
    tuned = Tuned(
        cpu="c",
        features=(),
        cores=2,
        build="gemma",
        sha256="00",
        at=AT,
        choice=CHOICE,
        article_s=1.0,
        default_article_s=2.0,
    )
    detail = judge_tuning("gemma", tuned, CHOICE).detail
    for part in ("2026-11-26", "2 threads (spins 0)", "16 sequences", "q8_0", "attention on"):
        assert part in detail


def test_build_of_the_setting_that_ends_its_workers_is_a_failure() -> None:
    assert judge_live(None, "little", 2).status is Status.OK
    check = judge_live(None, "little", 3)
    assert check.status is Status.FAIL
    assert "little has ended its worker 3 times" in check.detail


def test_setting_that_the_live_build_overrides_is_told() -> None:
    live = Live(
        1, "gemma", "00", AT, None, is_proven=True, refused_by=None, refused_for=None, refusal=None
    )
    assert "=other holds when" in judge_live(live, "other").detail
    assert "holds" not in judge_live(live, "gemma").detail
