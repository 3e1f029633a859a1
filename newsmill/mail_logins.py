"""Logins for the mail sources that are being added: taken, tried, and only then kept."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer
from pydantic import ValidationError

from ingest.credentials import Credentials, Grant, Login, Password, TokenCommand
from ingest.mail_accounts import LOG_IN_TO_GMAIL, MailAccess, log_in_to_imap, make_mail_access
from ingest.mail_locations import GmailLocation, ImapLocation, parse_gmail, parse_imap
from ingest.oauth import check_address
from ingest.sources import SourceSpec
from schemas.errors import ConfigError, PermanentError
from schemas.settings import Settings

WARN_BEFORE = timedelta(days=2)
"""Of the seven that a login of an app in testing mode lives."""
MAX_FILE_CHARS = 10_000


@dataclass(frozen=True)
class LoginOptions:
    """What the command line says about the login of an IMAP account."""

    password_file: Path | None = None
    ask: bool = False
    token_command: str | None = None
    grant_file: Path | None = None

    @property
    def is_given(self) -> bool:
        """Whether it says anything."""
        return self != LoginOptions()


def arrange_logins(
    specs: Iterable[SourceSpec], settings: Settings, options: LoginOptions
) -> list[Path]:
    """See to it that every mail account has a login that works; returns the files written.

    An account that has one keeps it unless another is given.
    """
    specs = list(specs)
    access = make_mail_access(settings)
    for spec in specs:
        if spec.kind == "gmail":
            check_gmail_login(parse_gmail(spec.location), access)
    accounts = {
        location.account: location
        for location in (parse_imap(spec.location) for spec in specs if spec.kind == "imap")
    }
    if options.is_given and len(accounts) != 1:
        raise ConfigError("a login can be given for just one imap:// or imaps:// account at a time")
    return [
        _try_and_keep(location, login, access)
        for location in accounts.values()
        if (login := _choose(location, settings, options, access.credentials))
    ]


def check_gmail_login(location: GmailLocation, access: MailAccess) -> None:
    """Raise ConfigError when nobody has logged in to an account yet."""
    if not access.credentials.find(location.account):
        raise ConfigError(f"{location}: {LOG_IN_TO_GMAIL}")


def list_login_concerns(home: Path, now: datetime) -> list[str]:
    """Say which logins will soon end, or cannot be used."""
    concerns = []
    try:
        for stored in Credentials(home).list_all():
            dies_at = stored.login.dies_at if isinstance(stored.login, Grant) else None
            if dies_at is not None and now >= dies_at - WARN_BEFORE:
                name = stored.account.partition(":")[2]
                verb = "ends" if now < dies_at else "was to end"
                concerns.append(
                    f"the Gmail login of {name} {verb} on {dies_at:%Y-%m-%d}, as those of apps in "
                    "testing mode do: newsmill gmail login"
                )
    except PermanentError as error:
        concerns.append(str(error))
    return concerns


def _choose(
    location: ImapLocation, settings: Settings, options: LoginOptions, credentials: Credentials
) -> Login | None:
    """Give the login to use from now on; None to keep the one there is."""
    if options.password_file:
        return Password(password=_read(options.password_file).rstrip("\r\n"))
    if options.token_command:
        return TokenCommand(command=options.token_command)
    if options.grant_file:
        return _read_grant(options.grant_file)
    if settings.mail.password and not options.ask:
        return Password(password=settings.mail.password.get_secret_value())
    if not options.ask and credentials.find(location.account):
        return None
    if not sys.stdin.isatty():
        raise ConfigError(
            f"{location.host}: no password is known for this account: give --password-file FILE, "
            "or set NEWSMILL_MAIL__PASSWORD"
        )
    asked = f"Password of {location.user} at {location.host}"
    return Password(password=typer.prompt(asked, hide_input=True, err=True))


def _try_and_keep(location: ImapLocation, login: Login, access: MailAccess) -> Path:
    """Keep a login if the server takes it, else the one before."""
    before = access.credentials.find(location.account)
    # Before it is tried: a grant is kept anew whenever it is refreshed.
    file = access.credentials.keep(location.account, login)
    try:
        log_in_to_imap(location, login, access, datetime.now(UTC)).close()
    except BaseException:
        if before:
            access.credentials.keep(location.account, before)
        else:
            access.credentials.forget(location.account)
        raise
    return file


def _read(file: Path) -> str:
    try:
        with file.expanduser().open(encoding="utf-8") as stream:
            return stream.read(MAX_FILE_CHARS)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: cannot be read: it is no text in UTF-8") from None


def _read_grant(file: Path) -> Grant:
    try:
        grant = Grant.model_validate_json(_read(file))
    except ValidationError:
        raise ConfigError(
            f"{file}: no grant; it is JSON with client_id, client_secret, token_url and "
            "refresh_token"
        ) from None
    check_address(grant.token_url)
    return grant
