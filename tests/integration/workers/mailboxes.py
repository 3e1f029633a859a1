"""Mailboxes on real servers, told alike: what the scenario in `test_mail_sync.py` needs of each."""

from __future__ import annotations

import imaplib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from ingest.credentials import Credentials, Grant, Password
from ingest.mail_locations import gmail_account, parse_imap
from tests.mailservers.cutting import CuttingWire
from tests.mailservers.dovecot import PASSWORD, USER, Dovecot
from tests.mailservers.gmail import ADDRESS, CLIENT_ID, CLIENT_SECRET, GmailMailbox

FOLDER = "News & Zürich"


class ServedMailbox(Protocol):
    """A mailbox on a server, in the hands of its owner."""

    location: str

    def deliver(self, mails: Sequence[bytes]) -> None:
        """Let mails arrive, in this order."""

    def renumber(self) -> None:
        """Make worthless what a client remembers, as servers do; the mails stay."""

    def cut_soon(self) -> None:
        """Cut the connection in the middle of the next long read."""

    def assert_untouched(self, number: int) -> None:
        """Check that so many mails are there, and no flag was set."""


class DovecotMailbox:
    """A folder on Dovecot, at the end of a wire that can be cut."""

    def __init__(self, server: Dovecot, wire: CuttingWire, home: Path) -> None:
        self.location = f"imaps://{USER}@localhost:{wire.port}/{FOLDER.replace(' ', '%20')}"
        self._server = server
        self._wire = wire
        Credentials(home).keep(parse_imap(self.location).account, Password(password=PASSWORD))
        self._create()

    def deliver(self, mails: Sequence[bytes]) -> None:
        with self._server.open() as owner:
            for mail in mails:
                done, _ = owner.append(self._quoted, None, None, mail)
                assert done == "OK"

    def renumber(self) -> None:
        """Delete the folder and make it anew, with its mails in another order."""
        with self._server.open() as owner:
            mails = self._read(owner)
            owner.close()
        self._create()
        self.deliver(mails[::-1])

    def cut_soon(self) -> None:
        self._wire.cut_after = 60_000

    def assert_untouched(self, number: int) -> None:
        with self._server.open() as owner:
            owner.select(self._quoted, readonly=True)
            _, answers = owner.fetch("1:*", "(FLAGS)")
        flags = [imaplib.ParseFlags(each) for each in answers if isinstance(each, bytes)]
        assert len(flags) == number
        assert {flag for each in flags for flag in each} <= {b"\\Recent"}

    @property
    def _quoted(self) -> str:
        return '"News &- Z&APw-rich"'

    def _create(self) -> None:
        """Make the folder empty and with a new UIDVALIDITY."""
        with self._server.open() as owner:
            owner.delete(self._quoted)
            assert owner.create(self._quoted)[0] == "OK"

    def _read(self, owner: imaplib.IMAP4) -> list[bytes]:
        owner.select(self._quoted, readonly=True)
        _, answers = owner.fetch("1:*", "(BODY.PEEK[])")
        return [each[1] for each in answers if isinstance(each, tuple)]


class ServedGmail:
    """The inbox of a Gmail account."""

    def __init__(self, mailbox: GmailMailbox, url: str, home: Path) -> None:
        self.location = f"gmail://{ADDRESS}"
        self._mailbox = mailbox
        keep_grant(home, url)

    def deliver(self, mails: Sequence[bytes]) -> None:
        for mail in mails:
            self._mailbox.deliver(mail)

    def renumber(self) -> None:
        self._mailbox.forget_history()

    def cut_soon(self) -> None:
        self._mailbox.cut_after = 70

    def assert_untouched(self, number: int) -> None:
        assert len(self._mailbox.messages) == number
        assert {method for method, path in self._mailbox.asked if path != "/token"} == {"GET"}


def keep_grant(home: Path, url: str, **changes: object) -> Grant:
    """Log in to Gmail as a person did an hour ago: the access token has ended."""
    grant = Grant(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        token_url=f"{url}/token",
        refresh_token="refresh-1",
        access_token="access-0",
        expires_at=datetime(2026, 1, 1, tzinfo=UTC),
    ).model_copy(update=changes)
    Credentials(home).keep(gmail_account(ADDRESS), grant)
    return grant
