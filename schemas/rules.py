r"""Patterns of prefilter rules: RE2, so that no pattern and no text can take exponential time.

RE2 knows letters of every script, but its `\b` only those of ASCII: `\bcafé\b` would miss
"café" and `\bcaf\b` would hit it. `unicode_pattern` mends that. RE2 has no look-around, so a
mended boundary takes in the character beside the word; `trim_span` gives it back.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

import re2

from schemas.errors import ConfigError

_WORD = r"\pL\pM\pN_"
_LEFT = f"(?:^|[^{_WORD}])"
_RIGHT = f"(?:[^{_WORD}]|$)"
_INNER = rf"(?:\b|{_LEFT}|{_RIGHT})"

_TOKEN = re.compile(
    r"\\Q.*?(?:\\E|$)|\\.|\[(?:\\.|\[:\^?\w+:\]|[^\]\\])(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|.", re.S
)
_OPENS = re.compile(r"(?:^|[(|^]|\(\?[\w:<>-]*[:>)])$")
"""What stands before a boundary at the beginning of an alternative."""
_CLOSES = re.compile(r"[)|$]|$")
"""What stands after a boundary at the end of an alternative."""
_GAP_BEFORE = re.compile(r"(?:\\[sWnt-]|[ -])(?:\+|\{[1-9][^}]*\})?$")
_GAP_AFTER = re.compile(r"(?:\\[sWnt-]|[ -])(?![*?]|\{0)")
"""A certain non-word character: beside it a boundary says nothing new."""


def unicode_pattern(pattern: str) -> str:
    r"""Rewrite `\b` so that letters of every script count as word characters."""
    tokens = _TOKEN.findall(pattern)
    mended = [
        _mend_boundary("".join(tokens[:place]), "".join(tokens[place + 1 :]))
        if token == r"\b"
        else token
        for place, token in enumerate(tokens)
    ]
    return "".join(mended)


def _mend_boundary(before: str, after: str) -> str:
    if _GAP_BEFORE.search(before) or _GAP_AFTER.match(after):
        return ""
    if _OPENS.search(before):
        return _LEFT
    if _CLOSES.match(after):
        return _RIGHT
    return _INNER


def compile_options() -> Any:
    """Return the RE2 options that every rule is compiled with."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    return options


@lru_cache(maxsize=4096)
def compile_pattern(pattern: str) -> Any:
    """Compile a rule's pattern: any case, Unicode word boundaries.

    Raises:
        ConfigError: the pattern is not RE2 syntax; the message says what is wrong with it.
    """
    try:
        return re2.compile(unicode_pattern(fold_text(pattern)), compile_options())
    except re2.error as error:
        reason = error.args[0] if error.args else "not RE2 syntax"
        if isinstance(reason, bytes):
            reason = reason.decode()
        raise ConfigError(f"the pattern {pattern!r} does not compile: {reason}") from None


def fold_text(text: str) -> str:
    """Bring text to the Unicode form (NFC) in which rules and articles are compared."""
    return unicodedata.normalize("NFC", text)


def trim_span(text: str, start: int, end: int) -> tuple[int, int]:
    """Take the characters that mended boundaries took in off a match's ends.

    `start` and `end` are character offsets in `text`; the span is never made empty.
    """
    if end - start > 1 and not _is_word(text[start]):
        start += 1
    if end - start > 1 and not _is_word(text[end - 1]):
        end -= 1
    return start, end


def _is_word(character: str) -> bool:
    # Signs of currency, # and @ begin what a rule means: "$5", "#art".
    category = unicodedata.category(character)
    return character in "_#@" or category[0] in "LMN" or category == "Sc"
