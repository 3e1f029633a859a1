"""The vocabulary that is learned, as llama.cpp reads it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings, strategies as st

from inference.engine import Engine, EngineShape
from inference.spelling import MAX_MARKERS, Spelling
from inference.vocabulary import Vocabulary
from training.pieces import PieceKind

from .conftest import SENTENCES, Tiny


def test_delimiter_is_one_token_that_holds_both_blanks(vocabulary: Vocabulary) -> None:
    spelling = Spelling.learn(vocabulary)
    assert len(spelling.delimiter) == 1


@pytest.mark.parametrize("text", ["0", "1", "7", "9", "10", "yes", "no", "Politics", "none"])
def test_short_answers_are_one_token(vocabulary: Vocabulary, text: str) -> None:
    assert len(vocabulary.encode_untrusted(text)) == 1


def test_numbers_are_read_digit_by_digit(vocabulary: Vocabulary) -> None:
    pieces = [vocabulary.pieces[token] for token in vocabulary.encode_untrusted("2975")]
    assert pieces == [b"2", b"9", b"7", b"5"]


def test_control_tokens_stand_where_gemma_has_them(tiny: Tiny) -> None:
    names = [piece.text for piece in tiny.pieces.rows[:4]]
    assert names == ["<pad>", "<eos>", "<bos>", "<unk>"]


def test_every_sentence_marker_is_one_control_token(vocabulary: Vocabulary) -> None:
    markers = Spelling.learn(vocabulary).markers
    assert len(set(markers)) == MAX_MARKERS
    assert set(markers) <= vocabulary.control_ids


def test_all_256_bytes_have_a_token(tiny: Tiny) -> None:
    assert sum(piece.kind == PieceKind.BYTE for piece in tiny.pieces.rows) == 256


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\x00▁"), max_size=80))
def test_any_text_survives_the_tokeniser(vocabulary: Vocabulary, text: str) -> None:
    assert vocabulary.decode(vocabulary.encode_untrusted(text)) == text


def test_vocabulary_without_weights_tokenises_10000_texts_as_the_engine_does(
    tiny: Tiny, vocabulary: Vocabulary
) -> None:
    chance = random.Random(3)
    words = " ".join(SENTENCES).split()
    signs = [*words, "\n", "  ", " ||| ", "10", "<s1>", "é", "😀", "…"]
    texts = [" ".join(chance.choices(signs, k=12)) for _ in range(10_000)]
    with Engine(tiny.path, EngineShape(slots=1, slot_tokens=64, threads=1)) as engine:
        for text in texts:
            assert engine.vocabulary.encode_untrusted(text) == vocabulary.encode_untrusted(text)
