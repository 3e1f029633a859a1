"""Plain-text mails to blocks: underlined headings, capitals, bullets, addresses, footnotes.

The same blocks as HTML gives, so that all that follows need not know which of the two it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ingest.newsletters.blocks import MAX_TITLE_CHARS, NUMBERED, Anchor, Block, is_rule
from ingest.newsletters.redirectors import clean_link, is_paid
from ingest.text import clean_text

MAX_LINES = 5_000
CUT_NOTE = f"the items were sought in the first {MAX_LINES:,} lines"
WRAPPED_CHARS = 45
"""A line that is shorter was ended by its writer, a longer one by the mail program."""
TITLE_SIZES = {
    "=": 24.0,
    "#": 24.0,
    "-": 20.0,
    "~": 20.0,
    "*": 20.0,
    "caps": 18.0,
    "title": 16.0,
    "numbered": 18.0,
    "labelled": 16.0,
}

_URL = r"https?://[^\s<>\"'\[\]{}|\\^`]{3,2000}"
_ALONE = re.compile(rf"(?:[^\s:]{{1,20}}(?: [^\s:]{{1,20}}){{0,3}}:|→|=>|->|>)?\s*<?({_URL})>?")
_INLINE = re.compile(rf"\s?[<(\[]\s?({_URL}?)\s?[>)\]]|({_URL})")
_FOOTNOTE = re.compile(rf"\s*\[(\d{{1,3}})\]:?\s*<?({_URL})>?\s*")
_REFERENCE = re.compile(r"\s?\[(\d{1,3})\]")
_FOOTNOTES_HEAD = re.compile(r"(?:links|references|sources|quellen|liens)\s*:?", re.IGNORECASE)
_BULLET = re.compile(r"(?:[*•◦‣▪·–—-]|o(?= {2}))\s+(?=\S)")
_MARKED = re.compile(r"(#{1,4})\s+(\S.{0,200})|(\*{1,2}|_{1,2})(\S[^*_]{1,200})\3")
_LABELLED = re.compile(r"(?:title|titel|titre|título|headline):\s+\S.{2,200}", re.IGNORECASE)
_ENDS = ".,;:!?"


def read_plain_blocks(text: str) -> tuple[list[Block], str | None]:
    """Read the blocks of a plain text, and a note if something was cut; never raises."""
    text, note = clean_text(text)
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        lines, note = lines[:MAX_LINES], CUT_NOTE
    lines, footnotes = _take_footnotes(lines)
    return list(_read_paragraphs(lines, footnotes)), note


def _take_footnotes(lines: list[str]) -> tuple[list[str], dict[str, str]]:
    """Take out the lines that say what [1] stands for."""
    footnotes: dict[str, str] = {}
    kept = []
    for line in lines:
        if line.startswith("[") and (match := _FOOTNOTE.fullmatch(line)):
            footnotes[match[1]] = match[2]
        else:
            kept.append(line)
    if footnotes:
        kept = [line for line in kept if not _FOOTNOTES_HEAD.fullmatch(line)]
    return kept, footnotes


def _read_paragraphs(lines: list[str], footnotes: dict[str, str]) -> Iterator[Block]:
    paragraph: list[str] = []
    for line in [*lines, ""]:
        if line:
            paragraph.append(line)
        elif paragraph:
            yield from _read_paragraph(paragraph, footnotes)
            paragraph = []


def _read_paragraph(lines: list[str], footnotes: dict[str, str]) -> Iterator[Block]:
    """Give the headings, bullets and running lines of lines that stand together."""
    running: list[str] = []
    bullet: list[str] = []

    def close() -> Iterator[Block]:
        if bullet:
            yield _make_block("item", bullet, footnotes, style="bullet")
        if running:
            yield _make_block("paragraph", running, footnotes)
        bullet.clear()
        running.clear()

    for number, line in enumerate(lines):
        below = lines[number + 1] if number + 1 < len(lines) else ""
        if is_rule(line) and not _ALONE.fullmatch(line):
            if not _is_underline(line, lines, number):
                yield from close()
                yield Block("divider")
        elif (style := _heading_style(line, below, is_first=not running)) and not bullet:
            yield from close()
            yield _make_heading(line, style, footnotes)
        elif match := _BULLET.match(line):
            yield from close()
            bullet.append(line[match.end() :])
        else:
            (bullet or running).append(line)
            if running and not bullet and _is_end_of_link(line, below):
                yield from close()
    yield from close()


def _is_underline(line: str, lines: Sequence[str], number: int) -> bool:
    is_drawn = len(set(line)) == 1 and line[0] in TITLE_SIZES
    return is_drawn and number > 0 and not is_rule(lines[number - 1])


def _is_end_of_link(line: str, below: str) -> bool:
    return _ALONE.fullmatch(line) is not None and not _ALONE.fullmatch(below)


def _heading_style(line: str, below: str, *, is_first: bool) -> str:
    """Name the looks of a heading; empty for a running line."""
    if len(line) > MAX_TITLE_CHARS or _ALONE.fullmatch(line):
        return ""
    if is_rule(below) and len(set(below)) == 1 and below[0] in TITLE_SIZES:
        return below[0]
    if match := _MARKED.fullmatch(line):
        return "#" if match[1] else "*"
    letters = _REFERENCE.sub("", line)
    if letters.isupper() and sum(c.isalpha() for c in letters) >= 4 and len(letters) <= 120:
        return "caps"
    if not is_first or line[-1] in ".:":
        return ""
    if _LABELLED.fullmatch(line):
        return "labelled"
    if _ALONE.fullmatch(below) and len(line.split()) > 1:
        return "title"
    return "numbered" if not below and NUMBERED.match(line) else ""


def _make_heading(line: str, style: str, footnotes: dict[str, str]) -> Block:
    if match := _MARKED.fullmatch(line):
        line = match[2] or match[4]
    elif style == "labelled":
        line = line.partition(":")[2].strip()
    text, anchors = _take_links([line], footnotes)
    if anchors and anchors[-1].end >= len(text.rstrip(_ENDS)):
        # A reference behind a title links the title.
        last = anchors[-1]
        anchors = (Anchor(last.url, text, 0, last.is_paid),)
    return Block("heading", text, anchors, style, TITLE_SIZES[style])


def _make_block(kind: str, lines: list[str], footnotes: dict[str, str], style: str = "") -> Block:
    text, anchors = _take_links(lines, footnotes)
    if kind == "item":
        return Block("item", text, anchors, style)
    return Block("paragraph", text, anchors, style)


def _take_links(lines: list[str], footnotes: dict[str, str]) -> tuple[str, tuple[Anchor, ...]]:
    """Join the lines, and take addresses and references out of them, leaving anchors there."""
    source = _join_lines(lines)
    pieces: list[str] = []
    anchors: list[Anchor] = []
    length = place = 0
    for start, end, url in _find_links(source, footnotes):
        piece = source[place:start]
        pieces.append(piece)
        length += len(piece)
        anchors.append(Anchor(clean_link(url), "", length, is_paid(url)))
        place = end
    text = "".join(pieces) + source[place:]
    stripped = text.rstrip()
    kept = [each if each.start <= len(stripped) else _at(each, len(stripped)) for each in anchors]
    return stripped, tuple(kept)


def _at(anchor: Anchor, start: int) -> Anchor:
    return Anchor(anchor.url, anchor.text, start, anchor.is_paid)


def _find_links(source: str, footnotes: dict[str, str]) -> Iterator[tuple[int, int, str]]:
    found = []
    if "://" in source:
        for match in _INLINE.finditer(source):
            url = match[1] or match[2].rstrip(_ENDS + ")")
            end = match.end() if match[1] else match.start() + len(url)
            found.append((match.start(), end, url))
    if footnotes and "[" in source:
        found += [
            (match.start(), match.end(), footnotes[match[1]])
            for match in _REFERENCE.finditer(source)
            if match[1] in footnotes
        ]
    yield from sorted(found)


def _join_lines(lines: list[str]) -> str:
    """Undo the mail program's line breaks; keep the writer's."""
    pieces = [lines[0]]
    for before, line in pairwise(lines):
        is_wrapped = len(before) >= WRAPPED_CHARS and not _ALONE.fullmatch(line)
        pieces += [" " if is_wrapped else "\n", line]
    return "".join(pieces)
