"""Drives many decodings through one engine, a token of each at a time.

A slot whose decoding ends is given to the next one at once. A long step (a prompt) is computed
alone, the short ones of all slots together. Every decoding sees the same numbers whatever the
others do, so order and company do not change an answer. Knows nothing about articles or fields.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, Self, TypeVar

import numpy as np

from inference.engine import Engine
from inference.openings import Openings
from inference.tape import Decoding, Logits, Step

T = TypeVar("T")

PREFILL_FROM = 8
"""Steps of at least this many tokens are computed alone, shorter ones token by token with others.

Only the step itself decides, never the company: so each is always computed in the same way.
"""

Phase = Literal["prefill_s", "decode_s"]
Spent = tuple[float, float]
"""Seconds, by the wall clock and of the CPU."""

_NO_LOGITS: Logits = np.empty(0, dtype=np.float32)


@dataclass
class Cost:
    """What a decoding took of the machine; of a shared step, its share."""

    prefill_s: float = 0.0
    decode_s: float = 0.0
    cpu_s: float = 0.0

    def add(self, phase: Phase, spent: Spent) -> Self:
        """Charge time to a phase."""
        wall_s, cpu_s = spent
        setattr(self, phase, getattr(self, phase) + wall_s)
        self.cpu_s += cpu_s
        return self


@dataclass
class _Slot(Generic[T]):
    """A sequence of the engine, and the decoding that has it."""

    number: int
    decoding: Decoding[T] | None = None
    step: Step | None = None
    """Asked for, not yet begun."""
    pending: deque[int] = field(default_factory=deque)
    listens: bool = False
    cost: Cost = field(default_factory=Cost)


class Batch(Generic[T]):
    """The slots of one engine."""

    def __init__(
        self, engine: Engine, openings: Openings, after_step: Callable[[], None] | None = None
    ) -> None:
        """`openings` are the engine's, from one batch to the next.

        `after_step` is called after each use of the engine; an error in it ends the run.
        """
        self._engine = engine
        self._after_step = after_step or _do_nothing
        self._openings = openings
        self._slots: list[_Slot[T]] = [_Slot(number) for number in range(engine.shape.slots)]

    def run(self, decodings: Iterable[Decoding[T]]) -> Generator[tuple[T, Cost], None, None]:
        """Give each decoding's result and cost as it ends; fetch the next when a slot is free."""
        waiting = iter(decodings)
        try:
            while True:
                yield from self._admit(waiting)
                active = [slot for slot in self._slots if slot.decoding]
                if not active:
                    return
                yield from self._advance(active)
        finally:
            self._abandon()

    def _admit(self, waiting: Iterator[Decoding[T]]) -> Iterator[tuple[T, Cost]]:
        """Begin decodings until no slot is free or none waits."""
        while any(slot.decoding is None for slot in self._slots):
            decoding = next(waiting, None)
            if decoding is None:
                return
            start = _Stopwatch()
            try:
                step = next(decoding)
            except StopIteration as end:
                yield end.value, Cost().add("prefill_s", start.read())
                continue
            slot = self._place(step)
            slot.decoding, slot.step = decoding, step
            slot.cost = Cost().add("prefill_s", start.read())
            self._openings.begin(slot.number)
            yield from self._take_step(slot)

    def _place(self, step: Step) -> _Slot[T]:
        """Choose a free slot, best one that still holds the first step of this decoding."""
        free = [slot.number for slot in self._slots if slot.decoding is None]
        found = self._openings.find(free, step)
        return self._slots[free[0] if found is None else found]

    def _advance(self, active: Sequence[_Slot[T]]) -> Iterator[tuple[T, Cost]]:
        """Append one token to every active slot, and let those go on that waited for it."""
        watch = _Stopwatch()
        tokens = {slot.number: slot.pending.popleft() for slot in active}
        due = [slot for slot in active if not slot.pending]
        rows = self._engine.step(tokens, frozenset(s.number for s in due if s.listens))
        share = watch.read(1 / len(active))
        for slot in active:
            slot.cost.add("decode_s", share)
        self._after_step()
        # All rows are read before the next use of the engine, which overwrites them.
        for slot in due:
            yield from self._send(slot, rows.get(slot.number, _NO_LOGITS))
        for slot in due:
            yield from self._take_step(slot)

    def _send(self, slot: _Slot[T], row: Logits) -> Iterator[tuple[T, Cost]]:
        """Let a decoding go on until its next step or its end."""
        watch = _Stopwatch()
        assert slot.decoding is not None
        try:
            slot.step = slot.decoding.send(row)
        except StopIteration as end:
            slot.decoding = slot.step = None
            yield end.value, slot.cost.add("decode_s", watch.read())
        else:
            slot.cost.add("decode_s", watch.read())

    def _take_step(self, slot: _Slot[T]) -> Iterator[tuple[T, Cost]]:
        """Begin the step that was asked for; long ones are computed now, one after the other."""
        while (step := slot.step) is not None:
            slot.step = None
            watch = _Stopwatch()
            row = None
            if not self._openings.enter(slot.number, step):
                if len(step.tokens) < PREFILL_FROM:
                    slot.pending, slot.listens = deque(step.tokens), step.listen
                    return
                row = self._engine.prefill(slot.number, step.tokens, listen=step.listen)
            slot.cost.add("prefill_s", watch.read())
            self._after_step()
            yield from self._send(slot, _NO_LOGITS if row is None else row)

    def _abandon(self) -> None:
        for slot in self._slots:
            if slot.decoding is not None:
                slot.decoding.close()
            slot.decoding = slot.step = None
            slot.pending.clear()


def _do_nothing() -> None:
    """Be what is called after a step when nobody wants to know."""


class _Stopwatch:
    """Tells wall-clock and CPU time since its start."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def read(self, share: float = 1.0) -> Spent:
        """Give a share of both, in seconds."""
        return (
            (time.perf_counter() - self._wall) * share,
            (time.process_time() - self._cpu) * share,
        )
