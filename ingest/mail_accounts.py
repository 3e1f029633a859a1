"""Read a mailbox on a server: finds the login, opens the client, and hands over to the sync.

Knows where logins are kept, and what to tell a person who has none. Joins; decides little.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ingest.batches import Batch, SourceState
from ingest.credentials import Credentials, Grant, Login, Password, TokenCommand
from ingest.gmail import API_URL, GmailClient
from ingest.gmail_sync import sync_gmail
from ingest.imap import ImapClient, open_imap
from ingest.imap_sync import sync_imap
from ingest.mail_batches import BATCH_MAILS, Received, ReceivesMail, cut_mail_batches
from ingest.mail_locations import GmailLocation, ImapLocation, parse_gmail, parse_imap
from ingest.mail_tokens import TokenGiver
from schemas.errors import PermanentError
from schemas.settings import Settings

MAIL_KINDS = ("imap", "gmail")
LOG_IN_TO_GMAIL = "log in with newsmill gmail login (see docs/mail.md)"
LOG_IN_TO_IMAP = "give it to newsmill ingest again, with a login (see docs/mail.md)"


@dataclass(frozen=True)
class MailAccess:
    """What is needed to reach mail servers."""

    home: Path
    """Logins lie below it."""
    user_agent: str = "Newsmill"
    timeout_s: float = 20.0
    plain_hosts: tuple[str, ...] = ()
    """Where a password may be sent without TLS, beside this machine."""
    gmail_url: str = API_URL
    credentials: Credentials = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "credentials", Credentials(self.home))

    def receive(self, location: str, marks: Mapping[str, Any], now: datetime) -> Iterator[Received]:
        """Give the mails after the marks as they come; connects when the first is asked for."""
        read = _read_gmail if location.startswith("gmail:") else _read_imap
        yield from read(location, marks, self, now)


def make_mail_access(settings: Settings) -> MailAccess:
    """Join what the settings say about mail servers."""
    return MailAccess(
        home=settings.home,
        user_agent=settings.ingest.user_agent,
        timeout_s=settings.ingest.timeout_s,
        plain_hosts=settings.mail.plain_hosts,
        gmail_url=settings.mail.gmail_url,
    )


def read_mail_account(
    location: str,
    state: SourceState,
    access: ReceivesMail,
    *,
    now: datetime,
    batch_drafts: int = BATCH_MAILS,
    split_newsletters: bool = True,
) -> Iterator[Batch]:
    """Give the mails that are new since the state, in batches; connects when the first is asked.

    Raises PermanentError for what a person has to mend (no login, a refused one, no such folder),
    and TransientError for what passes by itself.
    """
    received = access.receive(location, state.marks, now)
    yield from cut_mail_batches(
        received, state, now, batch_drafts, split_newsletters=split_newsletters
    )


def log_in_to_imap(
    location: ImapLocation, login: Login, access: MailAccess, now: datetime
) -> ImapClient:
    """Connect and log in; the client is the caller's to close."""
    client = open_imap(location, timeout_s=access.timeout_s, plain_hosts=access.plain_hosts)
    try:
        if isinstance(login, Password):
            client.log_in(location.user, login.password)
        else:
            _log_in_with_token(client, location, login, access, now)
    except BaseException:
        client.close()
        raise
    return client


def _log_in_with_token(
    client: ImapClient,
    location: ImapLocation,
    login: Grant | TokenCommand,
    access: MailAccess,
    now: datetime,
) -> None:
    give_token = _token_giver(location.account, login, access, LOG_IN_TO_IMAP, now)
    try:
        client.log_in_with_token(location.user, give_token(renew=False))
    except PermanentError:
        if not isinstance(login, Grant):
            raise
        # It may have been withdrawn before its time.
        client.log_in_with_token(location.user, give_token(renew=True))


def _read_imap(
    location: str, marks: Mapping[str, Any], access: MailAccess, now: datetime
) -> Iterator[Received]:
    where = parse_imap(location)
    login = access.credentials.find(where.account)
    if login is None:
        raise PermanentError(f"{where.host}: no login is kept for this mailbox; {LOG_IN_TO_IMAP}")
    with log_in_to_imap(where, login, access, now) as client:
        yield from sync_imap(client, where.folders, marks, where.since)


def _read_gmail(
    location: str, marks: Mapping[str, Any], access: MailAccess, now: datetime
) -> Iterator[Received]:
    where = parse_gmail(location)
    with open_gmail(where, access, now) as client:
        yield from sync_gmail(client, where, marks)


def open_gmail(location: GmailLocation, access: MailAccess, now: datetime) -> GmailClient:
    """Make the client of an account that somebody has logged in to."""
    login = access.credentials.find(location.account)
    if not isinstance(login, Grant):
        raise PermanentError(f"Gmail: no login is kept for this account; {LOG_IN_TO_GMAIL}")
    give_token = _token_giver(location.account, login, access, LOG_IN_TO_GMAIL, now)
    return GmailClient(
        give_token,
        user_agent=access.user_agent,
        timeout_s=access.timeout_s,
        api_url=access.gmail_url,
    )


def _token_giver(
    account: str, login: Grant | TokenCommand, access: MailAccess, advice: str, now: datetime
) -> TokenGiver:
    return TokenGiver(
        access.credentials, account, login, timeout_s=access.timeout_s, advice=advice, now=now
    )
