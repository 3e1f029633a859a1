"""What every feed parser gives: drafts, reasons, notes, and what the feed says of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import TypeVar

from ingest.batches import Refused
from ingest.dates import EARLIEST
from schemas.articles import ArticleDraft

T = TypeVar("T")

MAX_ITEMS = 2_000
"""Articles taken from one poll of one feed; a usual feed has 10 to 100, a day's preprints 1,000."""
MAX_TAGS = 20
SHARED_URL_NOTE = "other entries of the feed have the same link: it does not identify this one"


@dataclass(frozen=True)
class ParsedFeed:
    """The articles of one fetched feed, newest first as the feed has them."""

    drafts: tuple[ArticleDraft, ...] = ()
    refused: tuple[Refused, ...] = ()
    notes: tuple[str, ...] = ()
    is_unreadable: bool = False
    """True when these bytes are no feed at all; the reason stands in `refused`."""
    title: str = ""
    ttl: timedelta | None = None
    """How long the feed itself says that it may be kept."""


def gather_feed(
    outcomes: Sequence[ArticleDraft | Refused],
    notes: Sequence[str],
    *,
    title: str = "",
    ttl: timedelta | None = None,
) -> ParsedFeed:
    """Make a feed of what its entries gave."""
    drafts = [outcome for outcome in outcomes if isinstance(outcome, ArticleDraft)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    parted = tuple(_part_shared_urls(_part_shared_ids(drafts)))
    return ParsedFeed(parted, tuple(refused), tuple(notes), title=title, ttl=ttl)


def refuse_feed(reason: str) -> ParsedFeed:
    """Say why these bytes are no feed."""
    return ParsedFeed(refused=(Refused("feed", reason),), is_unreadable=True)


def choose_newest(
    entries: Sequence[T], date: Callable[[T], datetime | None]
) -> list[tuple[int, T]]:
    """Give the entries that are taken with their numbers from 1, in the feed's own order.

    Of more than are taken, these are the newest, wherever they stand; where dates do not tell, the
    first, since feeds begin with the newest.
    """
    numbered = list(enumerate(entries, start=1))
    if len(numbered) <= MAX_ITEMS:
        return numbered
    newest = sorted(numbered, key=lambda each: date(each[1]) or EARLIEST, reverse=True)
    return sorted(newest[:MAX_ITEMS], key=itemgetter(0))


def note_length(entries: int) -> list[str]:
    """Say what a feed's number of entries calls for."""
    if entries > MAX_ITEMS:
        return [f"the feed has {entries:,} entries: the newest {MAX_ITEMS:,} were taken"]
    return [] if entries else ["the feed has no entries"]


def _part_shared_ids(drafts: list[ArticleDraft]) -> list[ArticleDraft]:
    """Let entries that share an id be known by what they say: it identifies none of them."""
    articles = {(draft.external_id, draft.content_key) for draft in drafts}
    uses = Counter(external_id for external_id, _ in articles)
    return [
        draft.model_copy(update={"external_id": draft.content_key})
        if uses[draft.external_id] > 1
        else draft
        for draft in drafts
    ]


def _part_shared_urls(drafts: list[ArticleDraft]) -> list[ArticleDraft]:
    """Take the address from entries that share one: it names a page of many articles."""
    articles = {(draft.address_key, draft.content_key) for draft in drafts}
    uses = Counter(address_key for address_key, _ in articles if address_key)
    return [
        _without_shared_url(draft) if uses[draft.address_key or ""] > 1 else draft
        for draft in drafts
    ]


def _without_shared_url(draft: ArticleDraft) -> ArticleDraft:
    notes = (*draft.notes, SHARED_URL_NOTE)
    return draft.model_copy(update={"url": None, "address_key": None, "notes": notes})
