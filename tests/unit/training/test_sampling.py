"""Drawing examples: repeatable, balanced, and without a change that matters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random

import pytest

from inference.prompt import PromptStyle
from inference.vocabulary import Vocabulary
from schemas.errors import ConfigError
from schemas.lens import Lens
from training.corpora import LabelledArticle
from training.examples import Example, ExampleWriter
from training.sampling import Sampler, split_by_length, vary
from training.sft import MaskError, check_trained_share

from .conftest import article

ROWS = [
    article(f"r{number}", values={"biased": number % 5 == 0}, title="", text=f"Line {number} here.")
    for number in range(40)
]


@pytest.fixture(scope="module")
def writer(vocabulary: Vocabulary, lenses: Mapping[str, Lens]) -> ExampleWriter:
    return ExampleWriter(vocabulary, lenses, PromptStyle("brief", "starter"), 512)


def sampler(writer: ExampleWriter, balance: float = 0.0) -> Sampler:
    mixture = {"babe.editorial": 1.0}
    return Sampler(ROWS, writer, mixture, balance=balance, budget_tokens=100, seed=1)


def test_same_step_draws_the_same_examples(writer: ExampleWriter) -> None:
    assert sampler(writer).draw(4, 500) == sampler(writer).draw(4, 500)
    assert sampler(writer).draw(4, 500) != sampler(writer).draw(5, 500)


def test_balance_lifts_a_rare_label(writer: ExampleWriter) -> None:
    def share_of_yes(balance: float) -> float:
        examples = sampler(writer, balance).draw(0, 20_000)
        rights = [spot.right for example in examples for spot in example.spots]
        return 1 - sum(rights) / len(rights)

    assert share_of_yes(1.0) == pytest.approx(0.2, abs=0.1)
    assert share_of_yes(0.0) == pytest.approx(0.5, abs=0.1)


def test_mixture_that_names_missing_data_is_refused(writer: ExampleWriter) -> None:
    with pytest.raises(ConfigError, match=r"reuters\.editorial"):
        Sampler(ROWS, writer, {"reuters.editorial": 1.0}, balance=1.0, budget_tokens=100, seed=1)


def test_variation_keeps_values_and_words() -> None:
    chance = Random(2)
    for row in ROWS * 3:
        varied = vary(row, [row], chance)
        assert varied.values == row.values
        assert row.text in varied.title + varied.text


def test_groups_of_like_length_waste_little(writer: ExampleWriter) -> None:
    examples = sampler(writer).draw(0, 4000)
    groups = list(split_by_length(examples, 600))
    assert sum(map(len, groups)) == len(examples)
    for group in groups:
        assert len(group) * max(len(example.tokens) for example in group) <= 600


def test_share_of_trained_tokens_is_checked_before_the_first_step(writer: ExampleWriter) -> None:
    assert 0.01 < check_trained_share(ROWS, writer, 100) < 0.4


def test_loss_on_a_prompt_is_refused_before_the_first_step(
    vocabulary: Vocabulary, lenses: Mapping[str, Lens]
) -> None:
    class Careless(ExampleWriter):
        def write(self, row: LabelledArticle, budget_tokens: int, chance: Random) -> Example:
            example = super().write(row, budget_tokens, chance)
            return replace(example, weights=(1.0,) * len(example.tokens))

    with pytest.raises(MaskError, match="40 prompts"):
        check_trained_share(
            ROWS, Careless(vocabulary, lenses, PromptStyle("brief", "starter"), 512), 100
        )
