"""Which beginnings the slots of an engine hold, so that another reading of an article shares them.

A decoding opens with steps that nobody listens to: an article, or its lead and then its rest. Such
a chunk is computed once and taken by every decoding that opens with the same chunks, from its own
slot or as a copy from another. Chunks match as wholes only: computed in other pieces, the same
tokens may differ in their last bits. Knows nothing about decodings, logits or time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from inference.engine import Engine
from inference.tape import Step

Chunk = tuple[int, ...]


class Openings:
    """The chunks that each slot begins with. They outlive the run that had them computed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._chunks: list[tuple[Chunk, ...]] = [()] * engine.shape.slots
        self._taken = [0] * engine.shape.slots
        """Of the slot's chunks, how many its present decoding has opened with."""

    def begin(self, slot: int) -> None:
        """Let a new decoding have a slot; the opening that lies there stays until it is refused."""
        self._taken[slot] = 0
        self._chunks[slot] = self._held(slot)
        self._engine.trim(slot, _length(self._chunks[slot]))

    def find(self, slots: Iterable[int], step: Step) -> int | None:
        """Find a slot that begins as a decoding does whose first step is this one."""
        return None if step.listen else next(self._holders(slots, (step.tokens,)), None)

    def enter(self, slot: int, step: Step) -> bool:
        """Take a step of the opening that is there already; else make the slot ready for it."""
        opens = self._is_next(slot, step)
        if opens and self._take(slot, step.tokens):
            return True
        self._settle(slot)
        if step.drop:
            self._engine.trim(slot, self._engine.lengths[slot] - step.drop)
        if opens:
            self._chunks[slot] = (*self._chunks[slot], step.tokens)
            self._taken[slot] += 1
        return False

    def _is_next(self, slot: int, step: Step) -> bool:
        """Tell whether a step goes on with the opening: after it, nothing else is in the slot."""
        if step.listen:
            return False
        if self._has_leftovers(slot):
            return step.drop == 0
        return self._engine.lengths[slot] - step.drop == _length(self._chunks[slot])

    def _take(self, slot: int, tokens: Chunk) -> bool:
        """Take the opening's next chunk from this slot or another; False: nobody has it."""
        wanted = (*self._chunks[slot][: self._taken[slot]], tokens)
        if self._held(slot)[: len(wanted)] != wanted:
            source = next(self._holders(range(self._engine.shape.slots), wanted), None)
            if source is None:
                return False
            self._engine.copy(source, slot, _length(wanted))
            self._chunks[slot] = wanted
        self._taken[slot] += 1
        return True

    def _settle(self, slot: int) -> None:
        """Forget what an older decoding left and this one does not go on with."""
        if self._has_leftovers(slot):
            self._chunks[slot] = self._chunks[slot][: self._taken[slot]]
            self._engine.trim(slot, _length(self._chunks[slot]))

    def _has_leftovers(self, slot: int) -> bool:
        return len(self._chunks[slot]) > self._taken[slot]

    def _holders(self, slots: Iterable[int], wanted: tuple[Chunk, ...]) -> Iterator[int]:
        return (slot for slot in slots if self._held(slot)[: len(wanted)] == wanted)

    def _held(self, slot: int) -> tuple[Chunk, ...]:
        """Give the chunks that are in the cache: a short one may still be on its way."""
        chunks = self._chunks[slot]
        while _length(chunks) > self._engine.lengths[slot]:
            chunks = chunks[:-1]
        return chunks


def _length(chunks: Iterable[Chunk]) -> int:
    return sum(map(len, chunks))
