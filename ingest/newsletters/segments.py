"""A sequence of blocks, cut into segments: an opener and what follows until the next break.

Breaks are dividers, headings of sections and lines that say "sponsored". What lies outside of all
segments comes as strays: an editor's greeting, or a paragraph between two rules.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from statistics import median

from ingest.newsletters.blocks import Block
from ingest.newsletters.sponsors import Label, read_label

LEAST_LETTERS = 3


@dataclass(slots=True)
class Segment:
    """The blocks of one item."""

    blocks: list[Block] = field(default_factory=list)
    has_opener: bool = True
    """Whether its first block opens it; strays and what a label opens have none."""
    section: str = ""
    section_label: bool = False
    """Whether the section's name says that all in it is paid for."""
    label: Label | None = None
    is_label_of_issue: bool = False
    """Whether the label stands above the first item, where the issue's own sponsor is named."""
    has_kicker: bool = False
    """Whether a small heading of its own stands above the opener."""
    follows_divider: bool = False

    @property
    def has_picture(self) -> bool:
        return any(block.kind == "image" for block in self.blocks)

    def names(self, sponsor: str) -> bool:
        """Tell whether a sponsor's name occurs in the text or in a link."""
        told = " ".join(block.text for block in self.blocks).casefold()
        urls = " ".join(anchor.url for block in self.blocks for anchor in block.anchors)
        return sponsor.partition(" ")[0].casefold().strip("'’s.,") in told + urls.casefold()

    @property
    def words(self) -> int:
        return sum(block.words for block in self.blocks if block.is_text)

    @property
    def chars(self) -> int:
        return sum(len(block.text) for block in self.blocks if block.is_text)


@dataclass(slots=True)
class Cut:
    """Everything that one choice of openers makes of the blocks, in order."""

    segments: list[Segment] = field(default_factory=list)

    @property
    def opened(self) -> list[Segment]:
        return [segment for segment in self.segments if segment.has_opener]


def cut(blocks: Sequence[Block], openers: Collection[int]) -> Cut:
    """Cut the blocks at the openers, given by their places."""
    return _Cutter(blocks, openers).run()


class _Cutter:
    def __init__(self, blocks: Sequence[Block], openers: Collection[int]) -> None:
        self._blocks = blocks
        self._openers = set(openers)
        sizes = [blocks[n].size for n in openers if blocks[n].kind == "heading"]
        self._title_px = median(sizes) if sizes else 0.0
        self._leads_to_opener = self._find_leads()
        self._section_styles = {
            block.style
            for place, block in enumerate(blocks)
            if place not in self._openers
            and block.kind == "heading"
            and self._leads_to_opener[place]
            and not read_label(block.text)
        }
        self._result = Cut()
        self._current: Segment | None = None
        self._label: Label | None = None
        self._section, self._section_label, self._kicker = "", False, False
        self._sections_after_opener = 0
        self._after_divider = self._has_opened = False

    def run(self) -> Cut:
        for place, block in enumerate(self._blocks):
            label = read_label(block.text)
            if place in self._openers and not (label and self._leads_to_opener[place]):
                self._open(block)
            elif block.kind == "divider":
                self._current, self._after_divider = None, True
            elif block.kind == "image" and not label:
                self._append_picture(place, block)
            elif label:
                self._read_label(place, block, label)
            elif block.kind == "heading" and self._is_section(place, block):
                self._enter_section(block.text, is_label=False, is_kicker=self._is_small(block))
            else:
                self._append(block)
        if self._sections_after_opener == 0:
            # The only heading stands above everything: it is the issue's title.
            for segment in self._result.segments:
                segment.section = ""
        return self._result

    def _find_leads(self) -> list[bool]:
        """Tell for each place whether the next words after it are an opener's."""
        leads = [False] * (len(self._blocks) + 1)
        for place in range(len(self._blocks) - 2, -1, -1):
            below = self._blocks[place + 1]
            passes = below.kind in {"divider", "image"} or read_label(below.text) is not None
            leads[place] = place + 1 in self._openers or (passes and leads[place + 1])
        return leads

    def _is_small(self, block: Block) -> bool:
        return block.size <= self._title_px

    def _is_section(self, place: int, block: Block) -> bool:
        """Tell whether a heading names a section; a price or a date above an item does not."""
        if sum(letter.isalpha() for letter in block.text) < LEAST_LETTERS:
            return False
        return self._leads_to_opener[place] or not self._is_small(block)

    def _open(self, block: Block) -> None:
        self._start(Segment([block], label=self._label))

    def _start(self, segment: Segment) -> None:
        segment.section, segment.section_label = self._section, self._section_label
        segment.has_kicker, segment.follows_divider = self._kicker, self._after_divider
        segment.is_label_of_issue = not self._has_opened
        self._has_opened = self._has_opened or segment.has_opener
        self._result.segments.append(segment)
        self._current = segment
        self._label, self._kicker, self._after_divider = None, False, False

    def _append_picture(self, place: int, block: Block) -> None:
        """Keep a picture for its link, unless it stands above the next item."""
        if self._current is not None and not self._leads_to_opener[place]:
            self._current.blocks.append(block)

    def _read_label(self, place: int, block: Block, label: Label) -> None:
        has_siblings = block.kind == "heading" and block.style in self._section_styles
        if has_siblings and not label.sponsor and self._leads_to_opener[place]:
            self._enter_section(block.text, is_label=True, is_kicker=False)
            return
        if self._current is not None and label.sponsor and self._current.names(label.sponsor):
            self._current.blocks.append(block)  # it stands below the item that it is about
        else:
            self._current, self._label = None, label

    def _enter_section(self, text: str, *, is_label: bool, is_kicker: bool) -> None:
        self._section, self._section_label, self._kicker = text, is_label, is_kicker
        self._sections_after_opener += self._has_opened
        self._current, self._label = None, None

    def _append(self, block: Block) -> None:
        if self._current is None:
            self._start(Segment(has_opener=False, label=self._label))
        assert self._current is not None
        self._current.blocks.append(block)
