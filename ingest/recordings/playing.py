"""Playing a visit: the clients get the recorded answers, and never anything else.

No connection is ever opened here. Who asks for what the visit does not hold, is told so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2

from ingest.batches import Refused
from ingest.mail_batches import Received
from ingest.recordings.bodies import Bodies
from ingest.recordings.files import lay_out
from ingest.recordings.masking import mask_url
from ingest.recordings.visits import Exchange, Failure, RecordedMail, Visit
from schemas.errors import PermanentError, TransientError

NO_ANSWER = "the recording has no answer to this request"
BODY_ENDS = "the recording holds no more of this answer"
_HTTP_ERRORS = {
    name: kind
    for name, kind in vars(httpx2).items()
    if isinstance(kind, type) and issubclass(kind, httpx2.RequestError)
}


class PlayedVisit:
    """The visit at hand; transport and mail account look here."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._left: list[Exchange] = []
        self._visit: Visit | None = None
        self.unanswered = 0
        """Requests for which the recording has nothing, since the beginning."""

    def begin(self, visit: Visit | None) -> None:
        """Play another visit; None: there is nothing to be had."""
        self._visit = visit
        self._left = list(visit.exchanges) if visit else []

    def answer(self, url: str) -> Exchange:
        """Give the answer that came next to this request; PermanentError when there was none."""
        for place, exchange in enumerate(self._left):
            if exchange.url == url:
                return self._left.pop(place)
        self.unanswered += 1
        raise PermanentError(NO_ANSWER)

    def load(self, name: str) -> bytes:
        """Read a body."""
        return self._bodies.load(name)

    def lay_out(self, folder: Path) -> Path:
        """Write the files of the visit below a folder; returns where its source lies there."""
        if self._visit is None:
            raise PermanentError(NO_ANSWER)
        return lay_out(self._visit, folder, self.load)

    def receive(self, location: str, marks: Mapping[str, Any], now: datetime) -> Iterator[Received]:
        """Give the mails of the visit, as `MailAccess.receive` gave them."""
        if self._visit is None:
            raise PermanentError(NO_ANSWER)
        for mail in self._visit.mails:
            yield self._receive(mail)
        if self._visit.failure:
            raise _to_error(self._visit.failure)

    def _receive(self, mail: RecordedMail) -> Received:
        found: bytes | Refused | None = None
        if mail.mail is not None:
            found = self.load(mail.mail)
        elif mail.refused is not None:
            found = Refused(mail.where, mail.refused)
        return Received(mail.where, found, mail.marks, mail.note)


class PlayedTransport(httpx2.BaseTransport):
    """Answers requests from the visit at hand."""

    def __init__(self, visit: PlayedVisit) -> None:
        self._visit = visit

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        exchange = self._visit.answer(mask_url(str(request.url)))
        if exchange.status is None:
            raise _to_error(exchange.failure or Failure(kind="", message=NO_ANSWER))
        body = self._visit.load(exchange.body) if exchange.body else b""
        stream = _PlayedStream(body, exchange)
        return httpx2.Response(exchange.status, headers=list(exchange.headers), stream=stream)


class _PlayedStream(httpx2.SyncByteStream):
    def __init__(self, body: bytes, exchange: Exchange) -> None:
        self._body = body
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        yield self._body
        if self._exchange.failure:
            raise _to_error(self._exchange.failure)
        if not self._exchange.is_whole:
            raise httpx2.ReadError(BODY_ENDS)


def _to_error(failure: Failure) -> Exception:
    """Make the error that was recorded; one of an unknown class passes by itself."""
    if failure.kind in _HTTP_ERRORS:
        return _HTTP_ERRORS[failure.kind](failure.message)
    kind = PermanentError if failure.kind == PermanentError.__name__ else TransientError
    return kind(failure.message)
