from __future__ import annotations

from pathlib import Path

import pytest

from inference.builds import Build
from inference.gguf_header import ModelSizes
from inference.shape import (
    apply_settings,
    default_choice,
    estimate_memory,
    explicit,
    slot_tokens,
    typical_load,
)
from inference.tuning import Choice
from schemas.settings import InferenceSettings

GEMMA_1B = ModelSizes("gemma3", 26, 1152, 6912, 4, 1, 256, 256, 32_768, 262_144)


def with_manifest(build: Build, **changes: object) -> Build:
    return Build(build.folder, build.manifest.model_copy(update=changes))


def test_small_model_has_a_core_to_itself_and_a_large_one_all(
    starter_build: Build, tmp_path: Path
) -> None:
    assert default_choice(starter_build, cores=4).threads == 1
    with (tmp_path / "model.gguf").open("wb") as file:
        file.truncate(100_000_000)
    assert default_choice(Build(tmp_path, starter_build.manifest), cores=4).threads == 4


def test_settings_that_leave_all_open_change_nothing() -> None:
    tuned = Choice(threads=3, sequences=16, flash_attention=False, ubatch=128, spins=None)
    assert explicit(InferenceSettings()) == {}
    assert apply_settings(tuned, InferenceSettings()) == tuned


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threads", 1),
        ("sequences", 4),
        ("ubatch", 64),
        ("kv_type", "f16"),
    ],
)
def test_what_is_set_wins_over_what_was_tuned(name: str, value: object) -> None:
    tuned = Choice(threads=3, sequences=16, ubatch=128, kv_type="q8_0")
    chosen = apply_settings(tuned, InferenceSettings.model_validate({name: value}))
    assert chosen == tuned.model_copy(update={name: value})


@pytest.mark.parametrize(
    ("tuned", "given", "flash", "kv_type"),
    [
        ({"flash_attention": False}, {"flash_attention": True}, True, "f16"),
        ({"flash_attention": False}, {"kv_type": "q8_0"}, True, "q8_0"),
        ({"kv_type": "q8_0"}, {"flash_attention": False}, False, "f16"),
    ],
)
def test_what_was_tuned_gives_way_where_it_does_not_go_with_what_is_set(
    tuned: dict[str, object], given: dict[str, object], flash: bool, kv_type: str
) -> None:
    choice = Choice.model_validate({"threads": 1, **tuned})
    chosen = apply_settings(choice, InferenceSettings.model_validate(given))
    assert (chosen.flash_attention, chosen.kv_type) == (flash, kv_type)


def test_sequence_is_never_longer_than_the_model_was_made_for(starter_build: Build) -> None:
    assert slot_tokens(starter_build, 5000) == starter_build.manifest.n_ctx_train
    assert slot_tokens(with_manifest(starter_build, n_ctx_train=9999), 500) == 1792


def test_build_that_writes_texts_takes_more_steps(starter_build: Build) -> None:
    points = typical_load(with_manifest(starter_build, text_mode="pointers"), 100)
    writes = typical_load(with_manifest(starter_build, text_mode="generate", text_tokens=40), 100)
    assert writes.steps == points.steps + 80
    assert points.prompt_tokens == 200


def test_memory_is_estimated_from_file_cache_and_batch() -> None:
    choice = Choice(threads=2)
    plain = estimate_memory(GEMMA_1B, 464_000_000, choice, 1792)
    # Measured: 1.26 GB at most.
    assert 1.2e9 < plain < 1.7e9
    cache = 8 * 1792 * 26 * 512 * 2
    twice = choice.model_copy(update={"sequences": 16})
    assert 0.9 * cache < estimate_memory(GEMMA_1B, 464_000_000, twice, 1792) - plain < 1.1 * cache
    small = choice.model_copy(update={"kv_type": "q8_0"})
    assert 0.4 * cache < plain - estimate_memory(GEMMA_1B, 464_000_000, small, 1792) < 0.5 * cache
    plain_attention = choice.model_copy(update={"flash_attention": False})
    assert estimate_memory(GEMMA_1B, 464_000_000, plain_attention, 1792) > plain
