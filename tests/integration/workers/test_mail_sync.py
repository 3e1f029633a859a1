"""Mailboxes on servers, read into the real Postgres: one scenario, on Dovecot and on Gmail's API.

Dovecot is Debian's, from the package dovecot-imapd; Gmail is a server of ours on loopback.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from ingest.sources import recognise_source
from schemas.settings import MailSettings, Settings
from store import sources, work
from store.database import Database
from tests.integration.workers.corpus import count
from tests.integration.workers.mailboxes import DovecotMailbox, ServedGmail, ServedMailbox
from tests.mailservers.cutting import run_wire
from tests.mailservers.dovecot import Dovecot
from tests.mailservers.gmail import GmailMailbox, run_gmail
from workers.ingest import poll_source
from workers.mill import Mill
from workers.queues import INGEST

MANY = 120
"""More than two FETCHes bring, more than a batch and more than a page."""


def write_mail(number: int) -> bytes:
    """Write a mail that differs from all others, as long as any other."""
    body = f"The council of town {number:04} met. " + "It talked for hours. " * 20
    return (
        f"From: News <news@example.org>\r\nSubject: Letter {number:04}\r\n"
        f"Message-ID: <{number:04}@example.org>\r\n"
        f"Date: Mon, 02 Nov 2026 10:00:{number % 60:02} +0000\r\n\r\n{body}\r\n"
    ).encode()


@pytest.fixture(params=["dovecot", "gmail"])
def mailbox(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ServedMailbox]:
    if request.param == "gmail":
        state = GmailMailbox()
        with run_gmail(state) as url:
            request.getfixturevalue("mail_settings")["gmail_url"] = url
            yield ServedGmail(state, url, tmp_path)
        return
    server: Dovecot = request.getfixturevalue("dovecot_server")
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    with run_wire(server.imaps_port) as wire:
        yield DovecotMailbox(server, wire, tmp_path)


@pytest.fixture
def mail_settings() -> dict[str, str]:
    """What the mill's settings say of mail; the mailbox fills it in."""
    return {}


@pytest.fixture
def settings(settings: Settings, mailbox: object, mail_settings: dict[str, str]) -> Settings:
    return settings.model_copy(update={"mail": MailSettings(**mail_settings)})


class Reader:
    """Polls one source as a worker does, and looks at what is stored."""

    def __init__(self, database: Database, location: str) -> None:
        self._database = database
        spec = recognise_source(location)
        with database.begin() as session:
            self.source_id = sources.upsert(session, kind=spec.kind, location=spec.location)

    def poll(self) -> str | None:
        """Poll, and return the error that the source is left with."""
        with self._database.begin() as session:
            work.enqueue(session, INGEST, [self.source_id], again=True)
        poll_source.run(self.source_id)
        with self._database.begin() as session:
            return sources.load(session, self.source_id).last_error

    def titles(self) -> list[str]:
        with self._database.begin() as session:
            query = "SELECT title FROM article ORDER BY title"
            return list(session.execute(text(query)).scalars())


def letters(first: int, end: int) -> list[str]:
    return [f"Letter {number:04}" for number in range(first, end)]


@pytest.fixture
def reader(mill: Mill, database: Database, mailbox: ServedMailbox) -> Reader:
    return Reader(database, mailbox.location)


def test_mailbox_is_read_whole_through_cuts_and_renumbering_and_left_untouched(
    reader: Reader, mailbox: ServedMailbox, database: Database
) -> None:
    mailbox.deliver([write_mail(number) for number in range(MANY)])
    mailbox.cut_soon()
    cut = reader.poll()
    assert cut is not None
    assert cut.startswith("TransientError")
    got = len(reader.titles())
    assert 0 < got < MANY
    # The first mails of the box came, and the next poll goes on behind them.
    assert reader.titles() == letters(0, got)
    assert reader.poll() is None
    assert reader.titles() == letters(0, MANY)

    assert reader.poll() is None
    assert count(database, "SELECT count(*) FROM article") == MANY
    mailbox.deliver([write_mail(number) for number in range(MANY, MANY + 3)])
    assert reader.poll() is None
    assert reader.titles() == letters(0, MANY + 3)

    mailbox.renumber()
    mailbox.deliver([write_mail(number) for number in range(MANY + 3, MANY + 5)])
    mailbox.cut_soon()
    assert reader.poll() is not None
    assert reader.poll() is None
    assert reader.titles() == letters(0, MANY + 5)
    assert count(database, "SELECT count(*) FROM work WHERE stage = 'prefilter'") == MANY + 5
    mailbox.assert_untouched(MANY + 5)


def test_mail_that_could_not_be_stored_comes_again(
    reader: Reader, mailbox: ServedMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox.deliver([write_mail(number) for number in range(50)])
    store = sources.save_cursor
    calls: list[int] = []

    def store_once(*arguments: object) -> bool:
        calls.append(1)
        if len(calls) > 1:
            raise RuntimeError("the disk is full")
        return store(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(sources, "save_cursor", store_once)
        assert reader.poll() == "RuntimeError: the disk is full"
    assert reader.titles() == letters(0, 20)
    assert reader.poll() is None
    assert reader.titles() == letters(0, 50)
    mailbox.assert_untouched(50)
