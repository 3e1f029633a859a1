"""Pulling models from a real HTTP server that breaks off, lies, refuses or is not there."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from inference.builds import Build, load_build, verify_build
from inference.catalogue import CatalogueEntry, load_catalogue
from inference.hub import MAX_TRIES, Hub
from schemas.errors import ConfigError, PermanentError, TransientError
from tests.paths import ROOT

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MODEL = b"GGUF" + (3).to_bytes(4, "little") + bytes(range(256)) * 8000
SHA256 = hashlib.sha256(MODEL).hexdigest()
PATH = "/maker/model-GGUF/resolve/main/model-Q8_0.gguf"


class FakeHub(ThreadingHTTPServer):
    """Answers as the hub does: a redirect with size and checksum, then the file in ranges."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body = MODEL
        self.checksum: str | None = SHA256
        self.status = 302
        self.honours_ranges = True
        self.breaks_after: list[int] = []
        """Bytes after which the next answers break off."""
        self.holds_back = 0
        """Bytes at the file's end that are never sent, nor announced with the file."""
        self.ranges: list[str | None] = []
        """What was asked for."""
        self.tokens: list[str | None] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub

    def do_HEAD(self) -> None:
        self.server.tokens.append(self.headers.get("Authorization"))
        self._redirect()

    def do_GET(self) -> None:
        if self.path == "/store":
            self._send_file()
        else:
            self._redirect()

    def _redirect(self) -> None:
        if self.path == "/old" + PATH:
            self.send_response(307)
            self.send_header("Location", PATH)
        elif self.path != PATH:
            self.send_response(404)
        else:
            self.send_response(self.server.status)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/store")
            self.send_header("X-Linked-Size", str(len(self.server.body)))
            if self.server.checksum:
                self.send_header("X-Linked-Etag", f'"{self.server.checksum}"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_file(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        start = start if self.server.honours_ranges else 0
        rest = self.server.body[start : len(self.server.body) - self.server.holds_back]
        self.send_response(206 if start else 200)
        if start:
            size = len(self.server.body)
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        cut = self.server.breaks_after.pop(0) if self.server.breaks_after else len(rest)
        self.wfile.write(rest[:cut])
        self.wfile.flush()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[FakeHub]:
    with FakeHub() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def make_entry(sha256: str | None = None, repo: str = "maker/model-GGUF") -> CatalogueEntry:
    return CatalogueEntry(
        name="model",
        title="A model",
        repo=repo,
        file="model-Q8_0.gguf",
        bytes=len(MODEL),
        sha256=sha256,
        licence="Apache-2.0",
        base="maker/model",
    )


def pull(
    server: FakeHub, folder: Path, sha256: str | None = None, token: str | None = None
) -> Build:
    hub = Hub(server.endpoint, token=token, pause_s=0)
    try:
        return hub.pull(make_entry(sha256), folder, NOW, lambda there, size: None)
    finally:
        hub.close()


def test_pulled_model_becomes_a_build_with_its_checksum(server: FakeHub, tmp_path: Path) -> None:
    build = pull(server, tmp_path / "model")
    assert build == load_build(tmp_path / "model")
    assert build.model_path.read_bytes() == MODEL
    assert build.manifest.sha256 == SHA256
    assert build.manifest.contracts is None
    verify_build(build)
    assert sorted(path.name for path in build.folder.iterdir()) == ["build.json", "model.gguf"]


def test_download_that_breaks_off_is_gone_on_with(server: FakeHub, tmp_path: Path) -> None:
    server.breaks_after = [500_000, 300_000, 0, 700_000]
    assert pull(server, tmp_path).model_path.read_bytes() == MODEL
    assert server.ranges[:3] == [None, "bytes=500000-", "bytes=800000-"]


def test_download_that_stands_still_is_given_up_and_kept(server: FakeHub, tmp_path: Path) -> None:
    server.breaks_after = [1_024_004] + [0] * 10
    with pytest.raises(TransientError, match="50 % is kept, pull again to go on"):
        pull(server, tmp_path)
    server.breaks_after = []
    server.ranges = []
    assert pull(server, tmp_path).model_path.read_bytes() == MODEL
    assert server.ranges == ["bytes=1024004-"]


def test_server_without_ranges_is_asked_for_everything_again(
    server: FakeHub, tmp_path: Path
) -> None:
    server.honours_ranges = False
    server.breaks_after = [500_000]
    assert pull(server, tmp_path).model_path.read_bytes() == MODEL


def test_server_whose_file_is_shorter_than_announced_is_given_up(
    server: FakeHub, tmp_path: Path
) -> None:
    server.honours_ranges, server.holds_back = False, 100
    with pytest.raises(TransientError, match="sent less than it had announced; 99 % is kept"):
        pull(server, tmp_path)
    assert len(server.ranges) == MAX_TRIES


def test_part_of_another_version_is_not_gone_on_with(server: FakeHub, tmp_path: Path) -> None:
    server.breaks_after = [500_000] + [0] * 10
    with pytest.raises(TransientError):
        pull(server, tmp_path)
    server.breaks_after = []
    server.body = MODEL[::-1].replace(MODEL[:4][::-1], b"") + b"x"
    server.body = b"GGUF" + (3).to_bytes(4, "little") + server.body
    server.checksum = hashlib.sha256(server.body).hexdigest()
    server.ranges = []
    assert pull(server, tmp_path).model_path.read_bytes() == server.body
    assert server.ranges == [None]


@pytest.mark.parametrize("sha256", [None, SHA256], ids=["hub's", "catalogue's"])
def test_wrong_file_is_refused_and_deleted(
    server: FakeHub, tmp_path: Path, sha256: str | None
) -> None:
    server.body = MODEL[:-1] + b"!"
    with pytest.raises(PermanentError, match="damaged or another one"):
        pull(server, tmp_path, sha256)
    assert list(tmp_path.iterdir()) == []


def test_checksum_that_nobody_knows_is_recorded(server: FakeHub, tmp_path: Path) -> None:
    server.checksum = None
    assert pull(server, tmp_path).manifest.sha256 == SHA256


def test_file_that_is_no_model_is_refused(server: FakeHub, tmp_path: Path) -> None:
    server.body = b"<html>please log in</html>"
    server.checksum = hashlib.sha256(server.body).hexdigest()
    with pytest.raises(ConfigError, match="not a GGUF file"):
        pull(server, tmp_path)
    assert not (tmp_path / "model.gguf").exists()


def test_renamed_repository_is_found(server: FakeHub, tmp_path: Path) -> None:
    hub = Hub(f"{server.endpoint}/old", pause_s=0)
    build = hub.pull(make_entry(), tmp_path, NOW, lambda there, size: None)
    hub.close()
    assert build.manifest.sha256 == SHA256


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (401, PermanentError, "the hub answered 401; it wants a login: set HF_TOKEN"),
        (404, PermanentError, "the hub answered 404"),
        (503, TransientError, "the hub answered 503"),
    ],
)
def test_refusal_is_told_in_one_line(
    server: FakeHub, tmp_path: Path, status: int, error: type[Exception], message: str
) -> None:
    server.status = status
    with pytest.raises(error, match=message) as caught:
        pull(server, tmp_path)
    assert "\n" not in str(caught.value)


def test_hub_that_is_away_is_told_in_one_line(tmp_path: Path) -> None:
    hub = Hub("http://127.0.0.1:9", pause_s=0)
    with pytest.raises(TransientError, match="the model hub cannot be reached: http") as caught:
        hub.pull(make_entry(), tmp_path, NOW, lambda there, size: None)
    hub.close()
    assert "\n" not in str(caught.value)


def test_token_goes_to_the_hub(server: FakeHub, tmp_path: Path) -> None:
    pull(server, tmp_path, token="secret")
    assert server.tokens == ["Bearer secret"]


def test_shipped_catalogue_is_valid() -> None:
    catalogue = load_catalogue(ROOT / "models")
    assert {"gemma-3-1b", "gemma-3-270m"} <= set(catalogue)
    assert all(entry.prompt == "full" for entry in catalogue.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [("- name: x", "entry 0"), ("[", "not YAML"), ("", "entry ")],
)
def test_broken_catalogue_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "catalogue.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_catalogue(tmp_path)
