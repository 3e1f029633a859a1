"""Models for tests: a vocabulary of words and letters, and a model that wants what it is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from inference.tape import Decoding, Logits, Step
from inference.words import is_run_of_letters

T = TypeVar("T")

CONTROL = ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>")
MARKERS = tuple(f"<s{number}>" for number in range(1, 49))
WORDS = (" ||| ", ";", " Apple", " Inc", " Google", "Apple", "Google", " said", "none")


class ToyVocabulary:
    """Control tokens, some words, and every byte: whatever is not a word is spelled in bytes."""

    def __init__(self, words: Sequence[str] = WORDS) -> None:
        names = [*CONTROL, *MARKERS]
        self._controls = {name: place for place, name in enumerate(names)}
        self._bytes_from = len(names)
        self._words = {word: self._bytes_from + 256 + n for n, word in enumerate(words)}
        self._pattern = re.compile("|".join(map(re.escape, sorted(self._words, key=len)[::-1])))
        self.size = self._bytes_from + 256 + len(words)
        self.control_ids = frozenset(self._controls.values())
        self.end_ids = (self._controls["<eos>"], self._controls["<end_of_turn>"])
        spelled = {token: word.encode() for word, token in self._words.items()}
        spelled |= {self._bytes_from + byte: bytes([byte]) for byte in range(256)}
        self.pieces = [spelled.get(token, b"") for token in range(self.size)]
        self.break_ids = (self._bytes_from + ord("\n"),)

    @property
    def unwritable(self) -> NDArray[np.bool_]:
        bad = [
            not piece or any(byte < 32 or byte == 124 for byte in piece) for piece in self.pieces
        ]
        return np.array(bad, dtype=np.bool_)

    @property
    def unspaced(self) -> dict[str, int]:
        return {word: token for word, token in self._words.items() if is_run_of_letters(word)}

    def encode(self, text: str) -> list[int]:
        parts = re.split(r"(<\w+>)", text)
        nested = (
            [self._controls[part]] if part in self._controls else self.encode_untrusted(part)
            for part in parts
        )
        return [token for tokens in nested for token in tokens]

    def encode_untrusted(self, text: str) -> list[int]:
        tokens: list[int] = []
        place = 0
        for match in self._pattern.finditer(text):
            tokens += self._spell(text[place : match.start()])
            tokens.append(self._words[match[0]])
            place = match.end()
        return [*tokens, *self._spell(text[place:])]

    def decode(self, tokens: Sequence[int]) -> str:
        return b"".join(self.pieces[token] for token in tokens).decode(errors="ignore")

    def control_id(self, name: str) -> int | None:
        return self._controls.get(name)

    def _spell(self, text: str) -> list[int]:
        return [self._bytes_from + byte for byte in text.encode(errors="replace")]


@dataclass
class Run:
    """A decoding that was driven to its end."""

    tokens: list[int] = field(default_factory=list)
    """On the sequence at the end."""
    listened: int = 0
    tried: int = 0
    """Steps that took something back."""


def drive(decoding: Decoding[T], think: Callable[[list[int]], Logits], run: Run | None = None) -> T:
    """Run a coroutine against a model: a function from the sequence's tokens to logits."""
    run = run or Run()
    try:
        step: Step = next(decoding)
        while True:
            if step.drop:
                del run.tokens[-step.drop :]
                run.tried += 1
            run.tokens += step.tokens
            run.listened += step.listen
            step = decoding.send(think(run.tokens))
    except StopIteration as end:
        result: T = end.value
        return result


def wanting(vocabulary: ToyVocabulary, answer: Sequence[int]) -> Callable[[list[int]], Logits]:
    """Make a model that wants to say `answer`, token by token, from where it is first asked."""

    def think(tokens: list[int]) -> Logits:
        row = np.zeros(vocabulary.size, dtype=np.float32)
        if len(tokens) < len(answer):
            row[answer[len(tokens)]] = 9.0
        return row

    return think


def dicing(vocabulary: ToyVocabulary, seed: int) -> Callable[[list[int]], Logits]:
    """Make a model that wants anything, but the same after the same tokens."""

    def think(tokens: list[int]) -> Logits:
        random = np.random.default_rng([seed, *tokens[-6:], len(tokens)])
        return random.normal(0, 3, vocabulary.size).astype(np.float32)

    return think
