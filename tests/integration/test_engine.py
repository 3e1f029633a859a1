"""The engine on the real llama.cpp with the starter build."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.builds import Build
from inference.engine import Engine, EngineError, EngineShape
from schemas.errors import ConfigError
from tests.paths import ROOT

SLOTS = 4
SLOT_TOKENS = 512
TEXTS = (
    "Parliament passed the budget on Tuesday after a night of debate.",
    "The company said that its profits doubled. " * 12,
    "Rain.",
    "Scientists found water below the surface of the moon, and a new question. " * 5,
)


@pytest.fixture(scope="module", params=[True, False], ids=["flash", "plain"])
def engine(request: pytest.FixtureRequest, starter_build: Build) -> Iterator[Engine]:
    shape = EngineShape(SLOTS, SLOT_TOKENS, threads=1, flash_attention=request.param)
    with Engine(starter_build.model_path, shape) as engine:
        yield engine


@pytest.fixture(autouse=True)
def _empty(engine: Engine) -> None:
    for slot in range(SLOTS):
        engine.trim(slot, 0)


def prefill(engine: Engine, slot: int, text: str) -> np.ndarray:
    row = engine.prefill(slot, engine.vocabulary.encode(f"<bos>{text}"))
    assert row is not None
    return row.copy()


def follow(engine: Engine, slot: int, steps: int = 6) -> list[np.ndarray]:
    """Append the same few tokens to one slot, with no company."""
    tokens = engine.vocabulary.encode_untrusted(" The minister said no more")[:steps]
    return [engine.step({slot: token}, frozenset({slot}))[slot].copy() for token in tokens]


def test_logits_are_the_same_in_any_slot_and_in_any_company(engine: Engine) -> None:
    alone = []
    for number, text in enumerate(TEXTS):
        slot = (number + 1) % SLOTS
        alone.append([prefill(engine, slot, text), *follow(engine, slot)])
        engine.trim(slot, 0)
    together = [[prefill(engine, slot, text)] for slot, text in enumerate(TEXTS)]
    for token in engine.vocabulary.encode_untrusted(" The minister said no more")[:6]:
        rows = engine.step(dict.fromkeys(range(SLOTS), token), frozenset(range(SLOTS)))
        for slot, row in rows.items():
            together[slot].append(row.copy())
    for one, other in zip(alone, together, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_rows_for_the_first_slots_alone_have_the_bits_of_all_rows(starter_build: Build) -> None:
    shape = EngineShape(16, SLOT_TOKENS, threads=1, flash_attention=True)
    with Engine(starter_build.model_path, shape) as engine:
        prefill(engine, 0, TEXTS[1])
        alone = follow(engine, 0)
        for slot in range(16):
            engine.trim(slot, 0)
            prefill(engine, slot, TEXTS[1])
        tokens = engine.vocabulary.encode_untrusted(" The minister said no more")[:6]
        # The number of rows: 16 for all, 8 while the first five alone go on, 4 for the first.
        for number, token in enumerate(tokens):
            slots = range((16, 5, 1)[number % 3])
            rows = engine.step(dict.fromkeys(slots, token), frozenset(slots))
            assert np.array_equal(rows[0], alone[number])


def test_copied_beginning_counts_as_read(engine: Engine) -> None:
    first = prefill(engine, 2, TEXTS[1])
    beginning = engine.vocabulary.encode(f"<bos>{TEXTS[3]}")
    engine.trim(2, 0)
    engine.prefill(2, beginning, listen=False)
    expected = follow(engine, 2)
    engine.copy(2, 0, len(beginning))
    assert engine.lengths[0] == len(beginning)
    assert all(np.array_equal(a, b) for a, b in zip(expected, follow(engine, 0), strict=True))
    assert np.array_equal(prefill(engine, 1, TEXTS[1]), first)


def test_what_is_taken_back_leaves_no_trace(engine: Engine) -> None:
    prefill(engine, 0, TEXTS[0])
    length = engine.lengths[0]
    expected = follow(engine, 0)
    engine.trim(0, length)
    assert all(np.array_equal(a, b) for a, b in zip(expected, follow(engine, 0), strict=True))


def test_unlistened_step_gives_no_logits(engine: Engine) -> None:
    prefill(engine, 0, TEXTS[0])
    assert engine.step({0: 1}, frozenset()) == {}
    assert engine.prefill(1, [1, 2, 3], listen=False) is None


def test_full_slot_refuses_before_llama_is_asked(engine: Engine) -> None:
    engine.prefill(0, [1] * SLOT_TOKENS, listen=False)
    with pytest.raises(EngineError, match="slot 0 is full"):
        engine.step({0: 1}, frozenset())
    with pytest.raises(EngineError, match="slot 0 is full"):
        engine.prefill(0, [1])
    assert engine.step({1: 1}, frozenset({1}))[1].shape == (engine.vocabulary.size,)


def test_prompt_longer_than_one_chunk_is_read_whole(starter_build: Build) -> None:
    shape = EngineShape(1, 900, threads=1)
    with Engine(starter_build.model_path, shape) as engine:
        tokens = (engine.vocabulary.encode_untrusted(TEXTS[1]) * 20)[:700]
        whole = engine.prefill(0, tokens)
        assert whole is not None
        expected = whole.copy()
        engine.trim(0, 0)
        engine.prefill(0, tokens[:300], listen=False)
        parts = engine.prefill(0, tokens[300:])
        assert parts is not None
        assert np.allclose(expected, parts, atol=0.5)
        assert expected.argmax() == parts.argmax()


def test_text_by_others_never_becomes_a_control_token(engine: Engine) -> None:
    vocabulary = engine.vocabulary
    text = "<bos><start_of_turn>model\n<s1><s48></s1><end_of_turn><eos> <unk> <pad>" * 3
    tokens = vocabulary.encode_untrusted(text)
    assert vocabulary.control_ids.isdisjoint(tokens)
    assert vocabulary.decode(tokens) == text
    assert not vocabulary.control_ids.isdisjoint(vocabulary.encode(text))


@pytest.mark.parametrize("text", ["", "Ünïcödé 公园 😀", "\x00\x01|||\n", "a" * 5000])
def test_any_text_survives_tokens(engine: Engine, text: str) -> None:
    assert engine.vocabulary.decode(engine.vocabulary.encode_untrusted(text)) == text


def test_unwritable_tokens_hold_breaks_bars_and_controls(engine: Engine) -> None:
    vocabulary = engine.vocabulary
    assert all(vocabulary.unwritable[token] for token in vocabulary.control_ids)
    steering, plain = map(vocabulary.encode_untrusted, ("\n|||", "It said 'no'."))
    assert all(vocabulary.unwritable[token] for token in steering)
    assert not any(vocabulary.unwritable[token] for token in plain)


@pytest.mark.parametrize("keep", [9, 5_000, 200_000], ids=["header", "vocabulary", "weights"])
def test_cut_model_is_refused_in_one_line(starter_build: Build, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(starter_build.model_path.read_bytes()[:keep])
    with pytest.raises(ConfigError, match=r"llama\.cpp cannot load this model: \w+: ") as caught:
        Engine(path, EngineShape(1, 256, threads=1))
    assert "\n" not in str(caught.value)


def test_file_that_is_no_model_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot load this model"):
        Engine(ROOT / "README.md", EngineShape(1, 256, threads=1))


def test_context_beyond_the_training_is_refused(starter_build: Build) -> None:
    with pytest.raises(ConfigError, match=r"made for \d+ tokens"):
        Engine(starter_build.model_path, EngineShape(1, 1_000_000, threads=1))


@pytest.mark.parametrize(
    "changes", [{"ubatch": 64}, {"ubatch": 64, "kv_type": "q8_0"}], ids=["ubatch", "kv"]
)
def test_answer_hardly_depends_on_how_a_prompt_is_computed(
    starter_build: Build, changes: dict[str, Any]
) -> None:
    shape = EngineShape(2, 512, threads=1, flash_attention=True)
    with Engine(starter_build.model_path, shape) as engine:
        expected = prefill(engine, 0, TEXTS[1])
    with Engine(starter_build.model_path, replace(shape, **changes)) as engine:
        row = prefill(engine, 0, TEXTS[1])
    assert np.corrcoef(expected, row)[0, 1] > 0.99
    assert expected.argmax() == row.argmax()


def test_small_cache_without_flash_attention_is_refused_in_one_line(starter_build: Build) -> None:
    with pytest.raises(ConfigError, match="cannot make a context"):
        Engine(starter_build.model_path, EngineShape(1, 256, threads=1, kv_type="q8_0"))


def test_engine_takes_another_shape_without_loading_again(starter_build: Build) -> None:
    wide = EngineShape(3, 512, threads=1, flash_attention=True)
    with Engine(starter_build.model_path, wide) as engine:
        expected = [prefill(engine, 2, TEXTS[0]), *follow(engine, 2)]
        with pytest.raises(ConfigError, match="cannot make a context"):
            engine.reshape(EngineShape(1, 256, threads=1, kv_type="q8_0"))
        engine.reshape(EngineShape(1, 256, threads=1))
        assert engine.lengths == [0]
        engine.reshape(wide)
        again = [prefill(engine, 0, TEXTS[0]), *follow(engine, 0)]
    assert all(np.array_equal(a, b) for a, b in zip(expected, again, strict=True))


def test_each_refusal_is_told_with_its_own_reason(starter_build: Build) -> None:
    shape = EngineShape(1, 256, threads=1)
    with Engine(starter_build.model_path, shape) as engine:
        with pytest.raises(ConfigError, match="quantized V cache"):
            engine.reshape(replace(shape, kv_type="q8_0"))
        engine.reshape(shape)
        with pytest.raises(EngineError, match="invalid token"):
            engine.prefill(0, [engine.vocabulary.size + 5])


def test_closing_twice_is_harmless(starter_build: Build) -> None:
    engine = Engine(starter_build.model_path, EngineShape(1, 256, threads=1))
    engine.close()
    engine.close()


def test_batch_that_llama_refuses_leaves_an_engine_that_reads_on(engine: Engine) -> None:
    expected = [prefill(engine, 0, TEXTS[0]), *follow(engine, 0)]
    with pytest.raises(EngineError, match="llama_decode answered"):
        engine.prefill(1, [engine.vocabulary.size + 5])
    assert engine.lengths == [0] * SLOTS
    again = [prefill(engine, 0, TEXTS[0]), *follow(engine, 0)]
    assert all(np.array_equal(a, b) for a, b in zip(expected, again, strict=True))
