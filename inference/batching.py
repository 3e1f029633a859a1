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
from typing import Generic, TypeVar

import numpy as np

from inference.engine import Engine
from inference.openings import Openings
from inference.tape import Decoding, Logits, Step

T = TypeVar("T")

PREFILL_FROM = 8
"""Steps of at least this many tokens are computed alone, shorter ones token by token with others.

Only the step itself decides, never the company: so each is always computed in the same way.
"""

_NO_LOGITS: Logits = np.empty(0, dtype=np.float32)


@dataclass
class Cost:
    """What a decoding took of the machine; of a shared step, its share."""

    prefill_s: float = 0.0
    decode_s: float = 0.0
    cpu_s: float = 0.0


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

    def __init__(self, engine: Engine, after_step: Callable[[], None] | None = None) -> None:
        """`after_step` is called after each use of the engine; an error in it ends the run."""
        self._engine = engine
        self._after_step = after_step or _do_nothing
        self._openings = Openings(engine)
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
                yield end.value, start.charge(Cost(), "prefill_s")
                continue
            slot = self._place(step)
            slot.decoding, slot.step = decoding, step
            slot.cost = start.charge(Cost(), "prefill_s")
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
        for slot in active:
            watch.charge(slot.cost, "decode_s", share=1 / len(active))
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
            yield end.value, watch.charge(slot.cost, "decode_s")
        else:
            watch.charge(slot.cost, "decode_s")

    def _take_step(self, slot: _Slot[T]) -> Iterator[tuple[T, Cost]]:
        """Begin the step that was asked for; long ones are computed now, one after the other."""
        while (step := slot.step) is not None:
            slot.step = None
            watch = _Stopwatch()
            row = None
            if not self._share(slot, step):
                if len(step.tokens) < PREFILL_FROM:
                    slot.pending, slot.listens = deque(step.tokens), step.listen
                    return
                row = self._engine.prefill(slot.number, step.tokens, listen=step.listen)
            watch.charge(slot.cost, "prefill_s")
            self._after_step()
            yield from self._send(slot, _NO_LOGITS if row is None else row)

    def _share(self, slot: _Slot[T], step: Step) -> bool:
        """Take a step of the opening that is there already; else make the slot ready for it."""
        opens = self._openings.is_next(slot.number, step)
        if opens and self._openings.take(slot.number, step.tokens):
            return True
        self._openings.settle(slot.number)
        if step.drop:
            self._engine.trim(slot.number, self._engine.lengths[slot.number] - step.drop)
        if opens:
            self._openings.add(slot.number, step.tokens)
        return False

    def _abandon(self) -> None:
        for slot in self._slots:
            if slot.decoding is not None:
                slot.decoding.close()
            slot.decoding = slot.step = None
            slot.pending.clear()


def _do_nothing() -> None:
    """Be what is called after a step when nobody wants to know."""


class _Stopwatch:
    """Charges wall-clock and CPU time since its start to a cost."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def charge(self, cost: Cost, phase: str, share: float = 1.0) -> Cost:
        spent = (time.perf_counter() - self._wall) * share
        setattr(cost, phase, getattr(cost, phase) + spent)
        cost.cpu_s += (time.process_time() - self._cpu) * share
        return cost
