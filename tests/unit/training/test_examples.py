"""Labelled articles as tokens and loss weights: what is trained, and what must not be."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from inference.prompt import PromptStyle, compose_prompt, render_question
from inference.vocabulary import Vocabulary
from schemas.fields.base import ParseContext
from schemas.lens import Lens
from training.corpora import LabelledArticle, Pointers
from training.examples import Example, ExampleWriter
from training.silver import RULES

from .conftest import article

ROOM = 512
BRIEF, TAG = PromptStyle("brief", "starter"), PromptStyle("tag", "starter")
EDITORIAL = {
    "category": "Crime",
    "sentiment": 2,
    "biased": True,
    "bias_scale": 10,
    "summary": Pointers((1, 3)),
    "bias_analysis": Pointers(()),
}


@pytest.fixture(scope="module")
def writer(vocabulary: Vocabulary, lenses: Mapping[str, Lens]) -> ExampleWriter:
    return ExampleWriter(vocabulary, lenses, BRIEF, ROOM)


def write(writer: ExampleWriter, row: LabelledArticle, seed: int = 0) -> Example:
    return writer.write(row, 200, random.Random(seed))


def answer_of(example: Example, vocabulary: Vocabulary) -> str:
    return vocabulary.decode(example.tokens[example.prompt_tokens :])


@pytest.mark.parametrize("style", [BRIEF, TAG], ids=lambda style: style.prompt)
def test_prompt_is_the_one_that_serving_writes(
    vocabulary: Vocabulary, lenses: Mapping[str, Lens], style: PromptStyle
) -> None:
    row = article()
    question = render_question(
        lenses["editorial"], [field.name for field in lenses["editorial"].contract.asked], style
    )
    served = compose_prompt(
        row.title,
        row.text,
        question,
        style=style,
        encoder=vocabulary,
        budget_tokens=200,
        room=ROOM,
    )
    example = write(ExampleWriter(vocabulary, lenses, style, ROOM), row)
    assert example.tokens[: example.prompt_tokens] == (*served.article, *served.question)


def test_another_question_changes_nothing_but_the_question(
    writer: ExampleWriter, vocabulary: Vocabulary, lenses: Mapping[str, Lens]
) -> None:
    brief = write(writer, article(values=EDITORIAL))
    tag = write(ExampleWriter(vocabulary, lenses, TAG, ROOM), article(values=EDITORIAL))
    assert tag.prompt_tokens < brief.prompt_tokens
    assert tag.tokens[tag.prompt_tokens :] == brief.tokens[brief.prompt_tokens :]
    assert tag.weights[tag.prompt_tokens :] == brief.weights[brief.prompt_tokens :]


def test_nothing_of_the_prompt_is_trained(writer: ExampleWriter) -> None:
    example = write(writer, article(values=EDITORIAL))
    assert not any(example.weights[: example.prompt_tokens])


def test_only_the_known_field_and_silver_fields_are_trained(writer: ExampleWriter) -> None:
    example = write(writer, article(values={"sentiment": 10}))
    heavy = [place for place, weight in enumerate(example.weights) if weight >= 0.5]
    assert heavy == [spot.place for spot in example.spots]
    assert [spot.field for spot in example.spots] == ["sentiment"]


@pytest.mark.parametrize("lens", ["editorial", "newsletter", "ai_industry", "sustainability_tech"])
def test_field_that_nobody_labelled_has_no_weight(
    writer: ExampleWriter, vocabulary: Vocabulary, lenses: Mapping[str, Lens], lens: str
) -> None:
    example = write(writer, article(lens=lens, values={}))
    delimiter = vocabulary.encode_untrusted(" ||| ")[0]
    parts: list[float] = [0.0]
    for token, weight in list(zip(example.tokens, example.weights, strict=True))[
        example.prompt_tokens : -1
    ]:
        if token == delimiter:
            parts.append(0.0)
        else:
            parts[-1] += weight
    fields = lenses[lens].contract.asked
    trained = {field.name for field, weight in zip(fields, parts, strict=True) if weight > 0}
    assert trained == {name for of, name in RULES if of == lens}


def test_tokens_of_a_known_value_share_the_weight_one(
    writer: ExampleWriter, vocabulary: Vocabulary
) -> None:
    names = ["Nordhavn Residents", "Anna Berg"]
    known = write(writer, article(lens="ai_industry", values={"company_names": names}))
    unknown = write(writer, article(lens="ai_industry", values={}))
    value = vocabulary.encode_untrusted("; ".join(names))
    # The delimiter behind a list says that it ends: it weighs as much as one token of it.
    gain = sum(known.weights) - sum(unknown.weights)
    assert gain == pytest.approx(1.0 + 1 / len(value), abs=0.06)


def test_rendered_answer_parses_back_to_the_values(
    writer: ExampleWriter, vocabulary: Vocabulary, lenses: Mapping[str, Lens]
) -> None:
    example = write(writer, article(values=EDITORIAL))
    contract = lenses["editorial"].contract
    parts = contract.split(answer_of(example, vocabulary))
    for field, part in list(zip(contract.asked, parts, strict=True))[:4]:
        assert field.parse(part, ParseContext()).value == EDITORIAL[field.name]


def test_pointers_become_markers_and_no_pointer_becomes_none(
    writer: ExampleWriter, vocabulary: Vocabulary
) -> None:
    example = write(writer, article(values=EDITORIAL))
    first, third = vocabulary.control_id("<s1>"), vocabulary.control_id("<s3>")
    answer = example.tokens[example.prompt_tokens :]
    place = answer.index(first)
    assert answer[place : place + 2] == (first, third)
    assert answer_of(example, vocabulary).endswith("none")


def test_pointers_past_the_reading_are_dropped(
    writer: ExampleWriter, vocabulary: Vocabulary
) -> None:
    example = write(writer, article(text="One sentence only.", values=EDITORIAL))
    assert vocabulary.control_id("<s3>") not in example.tokens


def test_fillers_differ_from_draw_to_draw(writer: ExampleWriter, vocabulary: Vocabulary) -> None:
    row = article(values={"bias_scale": 3})
    answers = {answer_of(write(writer, row, seed), vocabulary) for seed in range(20)}
    assert len(answers) > 10


def test_spot_is_the_place_where_serving_scores(
    writer: ExampleWriter, vocabulary: Vocabulary
) -> None:
    example = write(writer, article(values={"category": "Health"}))
    (spot,) = example.spots
    assert spot.place == example.prompt_tokens
    assert vocabulary.decode([spot.options[spot.right]]) == "Health"
