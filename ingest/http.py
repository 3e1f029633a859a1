"""The HTTP client: moves bytes and nothing else; conditional GET, limits, typed failures.

It knows no feeds. What is expected is a value (`Fetched`, `NotModified`); what is not is a
TransientError (worth another try) or a PermanentError (will fail again in the same way).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType

import httpx2

from schemas.errors import PermanentError, TransientError

MAX_REDIRECTS = 5
PASSING_STATUSES = frozenset({408, 425, 429})
"""Client errors that pass by themselves; every 5xx does too."""


@dataclass(frozen=True)
class Fetched:
    """A body with the headers that the next conditional GET and the parser need."""

    body: bytes
    url: str
    """Where the body came from, after redirects."""
    etag: str | None = None
    last_modified: str | None = None
    content_type: str | None = None


@dataclass(frozen=True)
class NotModified:
    """The server said 304: what was fetched before still holds."""

    url: str


class HttpClient:
    """One connection pool, one set of limits. Use as a context manager or call `close`."""

    def __init__(
        self,
        *,
        user_agent: str,
        timeout_s: float = 20.0,
        deadline_s: float = 60.0,
        max_body_bytes: int = 5_000_000,
    ) -> None:
        """Open nothing yet.

        timeout_s: for connecting and for each read. deadline_s: for one fetch as a whole.
        max_body_bytes: of the decompressed body; feedparser needs about 1 s of CPU per MB.
        """
        self._deadline_s = deadline_s
        self._max_body_bytes = max_body_bytes
        self._client = httpx2.Client(
            headers={"User-Agent": user_agent},
            timeout=timeout_s,
            follow_redirects=True,
            max_redirects=MAX_REDIRECTS,
        )

    def fetch(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Fetched | NotModified:
        """GET a URL unless it is unchanged since the state given.

        Raises TransientError for timeouts, network faults, 429 and 5xx, and PermanentError for
        other statuses, bad URLs, redirect loops and bodies over the limit.
        """
        headers = {}
        if etag:
            headers["If-None-Match"] = etag
        if last_modified:
            headers["If-Modified-Since"] = last_modified
        shown = without_password(url)
        try:
            with self._client.stream("GET", url, headers=headers) as response:
                return self._take(response, shown)
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.TooManyRedirects) as error:
            raise PermanentError(f"{shown}: {error}", url=shown) from error
        except httpx2.RequestError as error:
            reason = str(error) or type(error).__name__
            raise TransientError(f"{shown}: {reason}", url=shown) from error

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _take(self, response: httpx2.Response, url: str) -> Fetched | NotModified:
        status = response.status_code
        if status == 304:
            return NotModified(url)
        if status in PASSING_STATUSES or status >= 500:
            raise TransientError(f"{url}: the server answered {status}", url=url, status=status)
        if not response.is_success:
            raise PermanentError(f"{url}: the server answered {status}", url=url, status=status)
        return Fetched(
            body=self._read_body(response, url),
            url=without_password(str(response.url)),
            etag=response.headers.get("ETag"),
            last_modified=response.headers.get("Last-Modified"),
            content_type=response.headers.get("Content-Type"),
        )

    def _read_body(self, response: httpx2.Response, url: str) -> bytes:
        """Read in chunks, counting decompressed bytes, so that no bomb is ever unpacked whole."""
        deadline = time.monotonic() + self._deadline_s
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > self._max_body_bytes:
                limit = f"{self._max_body_bytes:,} bytes"
                raise PermanentError(f"{url}: the body is larger than {limit}", url=url)
            if time.monotonic() > deadline:
                limit = f"{self._deadline_s:g} s"
                raise TransientError(f"{url}: the body took longer than {limit}", url=url)
        return bytes(body)


def without_password(url: str) -> str:
    """Leave user and password out of an address that is logged, stored or shown."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"
