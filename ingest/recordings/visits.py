"""What a recording's lines say: visits to sources and pages, and what each of them brought.

Plain records and their JSON. Bodies are named by their hash; `ingest.recordings.bodies` has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

KEPT_HEADERS = frozenset(
    {
        "cache-control",
        "content-encoding",
        "content-type",
        "etag",
        "expires",
        "last-modified",
        "location",
        "retry-after",
    }
)
"""Of an answer: those that are read. No other header, cookies least of all, is recorded, and of
a request nothing but its address is."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Failure(_Record):
    """What went wrong instead of an answer, or in the middle of one."""

    kind: str
    """Name of the exception's class."""
    message: str


class Exchange(_Record):
    """One request and its answer; a redirect and what it led to are two."""

    url: str
    status: int | None = None
    """None: there was no answer, and `failure` says why."""
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    """As it came over the wire, compressed if it was; None where it was not read."""
    is_whole: bool = True
    """Whether the body was read to its end."""
    failure: Failure | None = None


class RecordedMail(_Record):
    """One mail as a server gave it, or what stood in its place."""

    where: str
    mail: str | None = None
    refused: str | None = None
    """Why there is no mail."""
    marks: dict[str, Any] = {}
    note: str = ""


class RecordedFile(_Record):
    """A file of a source on disk, as it was before it was read."""

    name: str
    """Relative to the source's folder."""
    body: str | None = None
    lack: str = ""
    """Why there is no body."""


class PolledSource(_Record):
    """A source as it was when it was polled."""

    source_id: int
    """In the database of the recording; in no other does it mean anything."""
    kind: str
    location: str
    settings: dict[str, Any] = {}
    interval: timedelta | None = None


class Visit(_Record):
    """One poll of a source, or one look at the page of an article.

    A mailbox's poll has a line for each mail: all but the last say `goes_on`.
    """

    at: AwareDatetime
    """What the code took for now."""
    source: PolledSource | None = None
    """None: it was a page."""
    page: str | None = None
    """The address of the article whose page was read."""
    exchanges: tuple[Exchange, ...] = ()
    mails: tuple[RecordedMail, ...] = ()
    files: tuple[RecordedFile, ...] = ()
    failure: Failure | None = None
    """Why a mailbox could not be read, or not to its end."""
    goes_on: bool = False

    def is_followed_by(self, other: Visit) -> bool:
        """Whether another line tells more of the same visit."""
        return self.goes_on and (self.at, self.source) == (other.at, other.source)


def join_lines(lines: Sequence[Visit]) -> Visit:
    """Make one visit of the lines that tell of it."""
    mails = tuple(mail for line in lines for mail in line.mails)
    return lines[-1].model_copy(update={"mails": mails})


class RecordingHead(_Record):
    """What `recording.json` says."""

    format: Literal[1] = 1
    since: datetime
