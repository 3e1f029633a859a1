"""Closed answers: every option is scored, none is sampled, so an answer is valid by construction.

Options are laid out as a trie of tokens. At each fork the softmax runs over the tokens that some
option goes on with, so the options' probabilities sum to 1. A fork below the first token (`1` and
`10` in Gemma) costs one more token of decoding, and only when it matters. Knows nothing about
fields and their meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from inference.spelling import Spelling
from inference.tape import Decoding, Logits, Tape, softmax
from schemas.fields import EMPTY

TRY_FLOOR = 0.02
"""A fork with less probability than this is not looked into: its options share it evenly."""


@dataclass
class _Node:
    children: dict[int, _Node] = field(default_factory=dict)
    ended: str | None = None
    below: list[str] = field(default_factory=list)


class Trie:
    """Options by their tokens. `ends` are the tokens that may follow a whole option."""

    def __init__(self, spellings: Mapping[str, Sequence[int]], ends: Sequence[int]) -> None:
        self.spellings = spellings
        self.ends = list(ends)
        self.root = _Node()
        for option, tokens in spellings.items():
            node = self.root
            node.below.append(option)
            for token in tokens:
                node = node.children.setdefault(token, _Node())
                node.below.append(option)
            node.ended = option


def score_options(tape: Tape, trie: Trie) -> Decoding[dict[str, float]]:
    """Give the probability of every option. Nothing is decided on the tape."""
    shares = dict.fromkeys(trie.spellings, 0.0)
    if len(shares) == 1:
        return dict.fromkeys(shares, 1.0)
    row = yield from tape.listen()
    forks = _share_out(trie, trie.root, (), 1.0, row, shares)
    while forks:
        node, path, mass = forks.pop()
        if mass < TRY_FLOOR:
            shares.update({option: mass / len(node.below) for option in node.below})
        else:
            row = yield from tape.try_out(path)
            forks += _share_out(trie, node, path, mass, row, shares)
    return shares


def choose_options(
    tape: Tape,
    spelling: Spelling,
    options: Sequence[str],
    *,
    max_items: int,
    follow: int,
) -> Decoding[tuple[list[str], list[float]]]:
    """Choose up to `max_items` different options; give them with the decisions' probabilities."""
    chosen: list[str] = []
    certainties: list[float] = []
    ends = (spelling.separator[0], follow)
    while True:
        left = [option for option in options if option not in chosen]
        spell = spelling.next_item if chosen else spelling.value
        spellings = {option: spell(option) for option in ([*left] if chosen else [*left, EMPTY])}
        best, certainty = yield from choose_option(tape, Trie(spellings, ends))
        certainties.append(certainty)
        if best == EMPTY:
            return [], certainties
        chosen.append(best)
        if len(chosen) == min(max_items, len(options)):
            return chosen, certainties
        row = yield from tape.listen()
        more, stop = softmax(row[list(ends)])
        certainties.append(float(max(more, stop)))
        if stop >= more:
            return chosen, certainties
        tape.force(spelling.separator)


def choose_option(tape: Tape, trie: Trie) -> Decoding[tuple[str, float]]:
    """Decide for the most probable option; the first of equals."""
    shares = yield from score_options(tape, trie)
    best = max(shares, key=lambda option: shares[option])
    tape.force(trie.spellings[best])
    return best, shares[best]


def _share_out(
    trie: Trie,
    node: _Node,
    path: tuple[int, ...],
    mass: float,
    row: Logits,
    shares: dict[str, float],
) -> list[tuple[_Node, tuple[int, ...], float]]:
    """Share a node's probability among its branches; give the branches that fork again."""
    scores = [float(row[token]) for token in node.children]
    if node.ended is not None:
        scores.append(float(np.logaddexp.reduce(row[trie.ends].astype(np.float64))))
    parts = (mass * softmax(scores)).tolist()
    if node.ended is not None:
        shares[node.ended] = parts.pop()
    forks = []
    for (token, child), part in zip(node.children.items(), parts, strict=True):
        if len(child.below) == 1:
            shares[child.below[0]] = part
        else:
            forks.append((child, (*path, token), part))
    return forks
