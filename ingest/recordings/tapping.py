"""Listening to what comes in: the clients work as ever, and what they get is noted as it came.

Nothing that goes wrong with the noting reaches whoever fetches: a tape swallows it. Knows neither
files nor switches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

import httpx2

from ingest.address_guard import AddressGuard
from ingest.batches import Refused
from ingest.http import Fetched, HttpClient, NotModified
from ingest.mail_batches import Received, ReceivesMail
from ingest.recordings.masking import mask_text, mask_url
from ingest.recordings.visits import KEPT_HEADERS, Exchange, Failure, RecordedMail
from ingest.transport import Deadline, make_transport
from schemas.errors import NewsmillError

MOST_BYTES = 64_000_000
"""Of one answer, as it came: what goes on for longer is noted as cut."""


class Tape(Protocol):
    """Where things are noted, while it runs. No call of it raises."""

    @property
    def is_running(self) -> bool: ...

    def keep(self, body: bytes) -> str | None:
        """Keep a body; gives its name, or None when it could not be kept."""

    def note_exchanges(self, exchanges: tuple[Exchange, ...]) -> None: ...

    def note_mail(self, mail: RecordedMail) -> None: ...

    def end_mails(self, failure: Failure | None) -> None: ...


class _HeardStream(httpx2.SyncByteStream):
    """A body that is gathered while it is read."""

    def __init__(self, stream: httpx2.SyncByteStream) -> None:
        self._stream = stream
        self.body = bytearray()
        self.is_begun = self.is_whole = False
        self.failure: Failure | None = None

    def __iter__(self) -> Iterator[bytes]:
        self.is_begun, is_all = True, True
        try:
            for chunk in self._stream:
                if len(self.body) < MOST_BYTES:
                    self.body += chunk
                else:
                    is_all = False
                yield chunk
            self.is_whole = is_all
        except (httpx2.RequestError, NewsmillError) as error:
            self.failure = describe_failure(error)
            raise

    def close(self) -> None:
        self._stream.close()


class HeardTransport(httpx2.BaseTransport):
    """A transport whose exchanges are gathered until they are taken."""

    def __init__(self, transport: httpx2.BaseTransport, tape: Tape) -> None:
        self._transport = transport
        self._tape = tape
        self._heard: list[tuple[Exchange, _HeardStream | None]] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if not self._tape.is_running:
            return self._transport.handle_request(request)
        raw_url = str(request.url)
        url = mask_url(raw_url)
        try:
            response = self._transport.handle_request(request)
        except (httpx2.RequestError, NewsmillError) as error:
            failure = describe_failure(error)
            told = failure.model_copy(update={"message": mask_text(failure.message, raw_url)})
            self._heard.append((Exchange(url=url, failure=told), None))
            raise
        assert isinstance(response.stream, httpx2.SyncByteStream)
        stream = _HeardStream(response.stream)
        headers = tuple(_keep_headers(response.headers))
        self._heard.append(
            (Exchange(url=url, status=response.status_code, headers=headers), stream)
        )
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=stream,
            extensions=response.extensions,
        )

    def take(self) -> tuple[Exchange, ...]:
        """Give what was heard since the last call, with its bodies kept."""
        heard, self._heard = self._heard, []
        return tuple(self._complete(exchange, stream) for exchange, stream in heard)

    def close(self) -> None:
        self._transport.close()

    def _complete(self, exchange: Exchange, stream: _HeardStream | None) -> Exchange:
        if stream is None or not stream.is_begun:
            return exchange.model_copy(update={"is_whole": False})
        body = self._tape.keep(bytes(stream.body))
        heard = {"body": body, "is_whole": stream.is_whole, "failure": stream.failure}
        return exchange.model_copy(update=heard)


class HeardClient:
    """An HTTP client whose answers are noted, each before it is given."""

    def __init__(self, client: HttpClient, transport: HeardTransport, tape: Tape) -> None:
        self._client = client
        self._transport = transport
        self._tape = tape

    def fetch(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Fetched | NotModified:
        """Fetch as `HttpClient.fetch` does."""
        try:
            return self._client.fetch(url, etag=etag, last_modified=last_modified)
        finally:
            if self._tape.is_running:
                self._tape.note_exchanges(self._transport.take())

    def close(self) -> None:
        self._client.close()


def make_heard_client(tape: Tape, **options: Any) -> HeardClient:
    """Make an HTTP client that is listened to; options: those of `HttpClient`."""
    transport: HeardTransport | None = None

    def make(guard: AddressGuard, deadline: Deadline) -> HeardTransport:
        nonlocal transport
        transport = HeardTransport(make_transport(guard, deadline), tape)
        return transport

    client = HttpClient(make=make, **options)
    assert transport is not None
    return HeardClient(client, transport, tape)


class HeardMail:
    """Mail accounts whose mails are noted, each before it is given."""

    def __init__(self, mail: ReceivesMail, tape: Tape) -> None:
        self._mail = mail
        self._tape = tape

    def receive(self, location: str, marks: Mapping[str, Any], now: datetime) -> Iterator[Received]:
        """Receive as `MailAccess.receive` does."""
        received = self._mail.receive(location, marks, now)
        return self._listen(received) if self._tape.is_running else received

    def _listen(self, received: Iterator[Received]) -> Iterator[Received]:
        failure: Failure | None = None
        try:
            for each in received:
                self._tape.note_mail(self._describe(each))
                yield each
        except NewsmillError as error:
            failure = describe_failure(error)
            raise
        finally:
            self._tape.end_mails(failure)

    def _describe(self, received: Received) -> RecordedMail:
        mail = received.mail
        return RecordedMail(
            where=received.where,
            mail=self._tape.keep(mail) if isinstance(mail, bytes) else None,
            refused=mail.reason if isinstance(mail, Refused) else None,
            marks=dict(received.marks),
            note=received.note,
        )


def describe_failure(error: Exception) -> Failure:
    """Name an error as it can be raised again."""
    return Failure(kind=type(error).__name__, message=str(error))


def _keep_headers(headers: httpx2.Headers) -> Iterator[tuple[str, str]]:
    for name, value in headers.multi_items():
        if name.lower() in KEPT_HEADERS:
            yield name.lower(), mask_url(value) if name.lower() == "location" else value
