"""What goes wrong between us and an IMAP server: does it pass by itself, and what is told.

Every message is one line that names the host, and neither user nor secret.
"""

from __future__ import annotations

import imaplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from ingest.imap_answers import read_code
from schemas.errors import NewsmillError, PermanentError, TransientError

PASSING_CODES = frozenset({"INUSE", "LIMIT", "OVERQUOTA", "UNAVAILABLE"})
"""Response codes of refusals that pass by themselves (RFC 5530)."""
MAX_REASON_CHARS = 200
EXPECTED = (imaplib.IMAP4.error, OSError, ValueError)
"""TLS and name errors are OSErrors; a server's odd base64 or our odd letters are ValueErrors."""


@contextmanager
def typed_errors(host: str, about: str = "", *, connecting: bool = False) -> Iterator[None]:
    """Raise a TransientError or PermanentError for whatever `imaplib` raises.

    about: what was asked for, where that is of use to a person. connecting: TLS is not there yet.
    """
    try:
        yield
    except NewsmillError:
        raise
    except EXPECTED as error:
        if isinstance(error, imaplib.IMAP4.error):
            raise _type_answer(error, host, about) from error
        if isinstance(error, ssl.SSLError):
            raise _type_tls(error, host, connecting=connecting) from error
        raise _type_rest(error, host, about) from error


def _type_answer(error: imaplib.IMAP4.error, host: str, about: str) -> NewsmillError:
    told = _cut(error)
    if isinstance(error, imaplib.IMAP4.abort):
        if "TLS not supported" in told:
            return PermanentError(f"{host}: the server offers no TLS; try imaps://")
        return TransientError(f"{host}: {about}{told}")
    kind = TransientError if read_code(told) in PASSING_CODES else PermanentError
    return kind(f"{host}: {about}the server refuses: {told}")


def _type_tls(error: ssl.SSLError, host: str, *, connecting: bool) -> NewsmillError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return PermanentError(f"{host}: its certificate is not trusted: {error.verify_message}")
    hung_up = isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    if hung_up or not connecting:  # A wire may be cut within a TLS record.
        return TransientError(f"{host}: the connection was cut ({_cut(error)})")
    return PermanentError(f"{host}: no TLS can be had on this port ({_cut(error)})")


def _type_rest(error: OSError | ValueError, host: str, about: str) -> NewsmillError:
    if isinstance(error, socket.gaierror):
        kind = TransientError if error.errno == socket.EAI_AGAIN else PermanentError
        return kind(f"{host}: no such host ({error.strerror})")
    if isinstance(error, OSError):
        return TransientError(f"{host}: {error.strerror or _cut(error)}")
    return PermanentError(f"{host}: {about}{type(error).__name__}")


def _cut(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    # `imaplib` raises some of a server's answers as the bytes they are.
    text = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(error)
    return " ".join(text.split())[:MAX_REASON_CHARS] or type(error).__name__
