"""Smaller files of a model: recipes for its tensors, and a vocabulary cut to a corpus."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
import pytest

from inference.engine import Engine, EngineShape
from inference.vocabulary import open_vocabulary
from schemas.errors import ConfigError
from tests.unit.training.conftest import SENTENCES, Tiny
from training.quantising import RECIPES, QuantiseError, choose_overrides, quantise
from training.trimming import choose_tokens, find_ancestors, trim_vocabulary

TEXT = " ".join(SENTENCES)
SIZE = 640


@pytest.fixture(scope="module")
def trimmed(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trimmed") / "model.gguf"
    assert trim_vocabulary(tiny.path, path, [TEXT], SIZE) == SIZE
    return path


@pytest.fixture
def engines(tiny: Tiny, trimmed: Path) -> Iterator[tuple[Engine, Engine]]:
    shape = EngineShape(1, 256, threads=1)
    with Engine(tiny.path, shape) as whole, Engine(trimmed, shape) as small:
        yield whole, small


def types_of(path: Path) -> dict[str, str]:
    return {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(path).tensors}


def test_kept_tokens_have_the_logits_that_they_had(engines: tuple[Engine, Engine]) -> None:
    whole, small = engines
    places = {piece: token for token, piece in enumerate(small.vocabulary.pieces) if piece}
    pairs = [
        (token, places[piece])
        for token, piece in enumerate(whole.vocabulary.pieces)
        if whole.vocabulary.pieces.count(piece) == 1 and piece in places
    ]
    assert len(pairs) > SIZE // 3
    prompt = f"<bos>{TEXT}<end_of_turn>"
    before = whole.prefill(0, whole.vocabulary.encode(prompt))
    after = small.prefill(0, small.vocabulary.encode(prompt))
    assert before is not None
    assert after is not None
    kept, same = zip(*pairs, strict=True)
    assert np.allclose(before[list(kept)], after[list(same)], rtol=0, atol=1e-5)


def test_corpus_is_tokenised_as_before(engines: tuple[Engine, Engine]) -> None:
    spelled = [
        [vocabulary.pieces[token] for token in vocabulary.encode_untrusted(TEXT)]
        for vocabulary in (engine.vocabulary for engine in engines)
    ]
    assert spelled[0] == spelled[1]


@pytest.mark.parametrize("text", ["Ünïcödé 公园 😀", "quixotic zebras", "\x00\x01|||\n"])
def test_any_text_can_still_be_spelled(trimmed: Path, text: str) -> None:
    with open_vocabulary(trimmed) as vocabulary:
        assert vocabulary.decode(vocabulary.encode_untrusted(text)) == text


def test_control_tokens_stay_what_they_are(trimmed: Path, tiny: Tiny) -> None:
    with open_vocabulary(tiny.path) as whole, open_vocabulary(trimmed) as small:
        assert len(small.control_ids) == len(whole.control_ids)
        assert len(small.end_ids) == len(whole.end_ids)
        for name in ("<bos>", "<eos>", "<end_of_turn>", "<s48>"):
            assert small.control_id(name) is not None


def test_vocabulary_too_small_for_the_bytes_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must stay"):
        trim_vocabulary(tiny.path, tmp_path / "model.gguf", [TEXT], 64)
    assert list(tmp_path.iterdir()) == []


def test_piece_brings_those_that_it_is_joined_from() -> None:
    pieces = ["a", "b", "c", "ab", "bc", "abc"]
    ids = {piece: token for token, piece in enumerate(pieces)}
    assert set(find_ancestors("abc", ids, [0, 0, 0, -1, -2, -3])) == {0, 1, 2, 3, 5}
    assert set(find_ancestors("abc", ids, [0, 0, 0, -2, -1, -3])) == {0, 1, 2, 4, 5}


def test_most_frequent_tokens_are_chosen_first() -> None:
    pieces = [f"<0x{byte:02X}>" for byte in range(64)] + [chr(97 + n % 26) * 2 for n in range(192)]
    kinds = [6] * 64 + [1] * 192
    kept = choose_tokens(pieces, [0.0] * 256, kinds, {250: 9, 249: 1}, 128)
    assert len(kept) == 128
    assert {250, 249} < set(kept)
    assert kept == sorted(kept)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_makes_a_file_that_loads(tiny: Tiny, tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.gguf"
    quantise(tiny.path, path, RECIPES[name])
    assert path.stat().st_size < tiny.path.stat().st_size
    with Engine(path, EngineShape(1, 128, threads=1)) as engine:
        assert engine.prefill(0, engine.vocabulary.encode("<bos>The council")) is not None


def test_long_rows_get_k_quants_only_where_they_fit(tiny: Tiny) -> None:
    assert choose_overrides(tiny.path, RECIPES["tiles"]) == {}


@pytest.mark.parametrize(("name", "wanted"), [("fast", "IQ4_NL"), ("compact", "Q4_0")])
def test_recipe_for_everything_leaves_no_matrix_out(
    tiny: Tiny, tmp_path: Path, name: str, wanted: str
) -> None:
    path = tmp_path / "model.gguf"
    quantise(tiny.path, path, RECIPES[name])
    assert set(types_of(path).values()) == {"F32", wanted}


def test_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "junk.gguf"
    path.write_bytes(b"junk")
    with pytest.raises(QuantiseError, match="cannot make reference"):
        quantise(path, tmp_path / "model.gguf", RECIPES["reference"])
