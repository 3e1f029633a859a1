"""Measuring the starter in processes of their own."""

from __future__ import annotations

import pytest

from inference.builds import Build
from inference.shape import slot_tokens, typical_load
from inference.trial import Trials
from inference.tuning import Choice

CHOICE = Choice(threads=1, sequences=2, ubatch=128)


def test_a_choice_is_measured_and_what_llama_refuses_is_none(starter_build: Build) -> None:
    load = typical_load(starter_build, 64)
    with Trials(starter_build.model_path, slot_tokens(starter_build, 64), load) as trials:
        seconds = trials.measure(CHOICE)
        assert seconds is not None
        assert seconds > 0
        refused = CHOICE.model_copy(update={"kv_type": "q8_0", "flash_attention": False})
        assert trials.measure(refused) is None
        assert "quantized V cache requires" in trials.refusal
        assert trials.measure(CHOICE.model_copy(update={"spins": None})) is not None


def test_process_that_dies_means_a_refusal(
    starter_build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = typical_load(starter_build, 64)
    with Trials(starter_build.model_path, 512, load) as trials:
        monkeypatch.setattr("inference.trial.sys.executable", "/bin/false")
        assert trials.measure(CHOICE) is None
        assert "llama.cpp ended its process" in trials.refusal
        monkeypatch.undo()
        assert trials.measure(CHOICE) is not None
