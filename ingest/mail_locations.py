"""Mailboxes on servers, as a person writes them: `imaps://…` and `gmail://…`.

    imaps://me@example.org@mail.example.org/INBOX?folder=Lists/*   TLS from the start
    imap://…                                                       STARTTLS, or no connection
    imap://…?tls=none                                              in the clear; see `open_imap`
    imaps://…?since=2026-10-01                                     no mail that came before
    gmail://me@gmail.com?label=Newsletters&q=newer_than:1y         the Gmail API

Pure. A location holds no secret: one with a password in it is refused, and is not shown again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from schemas.errors import ConfigError

Security = Literal["tls", "starttls", "none"]

PORTS = {"imaps": 993, "imap": 143}
IMAP_EXAMPLE = "imaps://me@example.org@mail.example.org/INBOX"
GMAIL_EXAMPLE = "gmail://me@gmail.com?label=Newsletters"


@dataclass(frozen=True)
class ImapLocation:
    """An account on an IMAP server, and the folders of it that are read."""

    user: str
    host: str
    port: int
    security: Security
    folders: tuple[str, ...]
    """Names, or patterns with `*`, as the server spells them."""
    since: date | None = None
    """Day before which mails are left alone when a folder is first read."""

    @property
    def account(self) -> str:
        """What the login is kept under: one for all folders."""
        return f"imap:{self.user}@{self.host}:{self.port}"

    def __str__(self) -> str:
        scheme = "imaps" if self.security == "tls" else "imap"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[scheme] else f":{self.port}"
        first, *others = self.folders
        pairs = [("folder", folder) for folder in others]
        pairs += [("since", self.since.isoformat())] if self.since else []
        pairs += [("tls", "none")] if self.security == "none" else []
        query = f"?{urlencode(pairs, safe='/*')}" if pairs else ""
        return f"{scheme}://{quote(self.user, safe='')}@{host}{port}/{quote(first, '/*')}{query}"


@dataclass(frozen=True)
class GmailLocation:
    """A Gmail account, and the labels and query that choose its mails."""

    user: str
    labels: tuple[str, ...]
    """A mail is read if it has any of these; empty for all mail that the query finds."""
    query: str
    """In the words of Gmail's search box; empty for every mail."""

    @property
    def account(self) -> str:
        """What the login is kept under."""
        return gmail_account(self.user)

    def __str__(self) -> str:
        pairs = [("label", label) for label in self.labels]
        pairs += [("q", self.query)] if self.query else []
        return f"gmail://{quote(self.user, safe='@')}" + (f"?{urlencode(pairs)}" if pairs else "")


def gmail_account(user: str) -> str:
    """Give the name under which the login of a Gmail address is kept."""
    return f"gmail:{user.lower()}"


def parse_imap(typed: str) -> ImapLocation:
    """Read an imap:// or imaps:// location; ConfigError says what is wrong with it."""
    parts, pairs = _split(typed, IMAP_EXAMPLE)
    shown = f"{parts.scheme}://{parts.hostname}"
    if not parts.username:
        raise ConfigError(f"{shown}: say whose mailbox it is: {IMAP_EXAMPLE}")
    security: Security = "tls" if parts.scheme == "imaps" else "starttls"
    folders = [unquote(parts.path[1:])] if len(parts.path) > 1 else []
    since: date | None = None
    for name, value in pairs:
        if name == "folder":
            folders.append(value)
        elif name == "since":
            since = _read_day(value, shown)
        elif (name, value, parts.scheme) == ("tls", "none", "imap"):
            security = "none"
        else:
            raise ConfigError(f"{shown}: {name}={value} means nothing here; {IMAP_EXAMPLE}")
    return ImapLocation(
        user=unquote(parts.username),
        host=parts.hostname or "",
        port=parts.port or PORTS[parts.scheme],
        security=security,
        folders=tuple(dict.fromkeys(filter(None, folders))) or ("INBOX",),
        since=since,
    )


def parse_gmail(typed: str) -> GmailLocation:
    """Read a gmail:// location; without label and query it means the inbox."""
    parts, pairs = _split(typed, GMAIL_EXAMPLE)
    if not parts.username or parts.path not in {"", "/"}:
        raise ConfigError(f"say whose mails, and which, like this: {GMAIL_EXAMPLE}")
    labels = tuple(dict.fromkeys(value for name, value in pairs if name == "label" and value))
    query = " ".join(value for name, value in pairs if name == "q" and value.strip()).strip()
    if unknown := next((name for name, _ in pairs if name not in {"label", "q"}), None):
        raise ConfigError(f"gmail://: {unknown} means nothing here; there are label and q")
    user = f"{unquote(parts.username)}@{parts.hostname}".lower()
    return GmailLocation(user, labels or (() if query else ("INBOX",)), query)


def _read_day(value: str, shown: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ConfigError(f"{shown}: since={value} is no day; write since=2026-10-01") from None


def _split(typed: str, example: str) -> tuple[SplitResult, list[tuple[str, str]]]:
    # What is wrong may be a password, so that no message here shows what was typed.
    scheme = typed.partition("://")[0].lower()
    try:
        parts = urlsplit(typed)
        password, _ = parts.password, parts.port
    except ValueError as error:
        raise ConfigError(f"{scheme}://: no valid address ({error}); write {example}") from None
    if password is not None:
        raise ConfigError(
            f"{scheme}://{parts.hostname}: leave the password out of the address, where others "
            "would see it; it is asked for"
        )
    if not parts.hostname:
        raise ConfigError(f"{scheme}://: the host name is missing; write {example}")
    if parts.fragment:
        raise ConfigError(f"{scheme}://{parts.hostname}: write # as %23")
    told = unquote(typed)
    if not told.isprintable():
        raise ConfigError(f"{scheme}://{parts.hostname}: it has control characters in it")
    return parts, parse_qsl(parts.query, keep_blank_values=True)
