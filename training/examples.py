"""One labelled article → tokens and loss weights, with the prompt and spelling that serving uses.

Field-masked: a value that nobody gave is filled with a random valid one, so that the model learns
not to rely on what precedes, and its tokens weigh nothing. Knows contracts and spelling; knows
nothing about sampling or torch.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inference.prompt import PromptStyle, compose_prompt, render_question
from inference.spelling import Encoder, Spelling
from schemas.fields import EMPTY, AnyField
from schemas.fields.base import CopySpans, ParseContext, ScoreOptions, ScoreSet
from schemas.lens import Lens
from training.corpora import LabelledArticle, Pointers
from training.silver import MAX_POINTERS, RULES

SILVER_WEIGHT = 0.5
# Delimiters are forced in serving; a touch of weight keeps free decoding sane.
DELIMITER_WEIGHT = 0.05
MAX_NAMES = 6


@dataclass(frozen=True)
class Spot:
    """A place where serving will score options, and a corpus knows which is right."""

    field: str
    place: int
    options: tuple[int, ...]
    """First token of each option."""
    right: int
    """Index of the right option."""


@dataclass(frozen=True)
class Example:
    tokens: tuple[int, ...]
    weights: tuple[float, ...]
    """Of the loss on predicting the token at the same place; 0 on all of the prompt. The tokens
    of a known value share the weight 1, so that a long value counts no more than a short one."""
    prompt_tokens: int
    spots: tuple[Spot, ...]


class ExampleWriter:
    """Writes examples for the lenses of one vocabulary, asked in one style."""

    def __init__(
        self, encoder: Encoder, lenses: Mapping[str, Lens], style: PromptStyle, room: int
    ) -> None:
        self._encoder, self._lenses, self._style, self._room = encoder, lenses, style, room
        self._spelling = Spelling.learn(encoder)

    def write(self, row: LabelledArticle, budget_tokens: int, chance: random.Random) -> Example:
        """Render the prompt and the answer; known values weigh 1, silver ones less, fillers 0."""
        lens = self._lenses[row.lens]
        fields = lens.contract.asked
        prompt = compose_prompt(
            row.title,
            row.text,
            render_question(lens, [field.name for field in fields], self._style),
            style=self._style,
            encoder=self._encoder,
            budget_tokens=budget_tokens,
            room=self._room,
        )
        tokens = [*prompt.article, *prompt.question]
        weights = [0.0] * len(tokens)
        spots = []
        for place, field in enumerate(fields):
            value, weight = self._answer(row, field, prompt.reading.title, prompt.sentences, chance)
            spelt = self._spell(field, value)
            if weight == 1.0 and isinstance(field.decode_plan(), ScoreOptions):
                spots.append(self._spot(field, len(tokens), spelt[0]))
            tokens += spelt
            weights += [weight / len(spelt)] * len(spelt)
            # What follows a list or a text says that it has ended, so it is part of the value.
            is_open = not isinstance(field.decode_plan(), ScoreOptions)
            ends_value = weight / len(spelt) if is_open else 0.0
            is_last = place == len(fields) - 1
            closing = [self._spelling.end] if is_last else list(self._spelling.delimiter)
            tokens += closing
            weights += [max(ends_value, DELIMITER_WEIGHT)] * len(closing)
        return Example(tuple(tokens), tuple(weights), prompt.tokens, tuple(spots))

    def _answer(
        self,
        row: LabelledArticle,
        field: AnyField,
        title: str,
        sentences: Sequence[str],
        chance: random.Random,
    ) -> tuple[Any, float]:
        """Give a field's value and its weight."""
        if field.name in row.values:
            return _within(row.values[field.name], sentences), 1.0
        rule = RULES.get((row.lens, field.name))
        if rule is not None:
            return rule(title, sentences), SILVER_WEIGHT
        return draw_filler(field, len(sentences), chance), 0.0

    def _spot(self, field: AnyField, place: int, right: int) -> Spot:
        plan = field.decode_plan()
        assert isinstance(plan, ScoreOptions)
        spelt = (self._spelling.value(option) for option in plan.options)
        options = tuple(tokens[0] for tokens in spelt)
        return Spot(field.name, place, options, options.index(right))

    def _spell(self, field: AnyField, value: Any) -> list[int]:
        if isinstance(value, Pointers) and value.numbers:
            return self._spelling.pointers(value.numbers)
        if isinstance(value, Pointers) or value == []:
            return self._spelling.value(EMPTY)
        if isinstance(value, list):
            return list(self._spell_list(value))
        return self._spelling.value(field.render(value))

    def _spell_list(self, items: Sequence[str]) -> Iterator[int]:
        yield from self._spelling.value(items[0])
        for item in items[1:MAX_NAMES]:
            yield from self._spelling.separator
            yield from self._spelling.next_item(item)


def draw_filler(field: AnyField, sentences: int, chance: random.Random) -> Any:
    """Draw any valid value of a field: what precedes a known field must not matter."""
    plan = field.decode_plan()
    if isinstance(plan, ScoreOptions):
        return field.parse(chance.choice(plan.options), ParseContext()).value
    if isinstance(plan, ScoreSet):
        return chance.sample(plan.options, chance.randint(0, min(2, plan.max_items)))
    if isinstance(plan, CopySpans) or sentences == 0:
        return []
    count = min(sentences, chance.randint(0, MAX_POINTERS))
    return Pointers(tuple(sorted(chance.sample(range(1, sentences + 1), count))))


def _within(value: Any, sentences: Sequence[str]) -> Any:
    """Drop pointers at sentences that this reading does not hold."""
    if not isinstance(value, Pointers):
        return value
    return Pointers(tuple(number for number in value.numbers if number <= len(sentences)))
