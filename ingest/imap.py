"""The IMAP client: moves bytes and nothing else; TLS, limits, typed failures.

Folders are opened with EXAMINE and bodies fetched with PEEK, so that no flag is ever set and
nothing deleted. Built on the standard library's `imaplib`, with what that lets a server do
bounded. It knows neither mails nor which of them are new.
"""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

from ingest.imap_answers import (
    ListedFolder,
    encode_folder,
    quote,
    read_bodies,
    read_folders,
    read_number,
    read_sizes,
    read_smallest,
)
from ingest.imap_errors import typed_errors
from ingest.mail_locations import ImapLocation
from ingest.oauth import is_loopback
from schemas.closing import Closing
from schemas.errors import PermanentError

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MAX_LITERAL_BYTES = 64_000_000
"""More than any mail that is asked for; a server that sends more means harm, or is broken."""


@dataclass(frozen=True)
class FolderStatus:
    """A folder as it was when it was opened."""

    uidvalidity: int
    """As long as it stays, a UID means the same message."""
    uidnext: int | None
    """Greater than every UID so far; None when the server does not say."""


class _Plain(imaplib.IMAP4):
    def read(self, size: int) -> bytes:
        if size > MAX_LITERAL_BYTES:
            raise self.abort(f"the server announced {size:,} bytes at once")
        return super().read(size)


class _Secure(_Plain, imaplib.IMAP4_SSL):
    """With `IMAP4_SSL` behind `_Plain`, its socket and our limit."""


class ImapClient(Closing):
    """One connection, opened by `open_imap`. Use as a context manager or call `close`."""

    def __init__(self, connection: imaplib.IMAP4, host: str) -> None:
        self._connection = connection
        self._host = host

    def log_in(self, user: str, password: str) -> None:
        """Log in with a password; PermanentError when it is refused."""
        with self._typed():
            # Of the two, only SASL knows letters beyond ASCII.
            if "AUTH=PLAIN" in self._connection.capabilities:
                self._authenticate("PLAIN", f"\0{user}\0{password}")
            elif not (password.isascii() and password.isprintable()):
                raise PermanentError(f"{self._host}: this server takes ASCII passwords only")
            else:
                # `imaplib` puts quotes around the password only.
                self._connection.login(quote(user), password)

    def log_in_with_token(self, user: str, token: str) -> None:
        """Log in with an OAuth access token; PermanentError when it is refused."""
        with self._typed():
            self._authenticate("XOAUTH2", f"user={user}\x01auth=Bearer {token}\x01\x01")

    def list_folders(self, pattern: str) -> list[ListedFolder]:
        """List the folders whose names match a pattern with `*`."""
        with self._typed():
            return list(read_folders(self._ask("LIST", '""', encode_folder(pattern))))

    def open_folder(self, name: str) -> FolderStatus:
        """Open a folder for reading only; PermanentError when there is none of that name."""
        with self._typed(f"the folder {name!r}: "):
            status, lines = self._connection.select(encode_folder(name), readonly=True)
            if status != "OK":
                raise self._connection.error(_text(lines))
            validity = read_number(self._connection.response("UIDVALIDITY")[1])
            uidnext = read_number(self._connection.response("UIDNEXT")[1])
        if validity is None:
            raise PermanentError(f"{self._host}: the folder {name!r} has no lasting UIDs")
        return FolderStatus(validity, uidnext)

    def find_first(self, since: date) -> int | None:
        """Give the smallest UID of what came on a day or later; None when nothing did."""
        day = f"{since.day}-{MONTHS[since.month - 1]}-{since.year:04}"  # strftime knows locales.
        with self._typed():
            return read_smallest(self._uid("SEARCH", "SINCE", day))

    def list_new(self, after_uid: int) -> list[tuple[int, int]]:
        """Give (UID, bytes) of the messages with greater UIDs, in their order.

        One short line for each comes back, so that a folder of 100,000 costs some 25 MB here.
        """
        with self._typed():
            lines = self._uid("FETCH", f"{after_uid + 1}:*", "(UID RFC822.SIZE)")
        # "100:*" names the last message even if its UID is smaller (RFC 3501, 6.4.8).
        return [(uid, size) for uid, size in read_sizes(lines) if uid > after_uid]

    def fetch(self, uids: Collection[int]) -> list[tuple[int, bytes]]:
        """Give (UID, message) of those that are still there, in the order of their UIDs."""
        with self._typed():
            lines = self._uid("FETCH", ",".join(map(str, uids)), "(UID BODY.PEEK[])")
        return sorted(read_bodies(lines))

    def close(self) -> None:
        """Log out, whatever state the connection is in."""
        with suppress(imaplib.IMAP4.error, OSError):
            self._connection.logout()
        with suppress(OSError):
            self._connection.shutdown()

    def _authenticate(self, mechanism: str, first: str) -> None:
        answers = iter([first.encode()])
        # A server that refuses asks once more, and gives its reason when it gets nothing.
        self._connection.authenticate(mechanism, lambda _: next(answers, b""))

    def _ask(self, command: str, *arguments: str) -> list[Any]:
        ask: Callable[..., tuple[str, list[Any]]] = getattr(self._connection, command.lower())
        status, lines = ask(*arguments)
        if status != "OK":
            raise self._connection.error(_text(lines))
        return lines

    def _uid(self, command: str, *arguments: str) -> list[Any]:
        return self._ask("UID", command, *arguments)

    @contextmanager
    def _typed(self, about: str = "") -> Iterator[None]:
        with typed_errors(self._host, about):
            yield


def open_imap(
    location: ImapLocation,
    *,
    timeout_s: float,
    plain_hosts: Collection[str] = (),
    trust: ssl.SSLContext | None = None,
) -> ImapClient:
    """Connect, with TLS unless the location says otherwise; nobody is logged in yet.

    In the clear only to this machine and to `plain_hosts`. Certificates are checked against the
    system's, or those that SSL_CERT_FILE names.
    """
    host, port = location.host, location.port
    if location.security == "none" and not is_loopback(host) and host not in plain_hosts:
        raise PermanentError(
            f"{host}: no login goes there without TLS; leave tls=none out, or name the host in "
            "NEWSMILL_MAIL__PLAIN_HOSTS"
        )
    context = trust or ssl.create_default_context()
    with typed_errors(f"{host}:{port}", connecting=True):
        if location.security == "tls":
            secure = _Secure(host, port, ssl_context=context, timeout=timeout_s)
            return ImapClient(secure, host)
        connection = _Plain(host, port, timeout=timeout_s)
        client = ImapClient(connection, host)
        if location.security == "starttls":
            try:
                connection.starttls(context)
            except BaseException:
                client.close()
                raise
        return client


def _text(lines: list[Any]) -> str:
    last = lines[-1] if lines else b""
    return last.decode("utf-8", "replace") if isinstance(last, bytes) else str(last)
