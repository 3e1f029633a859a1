"""Read a source: the one function that a poll calls; joins clients and parsers, decides little.

Knows neither the store nor the queue: drafts and the state to keep go out in batches, and
whoever stores a batch stores its state with it, so that an interrupted read goes on there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from ingest.batches import BATCH_DRAFTS, Batch, Item, SourceState, cut_batches
from ingest.corpora import read_corpus
from ingest.feeds import parse_feed
from ingest.files import FileStatus, look_at, open_source
from ingest.http import Fetched, NotModified
from ingest.mailboxes import read_mail_file, read_mail_folder, read_mbox
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


class Fetches(Protocol):
    """What fetches URLs: `ingest.http.HttpClient`, or a fake of it."""

    def fetch(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Fetched | NotModified: ...


@dataclass(frozen=True)
class PollOutcome:
    """What a poll found. `batches` is read once, lazily; it is empty when nothing changed."""

    is_modified: bool
    batches: Iterator[Batch]


def read_source(
    spec: SourceSpec,
    state: SourceState,
    *,
    now: datetime,
    client: Fetches,
    batch_drafts: int = BATCH_DRAFTS,
) -> PollOutcome:
    """Read what is new in a source since `state`.

    Raises TransientError and PermanentError when the source as a whole cannot be read. A bad item
    is never an error: it comes as `refused`, with where and why, beside the drafts of its batch.
    """
    if spec.is_remote:
        return _read_feed_url(spec.location, state, now, client)
    path = Path(spec.location)
    if path.is_dir():
        items = read_mail_folder(path, state.position, now)
        return PollOutcome(True, cut_batches(items, state, batch_drafts))
    status = look_at(path)
    if status.is_read(state):
        return _unchanged()
    if spec.kind == "feed":
        return PollOutcome(True, _read_feed_file(path, status, now))
    start = status.resume(state)
    items = _read_items(spec, path, start.position, now)
    return PollOutcome(True, cut_batches(items, start, batch_drafts, status.stamp))


def _unchanged() -> PollOutcome:
    return PollOutcome(is_modified=False, batches=iter(()))


def _read_feed_url(url: str, state: SourceState, now: datetime, client: Fetches) -> PollOutcome:
    answer = client.fetch(url, etag=state.etag, last_modified=state.last_modified)
    if isinstance(answer, NotModified):
        return _unchanged()
    kept = SourceState(answer.etag, answer.last_modified)
    feed = _feed_batch(answer.body, answer.url, answer.content_type, now, kept)
    return PollOutcome(True, iter((feed,)))


def _read_feed_file(path: Path, status: FileStatus, now: datetime) -> Iterator[Batch]:
    with open_source(path) as stream:
        body = stream.read(MAX_FEED_FILE_BYTES + 1)
    if len(body) > MAX_FEED_FILE_BYTES:
        limit = f"{MAX_FEED_FILE_BYTES:,} bytes"
        raise PermanentError(f"{path}: the feed is larger than {limit}", path=str(path))
    kept = SourceState(last_modified=status.stamp)
    yield _feed_batch(body, path.as_uri(), None, now, kept)


def _feed_batch(
    body: bytes, url: str, content_type: str | None, now: datetime, kept: SourceState
) -> Batch:
    feed = parse_feed(body, url=url, now=now, content_type=content_type)
    # What was no feed is asked for anew the next time, whatever ETag it came with.
    state = SourceState() if feed.is_unreadable else kept
    return Batch(feed.drafts, feed.refused, feed.notes, state)


def _read_items(spec: SourceSpec, path: Path, position: int, now: datetime) -> Iterator[Item]:
    if spec.kind == "mail" and path.suffix.lower() == ".eml":
        yield Item(read_mail_file(path, now), 0)
        return
    with open_source(path) as stream:
        yield from READERS[spec.kind](stream, position, now)
