"""Pulls models from the hub: resumes, checks, and only then makes a build of what came.

A download goes to a `.part` file beside its place, named after the checksum that it must have, so
that what was fetched of another version is never gone on with. Knows the hub's `resolve` addresses
and headers; knows nothing about what a model is for.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx2

from inference.builds import (
    MANIFEST_FILE,
    MODEL_FILE,
    Build,
    check_header,
    hash_file,
    load_build,
)
from inference.catalogue import CatalogueEntry
from ingest.http_errors import type_fault
from schemas.closing import Closing
from schemas.errors import ConfigError, NewsmillError, PermanentError, TransientError

DEFAULT_ENDPOINT = "https://huggingface.co"
MAX_TRIES = 5
"""Without a single new byte. A download that moves is gone on with for as long as it takes."""

_MAX_RENAMES = 5
_TIMEOUT = httpx2.Timeout(60.0, connect=15.0)
_SPARE_BYTES = 200_000_000
_SHA256 = re.compile(r"[0-9a-f]{64}")

Progress = Callable[[int, int], None]
"""Told the bytes that are there and the bytes in all."""


@dataclass(frozen=True)
class _Remote:
    """What the hub says of a file."""

    size: int
    sha256: str | None


class Hub(Closing):
    """A model hub, or a mirror of it."""

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        *,
        token: str | None = None,
        pause_s: float = 2.0,
    ) -> None:
        """Open nothing yet. `pause_s`: before a download that broke off is gone on with."""
        self._endpoint = endpoint.rstrip("/")
        self._pause_s = pause_s
        headers = {"User-Agent": "newsmill", "Accept-Encoding": "identity"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._client = httpx2.Client(headers=headers, timeout=_TIMEOUT)

    def pull(self, entry: CatalogueEntry, folder: Path, now: datetime, progress: Progress) -> Build:
        """Fetch a model into a build's folder; what is there already is not fetched again.

        Raises:
            TransientError: the hub cannot be reached, or broke off too often; what came is kept.
            PermanentError: the hub refuses, or the file is not what it should be.
            ConfigError: the disk is too full.
        """
        url = f"{self._endpoint}/{entry.repo}/resolve/{entry.revision}/{entry.file}"
        remote = self._look_at(url)
        wanted = entry.sha256 or remote.sha256
        part = folder / f"{MODEL_FILE}.{(wanted or 'unknown')[:12]}.part"
        _make_room(folder, remote.size - _size_of(part))
        self._fetch(url, part, remote.size, progress)
        found = hash_file(part)
        if wanted is not None and found != wanted:
            part.unlink()
            raise PermanentError(
                f"{entry.name}: the file that came is damaged or another one: its SHA-256 is "
                f"{found[:12]}…, {wanted[:12]}… was expected; it was deleted, pull again"
            )
        check_header(part)
        part.replace(folder / MODEL_FILE)
        manifest = entry.to_manifest(found, now).model_dump_json(indent=2, exclude_none=True)
        (folder / MANIFEST_FILE).write_text(manifest + "\n", encoding="utf-8")
        return load_build(folder)

    def close(self) -> None:
        self._client.close()

    def _look_at(self, url: str) -> _Remote:
        """Ask for size and checksum: the hub says them where it redirects to the file's store.

        Redirects within the hub (a repository that was renamed) are followed before that.
        """
        address = httpx2.URL(url)
        for _ in range(_MAX_RENAMES):
            with _typed_errors(url):
                response = self._client.head(address)
            target = address.join(response.headers.get("Location", ""))
            if not response.has_redirect_location or target.host != address.host:
                break
            address = target
        if not response.has_redirect_location:
            _check_status(response, url)
        headers = response.headers
        size = int(headers.get("X-Linked-Size") or headers.get("Content-Length") or 0)
        etag = headers.get("X-Linked-Etag", "").strip('W/"')
        if size <= 0:
            raise PermanentError(f"{url}: the hub does not say how large the file is")
        return _Remote(size, etag if _SHA256.fullmatch(etag) else None)

    def _fetch(self, url: str, part: Path, size: int, progress: Progress) -> None:
        """Download until the file has its size; go on after breaks as long as bytes come."""
        tries = 0
        while (there := _size_of(part)) < size:
            progress(there, size)
            try:
                self._fetch_rest(url, part, there, size, progress)
                if _size_of(part) < size:
                    raise TransientError(f"{url}: the hub sent less than it had announced")
            except TransientError as error:
                tries = tries + 1 if _size_of(part) <= there else 1
                if tries >= MAX_TRIES:
                    share = 100 * _size_of(part) // size
                    raise TransientError(
                        f"{error}; {share} % is kept, pull again to go on"
                    ) from None
                time.sleep(self._pause_s)
        progress(size, size)

    def _fetch_rest(self, url: str, part: Path, there: int, size: int, progress: Progress) -> None:
        headers = {"Range": f"bytes={there}-"} if there else {}
        with (
            _typed_errors(url),
            self._client.stream("GET", url, headers=headers, follow_redirects=True) as response,
        ):
            _check_status(response, url)
            goes_on = response.headers.get("Content-Range", "").startswith(f"bytes {there}-")
            with part.open("ab" if goes_on else "wb") as file:
                for chunk in response.iter_raw():
                    file.write(chunk)
                    if file.tell() > size:
                        raise PermanentError(f"{url}: more came than the {size} bytes announced")
                    progress(file.tell(), size)


@contextmanager
def _typed_errors(url: str) -> Iterator[None]:
    """Turn the client's errors into ours."""
    try:
        yield
    except (httpx2.RequestError, httpx2.InvalidURL) as error:
        raise type_fault(error, f"the model hub cannot be reached: {url}") from None


def _check_status(response: httpx2.Response, url: str) -> None:
    if response.is_success:
        return
    kind: type[NewsmillError] = TransientError if response.status_code >= 500 else PermanentError
    hints = {401: "it wants a login: set HF_TOKEN", 403: "it wants a login: set HF_TOKEN"}
    hint = hints.get(response.status_code, "")
    raise kind(f"{url}: the hub answered {response.status_code}{'; ' + hint if hint else ''}")


def _make_room(folder: Path, needed: int) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written: {error.strerror}") from None
    if free < needed + _SPARE_BYTES:
        raise ConfigError(
            f"{folder}: {free // 10**6} MB are free, {(needed + _SPARE_BYTES) // 10**6} MB needed"
        )


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
