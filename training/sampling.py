"""Draws training examples: which row, how long a reading, and which harmless changes.

The same step of the same seed always draws the same rows, so a resumed run continues as if it had
not stopped. Knows rows and examples; knows nothing about torch or the model.
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from schemas.errors import ConfigError
from training.corpora import LabelledArticle
from training.examples import Example, ExampleWriter

LEAST_BUDGET = 32
TITLE_ONLY_SHARE = 0.2
"""Of articles: a headline alone must do where a feed gives no more."""
MOVE_SHARE = 0.35
"""Of rows with a title or a text only: it is put in the other's place."""
COLLAGE_SHARE = 0.2
"""Of one-sentence rows: others with the same label are joined to it, to make a longer text."""
_ONE_SENTENCE_CORPORA = ("babe", "newsmtsc", "sentfin")


@dataclass(frozen=True)
class _Task:
    rows: Sequence[LabelledArticle]
    cumulative: Sequence[float]
    by_label: Mapping[Any, Sequence[LabelledArticle]]


class Sampler:
    """Draws examples from a mixture of tasks; a task is one corpus with one lens."""

    def __init__(
        self,
        rows: Sequence[LabelledArticle],
        writer: ExampleWriter,
        mixture: Mapping[str, float],
        *,
        balance: float,
        budget_tokens: int,
        seed: int,
    ) -> None:
        self._writer, self._budget, self._seed = writer, budget_tokens, seed
        self._tasks = _group_tasks(rows, balance)
        missing = set(mixture) - set(self._tasks)
        if missing:
            raise ConfigError(
                f"the mixture names what the data lacks: {', '.join(sorted(missing))}"
            )
        self._names = list(mixture)
        self._cumulative = list(accumulate(mixture.values()))

    def draw(self, step: int, tokens: int) -> list[Example]:
        """Draw examples for one step until they hold about `tokens` tokens."""
        chance = random.Random(f"{self._seed}:{step}")
        examples: list[Example] = []
        left = tokens
        while left > 0:
            row = vary(*self._draw_row(chance), chance)
            examples.append(self._writer.write(row, self._draw_budget(chance), chance))
            left -= len(examples[-1].tokens)
        return examples

    def _draw_row(self, chance: random.Random) -> tuple[LabelledArticle, Sequence[LabelledArticle]]:
        name = chance.choices(self._names, cum_weights=self._cumulative)[0]
        task = self._tasks[name]
        row = chance.choices(task.rows, cum_weights=task.cumulative)[0]
        return row, task.by_label[_label(row)]

    def _draw_budget(self, chance: random.Random) -> int:
        """Short readings are as frequent as long ones, by their logarithm."""
        return round(math.exp(chance.uniform(math.log(LEAST_BUDGET), math.log(self._budget))))


def vary(
    row: LabelledArticle, alike: Sequence[LabelledArticle], chance: random.Random
) -> LabelledArticle:
    """Change what must not matter: length, and whether a sentence is a title or a text."""
    if row.title and row.text and row.corpus == "allsides":
        return replace(row, text="") if chance.random() < TITLE_ONLY_SHARE else row
    if row.corpus in _ONE_SENTENCE_CORPORA and chance.random() < COLLAGE_SHARE:
        others = chance.choices(alike, k=chance.randint(1, 3))
        text = "\n\n".join(f"{other.title}{other.text}" for other in (row, *others))
        return replace(row, title="", text=text)
    if not (row.title and row.text) and chance.random() < MOVE_SHARE:
        return replace(row, title=row.text, text=row.title)
    return row


def _group_tasks(rows: Sequence[LabelledArticle], balance: float) -> dict[str, _Task]:
    grouped: dict[str, list[LabelledArticle]] = defaultdict(list)
    for row in rows:
        if row.values or row.lens == "newsletter":
            grouped[f"{row.corpus}.{row.lens}"].append(row)
    return {name: _build_task(members, balance) for name, members in grouped.items()}


def _build_task(rows: Sequence[LabelledArticle], balance: float) -> _Task:
    counts = Counter(map(_label, rows))
    weights = (counts[_label(row)] ** (balance - 1) for row in rows)
    by_label: dict[Any, list[LabelledArticle]] = defaultdict(list)
    for row in rows:
        by_label[_label(row)].append(row)
    return _Task(rows, list(accumulate(weights)), by_label)


def _label(row: LabelledArticle) -> Any:
    """The first known value: what a task is balanced by."""
    return next((value for value in row.values.values()), None)


def split_by_length(examples: Sequence[Example], tokens: int) -> Iterator[list[Example]]:
    """Part examples into groups of like length that hold at most `tokens` when padded."""
    group: list[Example] = []
    for example in sorted(examples, key=lambda example: len(example.tokens)):
        if group and (len(group) + 1) * len(example.tokens) > tokens:
            yield group
            group = []
        group.append(example)
    if group:
        yield group
