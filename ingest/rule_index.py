"""An index of rules by their clues: which rules can match a text at all.

Knows patterns by number only, neither lenses nor decisions. It may name a rule that does not
match, but never leaves out one that does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ingest.clues import Clue, find_clues, has_odd_letters, split_words
from ingest.pattern_forms import PREFIX_CHARS

_Needed = tuple[frozenset[bytes], int]
"""Further words that must stand in the text, and the pattern that then can match."""


class RuleIndex:
    """Built once for a list of mended patterns; then only read."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Work out the clues of every pattern; some ms each."""
        self._all = range(len(patterns))
        self._always: list[int] = []
        """Patterns without clues, such as scores of games: "3-2"."""
        self._by_word: dict[bytes, list[_Needed]] = defaultdict(list)
        self._by_head: dict[bytes, list[tuple[bytes, int]]] = defaultdict(list)
        for number, pattern in enumerate(patterns):
            clues = find_clues(pattern)
            if clues is None:
                self._always.append(number)
            for clue in clues or ():
                self._add(clue, number)
        self._words = frozenset(self._by_word)

    def find_candidates(self, text: str, encoded: bytes) -> list[int]:
        """Give the patterns that can match, by number, in order; `encoded` is the text in UTF-8."""
        if has_odd_letters(text):
            return list(self._all)
        found = set(self._always)
        words = split_words(encoded)
        for word in words & self._words:
            for others, number in self._by_word[word]:
                if others <= words:
                    found.add(number)
        for word in [word for word in words if word[:PREFIX_CHARS] in self._by_head]:
            for prefix, number in self._by_head[word[:PREFIX_CHARS]]:
                if word.startswith(prefix):
                    found.add(number)
        return sorted(found)

    def _add(self, clue: Clue, number: int) -> None:
        word = clue.word.encode()
        if clue.is_prefix:
            self._by_head[word[:PREFIX_CHARS]].append((word, number))
        else:
            others = frozenset(other.encode() for other in clue.others)
            self._by_word[word].append((others, number))
