"""The HTTP client against a real server on the loopback: 304, limits, redirects, failures."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest

from ingest.http import Fetched, HttpClient, NotModified
from ingest.transport import Deadline
from schemas.errors import PermanentError, TransientError
from tests.nasty_web import ADDRESS, asked, find_certificate, serve_nastily

ETAG = '"v7"'
CHANGED_AT = "Mon, 02 Nov 2026 08:15:00 GMT"
MAX_BODY_BYTES = 100_000
BOMB = gzip.compress(b"\0" * 50 * MAX_BODY_BYTES)
"""Made once: while it is packed, the server is silent for longer than a client may wait."""


class Handler(BaseHTTPRequestHandler):
    """Answers each path in its own way; a number is answered with that status."""

    protocol_version = "HTTP/1.1"
    server: ThreadingHTTPServer

    def do_GET(self) -> None:
        name = self.path.strip("/").split("/")[0]
        if name.isdigit():
            self.answer(int(name), b"")
        else:
            getattr(self, f"answer_{name}")()

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer_feed(self) -> None:
        unchanged = self.headers["If-None-Match"] == ETAG or (
            self.headers["If-Modified-Since"] == CHANGED_AT
        )
        head = {"ETag": ETAG, "Last_Modified": CHANGED_AT, "Content_Type": "text/xml"}
        self.answer(304, b"", **head) if unchanged else self.answer(200, b"<rss/>", **head)

    def answer_odd(self) -> None:
        self.answer(200, b"<rss/>", ETag='"caf\xe9"', Last_Modified="Mi\xfc, 2. M\xe4rz")

    def answer_agent(self) -> None:
        self.answer(200, self.headers["User-Agent"].encode())

    def answer_gzip(self) -> None:
        self.answer(200, gzip.compress(b"<rss/>"), Content_Encoding="gzip")

    def answer_bomb(self) -> None:
        self.answer(200, BOMB, Content_Encoding="gzip")

    def answer_corrupt(self) -> None:
        self.answer(200, b"this is not gzip", Content_Encoding="gzip")

    def answer_moved(self) -> None:
        self.answer(301, b"", Location="/feed")

    def answer_lent(self) -> None:
        self.answer(302, b"", Location="/moved")

    def answer_farther(self) -> None:
        self.answer(308, b"", Location="/lent")

    def answer_inward(self) -> None:
        self.answer(302, b"", Location=f"http://127.0.0.2:{self.server.server_port}/feed")

    def answer_metadata(self) -> None:
        self.answer(302, b"", Location="http://169.254.169.254/latest/meta-data/")

    def answer_later(self) -> None:
        self.answer(429, b"", Retry_After="120")

    def answer_fresh(self) -> None:
        self.answer(200, b"<rss/>", Cache_Control="public, max-age=3600")

    def answer_cookie(self) -> None:
        self.answer(200, self.headers.get("Cookie", "none").encode(), Set_Cookie="who=me")

    def answer_drip(self) -> None:
        """Send a header that never ends, one byte at a time."""
        self.close_connection = True
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while True:
                self.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            return

    def answer_circle(self) -> None:
        self.answer(302, b"", Location="/circle")

    def answer_away(self) -> None:
        self.answer(302, b"", Location="file:///etc/passwd")

    def answer_silence(self) -> None:
        time.sleep(1.5)
        self.close_connection = True

    def answer_endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        try:
            while True:
                self.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            return

    def answer_cut(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"only this")
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def make_client(timeout_s: float, deadline_s: float) -> HttpClient:
    return HttpClient(
        user_agent="Newsmill/test",
        timeout_s=timeout_s,
        deadline_s=deadline_s,
        max_body_bytes=MAX_BODY_BYTES,
        allowed_hosts=["127.0.0.1"],
    )


@pytest.fixture
def client() -> Iterator[HttpClient]:
    with make_client(20.0, 60.0) as client:
        yield client


@pytest.fixture
def hasty() -> Iterator[HttpClient]:
    """A client for servers that keep it waiting on purpose."""
    with make_client(0.5, 1.0) as client:
        yield client


def test_body_comes_with_what_the_next_poll_needs(site: str, client: HttpClient) -> None:
    assert client.fetch(f"{site}/feed") == Fetched(
        body=b"<rss/>",
        url=f"{site}/feed",
        etag=ETAG,
        last_modified=CHANGED_AT,
        content_type="text/xml",
    )


@pytest.mark.parametrize("state", [{"etag": ETAG}, {"last_modified": CHANGED_AT}])
def test_unchanged_page_is_a_value(site: str, client: HttpClient, state: dict[str, str]) -> None:
    assert client.fetch(f"{site}/feed", **state) == NotModified(f"{site}/feed")


def test_state_that_no_request_can_carry_is_not_sent(site: str, client: HttpClient) -> None:
    first = client.fetch(f"{site}/odd")
    assert isinstance(first, Fetched)
    again = client.fetch(f"{site}/odd", etag=first.etag, last_modified=first.last_modified)
    assert again == first


def test_user_agent_names_us(site: str, client: HttpClient) -> None:
    answer = client.fetch(f"{site}/agent")
    assert isinstance(answer, Fetched)
    assert answer.body == b"Newsmill/test"


def test_redirect_is_followed_and_its_end_told(site: str, client: HttpClient) -> None:
    answer = client.fetch(f"{site}/moved")
    assert isinstance(answer, Fetched)
    assert answer.url == f"{site}/feed"


def test_compressed_body_is_unpacked(site: str, client: HttpClient) -> None:
    answer = client.fetch(f"{site}/gzip")
    assert isinstance(answer, Fetched)
    assert answer.body == b"<rss/>"


def test_bomb_is_cut_before_it_is_unpacked(site: str, client: HttpClient) -> None:
    answer = client.fetch(f"{site}/bomb")
    assert isinstance(answer, Fetched)
    assert (len(answer.body), answer.is_cut) == (MAX_BODY_BYTES, True)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_status_that_passes_is_transient(site: str, client: HttpClient, status: int) -> None:
    with pytest.raises(TransientError, match=f"answered {status}") as caught:
        client.fetch(f"{site}/{status}")
    assert caught.value.url == f"{site}/{status}"
    assert caught.value.status == status


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
def test_status_that_stays_is_permanent(site: str, client: HttpClient, status: int) -> None:
    with pytest.raises(PermanentError, match=f"answered {status}"):
        client.fetch(f"{site}/{status}")


@pytest.mark.parametrize("page", ["silence", "endless", "cut", "corrupt", "drip"])
def test_trouble_on_the_way_is_transient(site: str, hasty: HttpClient, page: str) -> None:
    with pytest.raises(TransientError):
        hasty.fetch(f"{site}/{page}")


@pytest.mark.parametrize("page", ["endless", "drip"])
def test_slow_server_is_left_when_the_time_is_up(site: str, hasty: HttpClient, page: str) -> None:
    with pytest.raises(TransientError, match="longer than 1 s in all"):
        hasty.fetch(f"{site}/{page}")


def test_deadline_that_passes_between_two_reads_is_told_as_httpx_tells_it() -> None:
    deadline = Deadline(60.0)
    deadline.check()
    with pytest.raises(httpx2.ReadTimeout, match="longer than 0 s in all"):
        Deadline(0.0).check()


@pytest.mark.parametrize(
    ("page", "moved_to"),
    [("feed", None), ("moved", "/feed"), ("lent", None), ("farther", "/lent")],
)
def test_permanent_redirects_are_told_as_far_as_they_go(
    site: str, client: HttpClient, page: str, moved_to: str | None
) -> None:
    answer = client.fetch(f"{site}/{page}")
    assert isinstance(answer, Fetched)
    assert answer.moved_to == (moved_to and site + moved_to)


@pytest.mark.parametrize("page", ["inward", "metadata"])
def test_redirect_to_a_private_address_is_refused(site: str, client: HttpClient, page: str) -> None:
    with pytest.raises(PermanentError, match="not an address of the public Internet"):
        client.fetch(f"{site}/{page}")


def test_private_address_is_refused_unless_it_is_allowed(site: str) -> None:
    with (
        HttpClient(user_agent="Newsmill/test") as strict,
        pytest.raises(PermanentError, match="NEWSMILL_INGEST__ALLOWED_HOSTS"),
    ):
        strict.fetch(f"{site}/feed")


def test_server_that_names_a_time_is_heard(site: str, client: HttpClient) -> None:
    with pytest.raises(TransientError, match=r"429 \(Too Many Requests\)") as caught:
        client.fetch(f"{site}/later")
    assert caught.value.retry_after == timedelta(minutes=2)
    fresh = client.fetch(f"{site}/fresh")
    assert isinstance(fresh, Fetched)
    assert fresh.fresh_for == timedelta(hours=1)


def test_cookies_are_not_kept(site: str, client: HttpClient) -> None:
    for _ in range(2):
        answer = client.fetch(f"{site}/cookie")
        assert isinstance(answer, Fetched)
        assert answer.body == b"none"


@pytest.mark.parametrize("page", ["circle", "away"])
def test_redirect_to_nowhere_is_permanent(site: str, client: HttpClient, page: str) -> None:
    with pytest.raises(PermanentError):
        client.fetch(f"{site}/{page}")


def test_server_that_is_not_there_is_transient(client: HttpClient) -> None:
    with pytest.raises(TransientError):
        client.fetch("http://127.0.0.1:1/feed")


CERTIFICATES = [
    ("self_signed", "expired", "self-signed certificate", "nobody vouches for it"),
    ("expired", "expired", "certificate has expired", "it has ended"),
]


@pytest.mark.parametrize(("shown", "trusted", "words", "reason"), CERTIFICATES)
def test_certificate_that_is_not_trusted_is_permanent_and_told_in_words(
    monkeypatch: pytest.MonkeyPatch, shown: str, trusted: str, words: str, reason: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", find_certificate(trusted))
    with (
        serve_nastily(shown) as base_url,
        HttpClient(user_agent="Newsmill/test", allowed_hosts=[ADDRESS]) as client,
        pytest.raises(PermanentError) as caught,
    ):
        client.fetch(f"{base_url}/good")
    told = f"{base_url}/good: its certificate is not trusted: {words}"
    assert caught.value.message == told, reason
    assert asked == []


def test_certificate_that_is_trusted_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", find_certificate("self_signed"))
    with (
        serve_nastily("self_signed") as base_url,
        HttpClient(user_agent="Newsmill/test", allowed_hosts=[ADDRESS]) as client,
    ):
        assert isinstance(client.fetch(f"{base_url}/good"), Fetched)


@pytest.mark.parametrize("url", ["http://", "https://a.example:port/", "gopher://a.example/"])
def test_address_that_is_none_is_permanent(client: HttpClient, url: str) -> None:
    with pytest.raises(PermanentError):
        client.fetch(url)


def test_password_of_an_address_is_sent_and_never_told(site: str, client: HttpClient) -> None:
    guarded = site.replace("://", "://reader:s3cret@")
    fetched = client.fetch(f"{guarded}/feed")
    assert isinstance(fetched, Fetched)
    assert fetched.url == f"{site}/feed"
    for page in ("404", "503", "cut", "circle"):
        with pytest.raises((PermanentError, TransientError)) as caught:
            client.fetch(f"{guarded}/{page}")
        assert "s3cret" not in f"{caught.value} {vars(caught.value)}"
    with pytest.raises(TransientError) as caught:
        client.fetch("http://reader:s3cret@127.0.0.1:1/feed@home")
    assert str(caught.value).startswith("http://127.0.0.1:1/feed@home: ")
