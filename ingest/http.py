"""The HTTP client: moves bytes and nothing else; conditional GET, limits, typed failures.

It knows no feeds. What is expected is a value (`Fetched`, `NotModified`); what is not is a
TransientError (worth another try) or a PermanentError (will fail again in the same way).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from itertools import pairwise

import httpx2

from ingest.address_guard import AddressGuard
from ingest.http_errors import type_fault
from ingest.http_headers import read_fresh_for, read_retry_after
from ingest.transport import Deadline, make_transport
from schemas.closing import Closing
from schemas.errors import NewsmillError, PermanentError, TransientError

MAX_REDIRECTS = 5
PASSING_STATUSES = frozenset({408, 425, 429})
"""Client errors that pass by themselves; every 5xx does too."""
LASTING_REDIRECTS = frozenset({301, 308})


def read_clock() -> datetime:
    """Say what time it is."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Fetched:
    """A body with the headers that the next conditional GET and the parser need."""

    body: bytes
    url: str
    """Where the body came from, after redirects."""
    etag: str | None = None
    last_modified: str | None = None
    content_type: str | None = None
    moved_to: str | None = None
    """The address that permanent redirects give for the one that was asked for."""
    fresh_for: timedelta | None = None
    """How long the server says that asking again is of no use."""
    is_cut: bool = False
    """The body went on beyond the limit; this is its beginning."""


@dataclass(frozen=True)
class NotModified:
    """The server said 304: what was fetched before still holds."""

    url: str
    moved_to: str | None = None
    fresh_for: timedelta | None = None


class HttpClient(Closing):
    """One connection pool, one set of limits. Use as a context manager or call `close`.

    Fetches one thing at a time: the deadline is that of the fetch at hand.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        timeout_s: float = 20.0,
        deadline_s: float = 60.0,
        max_body_bytes: int = 5_000_000,
        allowed_hosts: Iterable[str] = (),
        make: Callable[[AddressGuard, Deadline], httpx2.BaseTransport] = make_transport,
        clock: Callable[[], datetime] = read_clock,
    ) -> None:
        """Open nothing yet.

        timeout_s: for connecting and for each read. deadline_s: for one fetch as a whole, with its
        redirects. max_body_bytes: of the decompressed body; feedparser needs about 1 s of CPU per
        MB. allowed_hosts: that are fetched from although they are not public. make: makes
        the transport. clock: what a date in Retry-After is held against.
        """
        self._clock = clock
        self._max_body_bytes = max_body_bytes
        self._deadline = Deadline(deadline_s)
        self._client = httpx2.Client(
            transport=make(AddressGuard(allowed_hosts), self._deadline),
            headers={"User-Agent": user_agent},
            timeout=timeout_s,
            follow_redirects=True,
            max_redirects=MAX_REDIRECTS,
            # A cookie of one reader's would tell a site what else was read.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            trust_env=False,
        )

    def fetch(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Fetched | NotModified:
        """GET a URL unless it is unchanged since the state given.

        Raises TransientError for timeouts, network faults, 429 and 5xx, and PermanentError for
        other statuses, bad URLs, redirect loops, certificates that are not trusted and hosts that
        may not be fetched from. Errors carry `status` and, where the server names a time,
        `retry_after`.
        """
        given = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        # A server may have sent letters beyond ASCII, which no request can carry back.
        headers = {
            name: value
            for name, value in given.items()
            if value and value.isascii() and value.isprintable()
        }
        shown = without_password(url)
        self._deadline.begin()
        try:
            with self._client.stream("GET", url, headers=headers) as response:
                return self._take(response, shown)
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            raise type_fault(error, shown, url=shown) from error
        except NewsmillError as error:
            if shown in error.message:
                raise
            raise type(error)(f"{shown}: {error.message}", url=shown, **error.ids) from error

    def close(self) -> None:
        self._client.close()

    def _take(self, response: httpx2.Response, url: str) -> Fetched | NotModified:
        status, headers = response.status_code, response.headers
        fresh_for = read_fresh_for(headers.get("Cache-Control"))
        if status == 304:
            return NotModified(url, _find_move(response), fresh_for)
        if not response.is_success:
            raise _refuse(response, url, self._clock())
        body, is_cut = self._read_body(response)
        return Fetched(
            body=body,
            url=without_password(str(response.url)),
            etag=headers.get("ETag"),
            last_modified=headers.get("Last-Modified"),
            content_type=headers.get("Content-Type"),
            moved_to=_find_move(response),
            fresh_for=fresh_for,
            is_cut=is_cut,
        )

    def _read_body(self, response: httpx2.Response) -> tuple[bytes, bool]:
        """Read in chunks, counting decompressed bytes, so that no bomb is ever unpacked whole."""
        body = bytearray()
        for chunk in response.iter_bytes():
            # A compressed body may go on for ever and unpack to nothing: no read ends it then.
            self._deadline.check()
            body += chunk
            if len(body) > self._max_body_bytes:
                return bytes(body[: self._max_body_bytes]), True
        return bytes(body), False


def without_password(url: str) -> str:
    """Leave user and password out of an address that is logged, stored or shown."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def _refuse(response: httpx2.Response, url: str, now: datetime) -> NewsmillError:
    status = response.status_code
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    told = f"{url}: the server answered {status}" + (f" ({phrase})" if phrase else "")
    retry_after = read_retry_after(response.headers.get("Retry-After"), now)
    is_passing = status in PASSING_STATUSES or status >= 500
    kind = TransientError if is_passing else PermanentError
    return kind(told, url=url, status=status, retry_after=retry_after)


def _find_move(response: httpx2.Response) -> str | None:
    """Follow the permanent redirects that come first; what follows a temporary one may change.

    An address with a password is not replaced, nor https by http.
    """
    hops = [*response.history, response]
    asked = found = hops[0].url
    for before, after in pairwise(hops):
        if before.status_code not in LASTING_REDIRECTS:
            break
        found = after.url
    is_downgrade = asked.scheme == "https" and found.scheme != "https"
    if found == asked or is_downgrade or asked.userinfo or found.userinfo:
        return None
    return str(found.copy_with(fragment=None))
