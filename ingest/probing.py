"""Try an address before it becomes a source: is it a feed, or a page that names one?

Fetches through the client it is given and keeps nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ingest.discovery import FeedLink, find_feed_links
from ingest.feeds import parse_feed
from ingest.http import Fetched
from ingest.parsed_feeds import ParsedFeed
from ingest.reading_sources import Fetches
from ingest.scheduling import find_gap
from schemas.errors import PermanentError, TransientError

MAX_TRIED = 3
"""Feeds of one page that are tried until one can be read."""


@dataclass(frozen=True)
class Probe:
    """A feed that was fetched and read once."""

    url: str
    """The feed's own address, after permanent redirects."""
    feed: ParsedFeed
    gap: timedelta | None
    """Mean time between its newest entries."""
    others: tuple[FeedLink, ...] = ()
    """Further feeds of the page on which it was found."""


def probe_feed(url: str, client: Fetches, now: datetime) -> Probe:
    """Fetch an address, and if it is a page, the first readable feed that it names.

    Raises TransientError or PermanentError with the reason when there is none.
    """
    answer = _fetch(url, client)
    feed = parse_feed(answer.body, url=answer.url, now=now, content_type=answer.content_type)
    if not feed.is_unreadable:
        return _make_probe(answer.moved_to or url, feed, now)
    links = find_feed_links(answer.body, answer.url)
    reason = feed.refused[0].reason
    if not links:
        raise PermanentError(f"{url}: {reason}, and it names no feed", url=url)
    for link in links[:MAX_TRIED]:
        others = tuple(each for each in links if each is not link)
        if probe := _try_link(link, others, client, now):
            return probe
    raise PermanentError(f"{url}: {reason}, and the feeds that it names cannot be read", url=url)


def _try_link(
    link: FeedLink, others: tuple[FeedLink, ...], client: Fetches, now: datetime
) -> Probe | None:
    try:
        answer = _fetch(link.url, client)
    except (PermanentError, TransientError):
        return None
    feed = parse_feed(answer.body, url=answer.url, now=now, content_type=answer.content_type)
    if feed.is_unreadable:
        return None
    return _make_probe(answer.moved_to or link.url, feed, now, others)


def _make_probe(
    url: str, feed: ParsedFeed, now: datetime, others: tuple[FeedLink, ...] = ()
) -> Probe:
    dates = [draft.published_at for draft in feed.drafts if draft.published_at]
    return Probe(url, feed, find_gap(dates, now), others)


def _fetch(url: str, client: Fetches) -> Fetched:
    answer = client.fetch(url)
    if not isinstance(answer, Fetched):
        raise TransientError(f"{url}: the server answered 304 to a first request", url=url)
    return answer
