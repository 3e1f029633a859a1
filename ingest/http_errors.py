"""What goes wrong between us and a web server: does it pass by itself, and what is told."""

from __future__ import annotations

import ssl

import httpx2

from ingest.transport import OVER_DEADLINE
from schemas.errors import NewsmillError, PermanentError, TransientError

LASTING = (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.TooManyRedirects)


def type_fault(
    error: httpx2.RequestError | httpx2.InvalidURL, about: str, **ids: object
) -> NewsmillError:
    """Make ours of an error of httpx; `about` is whom or what was asked, and begins the line.

    A certificate that is not trusted is not so a minute later: it does not pass by itself.
    """
    if isinstance(error, LASTING):
        return PermanentError(f"{about}: {error}", **ids)
    refused = _find_certificate_error(error)
    if refused is not None:
        reason = refused.verify_message.rstrip(".")
        return PermanentError(f"{about}: its certificate is not trusted: {reason}", **ids)
    return TransientError(f"{about}: {_describe(error)}", **ids)


def _find_certificate_error(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """Find what httpx was told by the TLS library, below the errors that it made of it."""
    below: BaseException | None = error
    while below is not None and not isinstance(below, ssl.SSLCertVerificationError):
        below = below.__cause__ or below.__context__
    return below


def _describe(error: Exception) -> str:
    """Say in words what went wrong on the way."""
    told = str(error) or type(error).__name__
    if isinstance(error, httpx2.TimeoutException) and OVER_DEADLINE not in told:
        return "the server did not answer in time"
    if told.startswith("[SSL"):
        return "no secure connection: " + told.partition("] ")[2].partition(" (_ssl")[0]
    return told.partition("] ")[2] if told.startswith("[Errno ") else told
