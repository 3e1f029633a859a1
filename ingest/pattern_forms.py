"""A pattern spelled out: the texts that it matches, as far as they can be listed.

A form is one way in which a text can match: literal characters in lower case, GAP for what is
certainly no ASCII letter or digit, and ANY for all that is not understood or too much to list.
Forms may allow more than the pattern does, never less. RE2 syntax; nothing is compiled or matched.
"""

from __future__ import annotations

import re

GAP = "\0"
"""Stands for what is certainly no ASCII letter or digit: blank, punctuation, an end of the text."""
ANY = "\1"
"""Stands for any characters, or none."""
MAX_FORMS = 1_500
"""Spellings that one part of a pattern may have before they are cut to what tells most."""
PREFIX_CHARS = 3
"""Shorter beginnings of words stand in every text."""
_COMMON = """
    a about after all also an and are as at back be been best but by can could day do first for from
    get had has have he her here his how i in into is it its just least like make many more most new
    no not now of on one only or other our out over people president read said see she should so
    some than that the their them then there these they things this time to two up us use was way we
    were what when where which who will with would year years you your
"""
COMMON_WORDS = frozenset(_COMMON.split())
"""Words of most texts, which tell nothing: a clue is looked up by another, if it has one."""

_WORD = re.compile(r"[a-z0-9_]+")
_TOKEN = re.compile(
    r"\\Q.*?(?:\\E|$)|\\[pP]\{[^}]*\}|\\[pP].|\\x\{[0-9a-fA-F]+\}|\\x..|\\[0-7]{1,3}|\\."
    r"|\[\^?\]?(?:\\[pP]\{[^}]*\}|\\.|\[:\^?\w+:\]|[^\]\\])*\]"
    r"|\(\?P?<\w+>|\(\?[a-zA-Z]*-?[a-zA-Z]*[:)]|[*+?]\??|\{\d+(?:,\d*)?\}\??|.",
    re.DOTALL,
)
_REPEATED = re.compile(f"([{GAP}{ANY}])\\1+")

Forms = frozenset[str]
"""The spellings of a part of a pattern: literal characters in lower case, GAP and ANY."""
ANYTHING: Forms = frozenset({ANY})
NOTHING: Forms = frozenset({""})
WORTHLESS = (False, 0)

GAP_TOKENS = frozenset(
    {"^", "$", r"\A", r"\z", r"\b", r"\s", r"\W", r"\n", r"\t", r"\r", r"\f", r"\v"}
)
WORD_MEMBERS = frozenset({r"\pL", r"\pN", "_"})
"""A negated class with these holds no part of a word: so `schemas.rules` writes a boundary."""


def read_forms(pattern: str) -> Forms:
    """Spell out a pattern of RE2 syntax."""
    return _Reader(pattern).read()


def find_pieces(form: str) -> list[re.Match[str]]:
    """Give the words of a form that begin where a word of the text must begin.

    The form is enclosed: its first and last character are GAP or ANY.
    """
    return [piece for piece in _WORD.finditer(form) if form[piece.start() - 1] != ANY]


def find_best_piece(form: str) -> re.Match[str] | None:
    """Choose the piece by which an enclosed form is found best: whole words, then the longest."""
    return max(
        (piece for piece in find_pieces(form) if _worth_of_piece(piece) != WORTHLESS),
        key=_worth_of_piece,
        default=None,
    )


def _worth_of_piece(piece: re.Match[str]) -> tuple[bool, int]:
    is_word = piece.string[piece.end()] != ANY
    if not is_word and len(piece[0]) < PREFIX_CHARS:
        return WORTHLESS
    return is_word, 1 if piece[0] in COMMON_WORDS else len(piece[0])


class _Reader:
    """A recursive-descent reader of RE2 syntax that gives forms in the place of a tree."""

    def __init__(self, pattern: str) -> None:
        self._tokens = _TOKEN.findall(pattern)
        self._place = 0

    def read(self) -> Forms:
        forms = self._read_alternatives()
        return forms if self._place == len(self._tokens) else ANYTHING

    def _next(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._next()
        self._place += 1
        return token

    def _read_alternatives(self) -> Forms:
        forms = self._read_sequence()
        while self._next() == "|":
            self._take()
            forms |= self._read_sequence()
        return _shorten(forms) if len(forms) > MAX_FORMS else forms

    def _read_sequence(self) -> Forms:
        forms = NOTHING
        while self._next() not in {"", "|", ")"}:
            forms = _join(forms, self._read_repeated())
        return forms

    def _read_repeated(self) -> Forms:
        forms = self._read_one()
        while _is_repetition(self._next()):
            forms = _repeat(forms, self._take())
        return forms

    def _read_one(self) -> Forms:
        token = self._take()
        if token.startswith("(?") and token.endswith(")"):
            return NOTHING
        if token.startswith("("):
            forms = self._read_alternatives()
            self._take()
            return forms
        if token.startswith("["):
            return _forms_of_class(token)
        return _forms_of(token)


def _is_repetition(token: str) -> bool:
    return token[:1] in {"*", "+", "?"} or (token[:1] == "{" and len(token) > 1)


def _repeat(forms: Forms, repetition: str) -> Forms:
    """Repeat a part: once, or from its first time to its last with anything between."""
    if forms == ANYTHING:
        return forms
    is_optional = repetition[0] in "?*" or re.match(r"\{0*[,}]", repetition) is not None
    if repetition[0] != "?":
        forms = forms | _join(_join(forms, ANYTHING), forms)
    return forms | NOTHING if is_optional else forms


def _join(left: Forms, right: Forms) -> Forms:
    """Spell out one part after the other; where that is too much, keep the better of the two."""
    if len(left) * len(right) > MAX_FORMS:
        left, right = _shorten(left), _shorten(right)
    if len(left) * len(right) <= MAX_FORMS:
        return frozenset(_REPEATED.sub(r"\1", a + b) for a in left for b in right)
    before = ANY + GAP if all(form.endswith(GAP) for form in left) else ANY
    after = GAP + ANY if all(form.startswith(GAP) for form in right) else ANY
    return max(
        frozenset(form + after for form in left),
        frozenset(before + form for form in right),
        key=_worth,
    )


def _shorten(forms: Forms) -> Forms:
    """Keep of each form the piece that it is found by, so that many forms become one."""
    return frozenset(map(_shortened, forms))


def _shortened(form: str) -> str:
    # More will be joined on before and after: a gap at an end stays one, a word stays unbounded.
    first = GAP if form.startswith(GAP) else ""
    last = GAP if form.endswith(GAP) else ""
    closed = f"{GAP}{form}{GAP}"
    best = find_best_piece(closed)
    if best is None:
        return first + ANY + last
    before = first + ANY + closed[best.start() - 1] if best.start() > 1 else ""
    after = closed[best.end()] + ANY + last if best.end() < len(closed) - 1 else ""
    return _REPEATED.sub(r"\1", before + best[0] + after)


def _worth(forms: Forms) -> tuple[bool, int]:
    """Say how well forms can be found: by the least of their best pieces."""
    best = (find_best_piece(f"{GAP}{form}{GAP}") for form in forms)
    return min(_worth_of_piece(piece) if piece else WORTHLESS for piece in best)


def _forms_of(token: str) -> Forms:
    """Give the forms of a token that is no operator, group or class."""
    if token in GAP_TOKENS:
        return frozenset({GAP})
    if token.startswith(r"\Q"):
        return frozenset({"".join(map(_spell, token[2:].removesuffix(r"\E")))})
    if token == "." or (token.startswith("\\") and (len(token) > 2 or token[1].isalnum())):
        return ANYTHING
    return frozenset({_spell(token[-1])})


def _spell(character: str) -> str:
    """Spell a literal character as in a text in lower case, all but letters and digits as GAP."""
    folded = "s" if character == "ſ" else character.lower()
    return folded if len(folded) == 1 and (folded.isalnum() or folded == "_") else GAP


def _forms_of_class(token: str) -> Forms:
    """Spell out a small class, and know one without any ASCII letter or digit."""
    members = re.findall(r"\\[pP].|\\.|.", token[1:-1], re.DOTALL)
    if members[0] == "^":
        return frozenset({GAP}) if set(members) >= WORD_MEMBERS else ANYTHING
    has_range = "-" in members[1:-1] or "[:" in token
    spelled = [_forms_of(member) if len(member) > 1 else {_spell(member)} for member in members]
    return ANYTHING if has_range else frozenset().union(*spelled)
