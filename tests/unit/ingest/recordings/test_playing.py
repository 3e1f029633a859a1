"""What was heard is played again: the same answers and the same errors, and nothing else."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ingest.batches import Refused
from ingest.http import Fetched, HttpClient, NotModified
from ingest.mail_batches import Received
from ingest.recordings.bodies import Bodies
from ingest.recordings.playing import PlayedTransport, PlayedVisit
from ingest.recordings.tapping import HeardClient, HeardMail, HeardTransport
from ingest.recordings.visits import Exchange, Failure, RecordedMail, Visit
from schemas.errors import NewsmillError, PermanentError, TransientError

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
URL = "https://ada:pw@a.example/feed?token=s3cret"
LIMIT = 5_000


class Tape:
    """A tape in memory."""

    is_running = True

    def __init__(self, folder: Path) -> None:
        self.bodies = Bodies(folder)
        self.visit = Visit(at=NOW)

    def keep(self, body: bytes) -> str:
        return self.bodies.keep(body)[0]

    def note_exchanges(self, exchanges: tuple[Exchange, ...]) -> None:
        self.visit = self.visit.model_copy(update={"exchanges": exchanges})

    def note_mail(self, mail: RecordedMail) -> None:
        self.visit = self.visit.model_copy(update={"mails": (*self.visit.mails, mail)})

    def end_mails(self, failure: Failure | None) -> None:
        self.visit = self.visit.model_copy(update={"failure": failure})


class Flood(httpx2.SyncByteStream):
    """A body that breaks off, or never ends."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        yield b"x" * 1_000
        if self._error:
            raise self._error
        while True:
            yield b"x" * 1_000


def answer(request: httpx2.Request) -> httpx2.Response:
    """Answer each host in its own way."""
    body = b"<rss/>" * 100
    secrets = {"Set-Cookie": "reader=b1scuit", "WWW-Authenticate": "Bearer"}
    match request.url.host:
        case "unchanged.example":
            return httpx2.Response(304, headers={"ETag": '"v1"', **secrets})
        case "packed.example":
            packed = {"Content-Encoding": "gzip", "Content-Type": "text/xml", **secrets}
            return httpx2.Response(200, headers=packed, content=gzip.compress(body))
        case "moved.example":
            return httpx2.Response(
                301, headers={"Location": "https://packed.example/new?sig=s3cret"}
            )
        case "busy.example":
            return httpx2.Response(429, headers={"Retry-After": "Thu, 26 Nov 2026 13:00:00 GMT"})
        case "gone.example":
            return httpx2.Response(410, content=b"gone for good")
        case "broken.example":
            return httpx2.Response(200, stream=Flood(httpx2.ReadError("[Errno 104] reset by peer")))
        case "endless.example":
            return httpx2.Response(200, stream=Flood())
        case "refused.example":
            raise httpx2.ConnectError("[Errno 111] Connection refused")
        case "private.example":
            raise PermanentError("private.example is not an address of the public Internet")
        case _:
            return httpx2.Response(200, headers={"ETag": '"v1"', **secrets}, content=body)


HOSTS = "a unchanged packed moved busy gone broken endless refused private".split()


def describe(fetch: Callable[[], Any]) -> Any:
    try:
        return fetch()
    except NewsmillError as error:
        return type(error), error.message, error.ids


def make_client(make: Any) -> HttpClient:
    return HttpClient(
        user_agent="Newsmill/test", max_body_bytes=LIMIT, make=make, clock=lambda: NOW
    )


def hear(tape: Tape, url: str) -> Any:
    transport = HeardTransport(httpx2.MockTransport(answer), tape)
    client = HeardClient(make_client(lambda *_: transport), transport, tape)
    found = describe(lambda: client.fetch(url, etag='"v0"'))
    client.close()
    return found


def play(tape: Tape, url: str) -> Any:
    visit = PlayedVisit(tape.bodies)
    visit.begin(tape.visit)
    with make_client(lambda *_: PlayedTransport(visit)) as client:
        return describe(lambda: client.fetch(url))


@pytest.mark.parametrize("host", HOSTS)
def test_answer_is_played_as_it_was_heard_without_its_secrets(tmp_path: Path, host: str) -> None:
    tape, url = Tape(tmp_path), f"https://{host}.example/feed"
    heard = hear(tape, url)
    played = play(tape, url)
    if host == "moved":
        assert isinstance(heard, Fetched)
        assert (heard.url, heard.moved_to) == ("https://packed.example/new?sig=s3cret",) * 2
        assert (played.url, played.moved_to) == ("https://packed.example/new?sig=masked",) * 2
        assert played.body == heard.body
    else:
        assert played == heard
    line = tape.visit.model_dump_json()
    assert tape.visit.exchanges
    for secret in ("b1scuit", "Bearer", "s3cret", "Newsmill/test", "v0"):
        assert secret not in line


def test_values_and_errors_are_those_of_the_answers(tmp_path: Path) -> None:
    found = {host: hear(Tape(tmp_path), f"https://{host}.example/") for host in HOSTS}
    assert found["packed"].body == b"<rss/>" * 100
    assert isinstance(found["unchanged"], NotModified)
    assert found["endless"].is_cut
    assert found["busy"][2]["retry_after"] == timedelta(hours=1)
    assert found["gone"][0] is PermanentError
    assert found["broken"][0] is TransientError
    assert found["refused"][1] == "https://refused.example/: Connection refused"


def test_password_and_token_of_an_address_are_not_noted(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    hear(tape, URL)
    assert tape.visit.exchanges[0].url == "https://a.example/feed?token=masked"
    assert isinstance(play(tape, URL), Fetched)
    assert isinstance(play(tape, "https://a.example/feed?token=masked"), Fetched)


def test_request_that_the_visit_does_not_hold_is_told_so(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    hear(tape, "https://a.example/feed")
    kind, message, _ = play(tape, "https://a.example/other")
    assert kind is PermanentError
    assert message == "https://a.example/other: the recording has no answer to this request"


def test_body_of_which_more_is_asked_than_was_read_fails_with_the_reason(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    hear(tape, "https://endless.example/")
    visit = PlayedVisit(tape.bodies)
    visit.begin(tape.visit)
    with (
        HttpClient(user_agent="", make=lambda *_: PlayedTransport(visit)) as client,
        pytest.raises(TransientError, match="holds no more of this answer"),
    ):
        client.fetch("https://endless.example/")


def test_nothing_is_noted_while_the_tape_does_not_run(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    tape.is_running = False
    assert isinstance(hear(tape, "https://a.example/feed"), Fetched)
    assert tape.visit.exchanges == ()


class Account:
    """A mail account that gives two mails and then fails."""

    def receive(self, location: str, marks: Any, now: datetime) -> Iterator[Received]:
        yield Received("UID 1", b"Subject: one\r\n\r\nbody", {"last_uid": 1})
        yield Received("UID 2", Refused("UID 2", "it is too large"), {"last_uid": 2}, "a note")
        raise TransientError("imap.example: the connection was cut")


def gather(received: Iterator[Received], into: list[Received]) -> None:
    for each in received:
        into.append(each)  # noqa: PERF402  # What came before the error is wanted too.


def test_mails_and_the_error_at_their_end_are_played_as_they_were_heard(tmp_path: Path) -> None:
    tape, heard, played = Tape(tmp_path), list[Received](), list[Received]()
    with pytest.raises(TransientError, match="was cut"):
        gather(HeardMail(Account(), tape).receive("", {}, NOW), heard)
    visit = PlayedVisit(tape.bodies)
    visit.begin(tape.visit)
    with pytest.raises(TransientError, match=r"imap\.example: the connection was cut"):
        gather(visit.receive("", {}, NOW), played)
    assert played == heard
    assert len(played) == 2


def test_mail_is_noted_before_it_is_given(tmp_path: Path) -> None:
    tape = Tape(tmp_path)
    received = HeardMail(Account(), tape).receive("", {}, NOW)
    assert next(received).where == "UID 1"
    assert [mail.where for mail in tape.visit.mails] == ["UID 1"]
