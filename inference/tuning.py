"""How an engine is shaped for a machine: what can be chosen, what is tried, what wins.

Decides from measurements alone: it measures nothing, reads nothing and remembers nothing. One
factor is tried at a time, the weightiest first, each from the winner of the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

ROUNDS = 3
"""A challenger must win every one of them: chance alone lets one pass in eight."""

LEAST_GAIN = 0.05
"""Of the middle round. Below it the choice stays: noise is not worth other last bits."""

KvType = Literal["f16", "q8_0"]
"""How keys and values are kept: `q8_0` takes half the memory of `f16`."""

Measure = Callable[["Choice"], float | None]
"""Gives the seconds that an article takes; None where llama.cpp refuses the choice."""


class Choice(BaseModel):
    """What can be chosen of an engine, and how its threads wait."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    threads: int
    spins: int | None = 0
    """How often an OpenMP thread looks before it sleeps (GOMP_SPINCOUNT); None: libgomp decides.

    Spinning takes the core away from whoever the thread is waiting for, where others want it too.
    """
    sequences: int = 8
    """Articles decoded together."""
    flash_attention: bool = True
    ubatch: int = 512
    kv_type: KvType = "f16"


@dataclass(frozen=True)
class Load:
    """What an article of this build asks of an engine."""

    prompt_tokens: int
    steps: int
    """Tokens appended after the prompt."""


@dataclass(frozen=True)
class Speed:
    """What an engine does in a shape."""

    prefill_s: float
    """Of one token of a prompt."""
    step_s: float
    """Of one step of all sequences."""

    def article_s(self, load: Load, sequences: int) -> float:
        """Give the seconds that an article takes in a full batch."""
        return load.prompt_tokens * self.prefill_s + load.steps * self.step_s / sequences


@dataclass(frozen=True)
class Factor:
    """Something to be chosen, and what it may be."""

    name: str
    values: tuple[Any, ...]

    def challengers(self, choice: Choice) -> list[Choice]:
        """Give the choices that differ from one in this factor alone."""
        now = getattr(choice, self.name)
        return [choice.model_copy(update={self.name: v}) for v in self.values if v != now]


@dataclass
class Contest:
    """One factor, tried: the incumbent against its challengers."""

    factor: str
    incumbent: Choice
    ratios: list[tuple[Choice, list[float]]] = field(default_factory=list)
    """Challenger → its seconds by those of the incumbent, round by round; infinite: refused."""

    @property
    def winner(self) -> Choice:
        """The quickest challenger that won every round and gains enough; else the incumbent."""
        sure = [
            (median(ratios), number)
            for number, (_, ratios) in enumerate(self.ratios)
            if len(ratios) == ROUNDS and max(ratios) < 1 and median(ratios) <= 1 - LEAST_GAIN
        ]
        return self.ratios[min(sure)[1]][0] if sure else self.incumbent


def list_factors(cores: int, fixed: Iterable[str] = ()) -> list[Factor]:
    """List what is tried on a machine, the weightiest first; what is fixed is left out."""
    threads = sorted({1, *(2**n for n in range(1, 9) if 2**n < cores), cores})
    factors = [
        Factor("threads", tuple(threads)),
        Factor("spins", (0, None)),
        Factor("sequences", (8, 16)),
        Factor("flash_attention", (True, False)),
        Factor("ubatch", (512, 256, 128)),
        Factor("kv_type", ("f16", "q8_0")),
    ]
    return [each for each in factors if each.name not in fixed]


def can_be(choice: Choice) -> bool:
    """Whether a choice makes sense: llama.cpp has a small cache only with flash attention."""
    return choice.flash_attention or choice.kv_type == "f16"


def try_factors(
    start: Choice,
    factors: Sequence[Factor],
    measure: Measure,
    *,
    is_allowed: Callable[[Choice], bool] = can_be,
    is_over: Callable[[], bool] = lambda: False,
) -> Iterator[Contest]:
    """Hold a contest for each factor while there is time; each begins with the last winner."""
    choice = start
    for factor in factors:
        challengers = [each for each in factor.challengers(choice) if is_allowed(each)]
        if factor.name == "spins" and choice.threads == 1:
            challengers = []  # One thread waits for nobody.
        if is_over():
            return
        contest = hold(factor.name, choice, challengers, measure, is_over)
        choice = contest.winner
        yield contest


def hold(
    factor: str,
    incumbent: Choice,
    challengers: Sequence[Choice],
    measure: Measure,
    is_over: Callable[[], bool] = lambda: False,
) -> Contest:
    """Measure in rounds, to and fro, so that a load that changes favours nobody.

    Who loses a round is out: most contests are over after the first. A contest that time cuts
    short has no new winner.
    """
    contest = Contest(factor, incumbent, [(each, []) for each in challengers])
    for number in range(ROUNDS):
        left = [(each, ratios) for each, ratios in contest.ratios if _is_in(ratios, number)]
        if not left or is_over():
            break
        order = [incumbent, *(each for each, _ in left)]
        found = {each: measure(each) for each in (order[::-1] if number % 2 else order)}
        base = found[incumbent]
        if base is None:
            break
        for each, ratios in left:
            cost = found[each]
            ratios.append(float("inf") if cost is None else cost / base)
    return contest


def _is_in(ratios: Sequence[float], rounds: int) -> bool:
    return len(ratios) == rounds and all(ratio < 1 for ratio in ratios)
