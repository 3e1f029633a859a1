"""Read a source: the one function that a poll calls; joins clients and parsers, decides little.

Knows neither the store nor the queue: drafts and the state to keep go out in batches, and
whoever stores a batch stores its state with it, so that an interrupted read goes on there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Protocol

from ingest.batches import (
    BATCH_DRAFTS,
    Batch,
    Item,
    SourceState,
    cut_batches,
    cut_feed,
    place_items,
)
from ingest.corpora import read_corpus
from ingest.discovery import find_feed_links
from ingest.feeds import parse_feed
from ingest.files import FileStatus, look_at, open_source
from ingest.http import Fetched, NotModified, without_password
from ingest.mail_accounts import MAIL_KINDS, read_mail_account
from ingest.mail_batches import ReceivesMail
from ingest.mailboxes import read_mail_file, read_mail_folder, read_mbox
from ingest.parsed_feeds import ParsedFeed
from ingest.sources import SourceKind, SourceSpec
from ingest.tabular import read_csv, read_parquet
from schemas.errors import PermanentError

READERS: dict[SourceKind, Callable[[BinaryIO, int, datetime], Iterator[Item]]] = {
    "jsonl": read_corpus,
    "csv": read_csv,
    "parquet": read_parquet,
    "mail": read_mbox,
}
"""Of files that are read item by item, from a position on."""

MAX_FEED_FILE_BYTES = 20_000_000
CUT_NOTE = "the feed is longer than NEWSMILL_INGEST__MAX_BODY_MB: its end was not read"


class Fetches(Protocol):
    """What fetches URLs: `ingest.http.HttpClient`, or a fake of it."""

    def fetch(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Fetched | NotModified: ...


class WebClient(Fetches, Protocol):
    """A client that has something to close."""

    def close(self) -> None: ...


class ParsesFeeds(Protocol):
    """What turns a feed's bytes into drafts: `ingest.feeds.parse_feed`, or one with a limit."""

    def __call__(
        self, body: bytes, *, url: str, now: datetime, content_type: str | None = None
    ) -> ParsedFeed: ...


@dataclass(frozen=True)
class FeedFacts:
    """What a fetched feed and its server say of the feed itself."""

    title: str = ""
    dates: tuple[datetime, ...] = ()
    """Of its entries."""
    wish: timedelta | None = None
    """The shortest wait until the next poll that either asks for."""
    moved_to: str | None = None
    """Its new address, if it has moved for good."""


@dataclass(frozen=True)
class PollOutcome:
    """What a poll found. `batches` is read once, lazily; it is empty when nothing changed."""

    is_modified: bool
    batches: Iterator[Batch]
    facts: FeedFacts = FeedFacts()


def read_source(
    spec: SourceSpec,
    state: SourceState,
    *,
    now: datetime,
    client: Fetches,
    mail: ReceivesMail | None = None,
    parse: ParsesFeeds = parse_feed,
    batch_drafts: int = BATCH_DRAFTS,
    split_newsletters: bool = True,
) -> PollOutcome:
    """Read what is new in a source since `state`.

    Raises TransientError and PermanentError when the source as a whole cannot be read. A bad item
    is never an error: it comes as `refused`, with where and why, beside the drafts of its batch.
    """
    if spec.kind in MAIL_KINDS:
        if mail is None:
            raise PermanentError("mail servers are not read here")
        batches = read_mail_account(
            spec.location,
            state,
            mail,
            now=now,
            batch_drafts=batch_drafts,
            split_newsletters=split_newsletters,
        )
        return PollOutcome(True, batches)
    if spec.is_remote:
        return _read_feed_url(spec.location, state, now, client, parse, size=batch_drafts)
    path = Path(spec.location)
    if path.is_dir():
        items = read_mail_folder(path, state.position, now, split_newsletters=split_newsletters)
        return PollOutcome(True, cut_batches(items, state, batch_drafts))
    status = look_at(path)
    if status.is_read(state):
        return _unchanged()
    if spec.kind == "feed":
        return PollOutcome(True, _read_feed_file(path, status, now, parse, size=batch_drafts))
    start = status.resume(state)
    items = _read_items(spec, path, start.position, now, split_newsletters=split_newsletters)
    return PollOutcome(True, cut_batches(items, start, batch_drafts, status.stamp))


def _unchanged() -> PollOutcome:
    return PollOutcome(is_modified=False, batches=iter(()))


def _read_feed_url(
    url: str, state: SourceState, now: datetime, client: Fetches, parse: ParsesFeeds, *, size: int
) -> PollOutcome:
    answer = client.fetch(url, etag=state.etag, last_modified=state.last_modified)
    if isinstance(answer, NotModified):
        facts = FeedFacts(wish=answer.fresh_for, moved_to=answer.moved_to)
        return PollOutcome(is_modified=False, batches=iter(()), facts=facts)
    feed = parse(answer.body, url=answer.url, now=now, content_type=answer.content_type)
    if feed.is_unreadable:
        links = find_feed_links(answer.body, answer.url)
        hint = f"; it names the feed {links[0].url}" if links else ""
        raise _unreadable(feed, url, hint)
    notes = (*feed.notes, CUT_NOTE) if answer.is_cut else feed.notes
    kept = SourceState(answer.etag, answer.last_modified)
    whole = Batch(feed.drafts, feed.refused, notes, kept)
    facts = FeedFacts(
        title=feed.title,
        dates=tuple(draft.published_at for draft in feed.drafts if draft.published_at),
        wish=max(filter(None, (answer.fresh_for, feed.ttl)), default=None),
        moved_to=answer.moved_to,
    )
    return PollOutcome(True, cut_feed(whole, state, size), facts)


def _read_feed_file(
    path: Path, status: FileStatus, now: datetime, parse: ParsesFeeds, *, size: int
) -> Iterator[Batch]:
    with open_source(path) as stream:
        body = stream.read(MAX_FEED_FILE_BYTES + 1)
    if len(body) > MAX_FEED_FILE_BYTES:
        limit = f"{MAX_FEED_FILE_BYTES:,} bytes"
        raise PermanentError(f"{path}: the feed is larger than {limit}", path=str(path))
    feed = parse(body, url=path.as_uri(), now=now)
    if feed.is_unreadable:
        raise _unreadable(feed, str(path))
    kept = SourceState(last_modified=status.stamp)
    yield from cut_feed(Batch(feed.drafts, feed.refused, feed.notes, kept), SourceState(), size)


def _unreadable(feed: ParsedFeed, location: str, hint: str = "") -> PermanentError:
    """Say why this is no feed: the source as a whole cannot be read, and keeps its state."""
    shown = without_password(location)
    return PermanentError(f"{shown}: {feed.refused[0].reason}{hint}", location=shown)


def _read_items(
    spec: SourceSpec, path: Path, position: int, now: datetime, *, split_newsletters: bool
) -> Iterator[Item]:
    if spec.kind == "mail" and path.suffix.lower() == ".eml":
        outcomes = read_mail_file(path, now, split_newsletters=split_newsletters)
        yield from place_items(outcomes, 0, 0)
        return
    with open_source(path) as stream:
        if spec.kind == "mail":
            yield from read_mbox(stream, position, now, split_newsletters=split_newsletters)
        else:
            yield from READERS[spec.kind](stream, position, now)
