"""What a poll hands over: drafts in batches, refused items, the state to keep for the next poll.

Plain records. This module knows neither parsers nor the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.articles import ArticleDraft

BATCH_DRAFTS = 500
"""Drafts in one batch: one statement and one short transaction for the store."""


@dataclass(frozen=True)
class SourceState:
    """What is remembered of a source between polls.

    `etag` and `last_modified` are the server's for a URL and our fingerprint for a file;
    `position` says how far a corpus or mailbox has been read (see `ingest/files.py`).
    """

    etag: str | None = None
    last_modified: str | None = None
    position: int = 0
    marks: dict[str, Any] = field(default_factory=dict)
    """How far a mailbox on a server has been read; its client's own, JSON values only."""


@dataclass(frozen=True)
class Refused:
    """An item that gave no article: where it stands in its source, and why."""

    where: str
    reason: str


@dataclass(frozen=True)
class Item:
    """One item of a corpus or mailbox and the position to resume from once it is stored."""

    outcome: ArticleDraft | Refused
    position: int


@dataclass(frozen=True)
class Batch:
    """Some drafts, and the state that becomes true once they are stored."""

    drafts: tuple[ArticleDraft, ...]
    refused: tuple[Refused, ...]
    notes: tuple[str, ...]
    state: SourceState


def cut_feed(whole: Batch, before: SourceState, size: int = BATCH_DRAFTS) -> Iterator[Batch]:
    """Cut what a feed gave into batches, its end first: feeds begin with the newest.

    Only the last batch has the new state, so that an interrupted read of the feed begins anew.
    """
    drafts = whole.drafts
    while len(drafts) > size:
        yield Batch(drafts[-size:], (), (), before)
        drafts = drafts[:-size]
    yield replace(whole, drafts=drafts)


def place_items(
    outcomes: Sequence[ArticleDraft | Refused], before: int, after: int
) -> Iterator[Item]:
    """Place what one mail gave: only its last item moves the position from before to after it.

    So a read that is interrupted within a mail begins with that mail again, and loses none.
    """
    *others, last = outcomes
    for outcome in others:
        yield Item(outcome, before)
    yield Item(last, after)


def cut_batches(
    items: Iterable[Item],
    state: SourceState,
    size: int = BATCH_DRAFTS,
    last_modified: str | None = None,
) -> Iterator[Batch]:
    """Group a stream of items; each batch carries the position that its last item reached.

    The last batch, which may be empty, also carries `last_modified`: all has been read.
    """
    drafts: list[ArticleDraft] = []
    refused: list[Refused] = []
    for item in items:
        if len(drafts) + len(refused) >= size:
            yield Batch(tuple(drafts), tuple(refused), (), state)
            drafts, refused = [], []
        if isinstance(item.outcome, Refused):
            refused.append(item.outcome)
        else:
            drafts.append(item.outcome)
        state = replace(state, position=item.position)
    yield Batch(tuple(drafts), tuple(refused), (), replace(state, last_modified=last_modified))
