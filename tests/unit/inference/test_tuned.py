from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from inference.builds import Build
from inference.cpu import SPINS_VARIABLE, Machine, limit_spinning
from inference.tuned import Tuned, find_tuned, forget_tuned, open_analyst, save_tuned
from inference.tuning import Choice
from schemas.settings import InferenceSettings

HERE = Machine("Some CPU", ("AVX2",), 2)


def make_tuned(machine: Machine = HERE, sha256: str = "aa", **choice: object) -> Tuned:
    return Tuned(
        cpu=machine.cpu,
        features=machine.features,
        cores=machine.cores,
        build="little",
        sha256=sha256,
        at=datetime(2026, 11, 26, tzinfo=UTC),
        choice=Choice(threads=2).model_copy(update=choice),
        article_s=1.0,
        default_article_s=1.5,
    )


def test_result_is_found_for_its_machine_and_model_only(tmp_path: Path) -> None:
    kept = make_tuned(sequences=16)
    save_tuned(tmp_path, kept)
    assert find_tuned(tmp_path, HERE, "aa") == kept
    assert find_tuned(tmp_path, HERE, "bb") is None
    assert find_tuned(tmp_path, Machine("Some CPU", ("AVX2",), 4), "aa") is None
    assert find_tuned(tmp_path, Machine("Some CPU", (), 2), "aa") is None


def test_later_result_replaces_the_earlier_one(tmp_path: Path) -> None:
    save_tuned(tmp_path, make_tuned(ubatch=256))
    path = save_tuned(tmp_path, make_tuned(ubatch=128))
    found = find_tuned(tmp_path, HERE, "aa")
    assert found is not None
    assert found.choice.ubatch == 128
    assert list(path.parent.iterdir()) == [path]


def test_forgotten_or_damaged_result_is_none(tmp_path: Path) -> None:
    path = save_tuned(tmp_path, make_tuned())
    path.write_text("{")
    assert find_tuned(tmp_path, HERE, "aa") is None
    assert forget_tuned(tmp_path, HERE, "aa")
    assert not forget_tuned(tmp_path, HERE, "aa")


def test_what_the_environment_says_of_spinning_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SPINS_VARIABLE, "77")
    limit_spinning(0)
    assert os.environ[SPINS_VARIABLE] == "77"
    monkeypatch.delenv(SPINS_VARIABLE)
    limit_spinning(None)
    assert SPINS_VARIABLE not in os.environ
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    limit_spinning(0)
    assert SPINS_VARIABLE not in os.environ
    monkeypatch.delenv("OMP_WAIT_POLICY")
    limit_spinning(5)
    assert os.environ[SPINS_VARIABLE] == "5"


@pytest.mark.parametrize(("given", "sequences"), [(0, 3), (2, 2)], ids=["tuned", "set"])
def test_analyst_is_opened_as_tuned_unless_it_is_set(
    starter_build: Build,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: int,
    sequences: int,
) -> None:
    monkeypatch.setenv(SPINS_VARIABLE, "0")
    monkeypatch.setattr("inference.tuned.describe_machine", lambda: HERE)
    save_tuned(tmp_path, make_tuned(sha256=starter_build.manifest.sha256, sequences=3, threads=1))
    settings = InferenceSettings(sequences=given)
    with open_analyst(starter_build, settings, tmp_path, lenses=()) as analyst:
        assert analyst.sequences == sequences
