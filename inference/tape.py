"""The wire between a decoder and the machine: what to append to one sequence, what to listen for.

A decoding is a coroutine: it yields steps and is sent logits. The tape keeps its book: tokens
decided but not yet sent travel with the next step, tokens tried out are taken back with it. Knows
nothing about fields, and nothing about the other sequences of the batch.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Logits = NDArray[np.float32]
"""(vocabulary,) float32; a view that is valid until the coroutine yields again."""

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """Take `drop` tokens off the sequence's end, append `tokens`, give the logits after them."""

    tokens: tuple[int, ...]
    drop: int = 0
    listen: bool = True
    """False: the logits are not needed, an empty array is sent."""


Decoding = Generator[Step, Logits, T]
"""A coroutine that decodes one sequence and returns what it read."""


class OutOfRoomError(Exception):
    """The sequence is as long as it may be."""


class Tape:
    """The tokens of one answer, as they are decided."""

    def __init__(self, row: Logits, room: int) -> None:
        """Begin after a prompt: `row` are its logits, `room` the tokens that an answer may have."""
        self._room = room
        self._tokens: list[int] = []
        self._sent = 0
        self._tried = 0
        self._row: Logits | None = row

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def on_sequence(self) -> int:
        """Tokens that the sequence holds after the prompt, those that are only tried included."""
        return self._sent + self._tried

    def force(self, tokens: Sequence[int]) -> None:
        """Decide the next tokens. They are sent with the next step."""
        if len(self._tokens) + len(tokens) > self._room:
            raise OutOfRoomError
        self._tokens += tokens
        self._row = None

    def listen(self) -> Decoding[Logits]:
        """Give the logits for the token after all that is decided."""
        if self._row is None:
            drop, self._tried = self._tried, 0
            pending = tuple(self._tokens[self._sent :])
            self._sent = len(self._tokens)
            self._row = yield Step(pending, drop)
        return self._row

    def try_out(self, tokens: Sequence[int]) -> Decoding[Logits]:
        """Give the logits after tokens that are not decided; all decided ones must be sent."""
        if len(self._tokens) + len(tokens) > self._room:
            raise OutOfRoomError
        drop, self._tried = self._tried, len(tokens)
        self._row = None
        return (yield Step(tuple(tokens), drop))

    def rewind(self, length: int) -> None:
        """Take back what was decided after the first `length` tokens."""
        del self._tokens[length:]
        self._tried += max(self._sent - length, 0)
        self._sent = min(self._sent, length)
        self._row = None


def softmax(scores: ArrayLike) -> NDArray[np.float64]:
    """Turn scores into probabilities that sum to 1."""
    values = np.asarray(scores, dtype=np.float64)
    powers = np.exp(values - values.max())
    return np.asarray(powers / powers.sum())


def geometric_mean(probabilities: Sequence[float]) -> float | None:
    """Average the probabilities of decisions; None when nothing was decided."""
    if not probabilities:
        return None
    return float(np.exp(np.mean(np.log(np.maximum(probabilities, 1e-12)))))
