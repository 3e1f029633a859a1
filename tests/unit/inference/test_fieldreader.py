"""Open fields through the reader, with a toy model; closed ones and copied names have their own."""

from datetime import UTC, datetime
from typing import Literal

import pytest

from inference.builds import Manifest
from inference.fieldreader import FieldReader
from inference.prompt import Prompt
from inference.reading import Reading
from inference.spelling import Spelling
from inference.tape import Tape
from schemas.fields import AnyField, PointsField, TextField
from tests.toys import ToyVocabulary, drive, wanting

VOCABULARY = ToyVocabulary()
SPELLING = Spelling.learn(VOCABULARY)
FOLLOW = SPELLING.delimiter[0]
SENTENCES = ("It rained all day.", "We stayed in.", "Nobody came.")


def read(field: AnyField, answer: list[int], text_mode: Literal["generate", "pointers"]) -> str:
    """Read one field with a model that wants an answer."""
    manifest = Manifest(
        name="toy",
        sha256="0" * 64,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        base="scratch",
        prompt="brief",
        chat="starter",
        text_mode=text_mode,
        n_ctx_train=512,
    )
    think = wanting(VOCABULARY, [*answer, FOLLOW])
    reader = FieldReader(
        Tape(think([]), 400),
        Prompt((), (), Reading("", SENTENCES, (0, 1, 2), 3, 20, is_whole=True), SENTENCES, ""),
        spelling=SPELLING,
        vocabulary=VOCABULARY,  # type: ignore[arg-type]
        manifest=manifest,
        lens="press",
    )
    return drive(reader.read(field, FOLLOW), think).text


def points(max_items: int) -> PointsField:
    return PointsField(name="insights", max_items=max_items)


@pytest.mark.parametrize(
    ("field", "said", "text"),
    [
        (points(1), "It rained.", "It rained."),
        (points(1), "It rained; we stayed in.", "It rained"),
        (points(2), "It rained; we stayed in; so.", "It rained; we stayed in"),
        (points(1), "", "none"),
        (TextField(name="summary"), "It rained; we stayed in.", "It rained; we stayed in."),
    ],
)
def test_written_text_is_one_value_and_a_written_list_its_items(
    field: AnyField, said: str, text: str
) -> None:
    assert read(field, VOCABULARY.encode_untrusted(said), "generate") == text


@pytest.mark.parametrize(
    ("field", "numbers", "text"),
    [
        (points(1), (2, 3), "We stayed in."),
        (points(2), (1, 3), "It rained all day.; Nobody came."),
        (TextField(name="summary"), (1, 3), "It rained all day. Nobody came."),
    ],
)
def test_pointed_at_sentences_are_one_text_or_the_items_of_a_list(
    field: AnyField, numbers: tuple[int, ...], text: str
) -> None:
    assert read(field, SPELLING.pointers(numbers), "pointers") == text
