"""A web server that behaves as badly as real ones: each path in a way of its own.

It can also speak TLS, with certificates that nobody should trust: `tests/data/certificates` holds
one that vouches for itself and one that ended in 2021, each with its key, made for these tests.
"""

from __future__ import annotations

import gzip
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.paths import DATA

ADDRESS = "127.0.0.9"
"""Not 127.0.0.1, so that a test can allow this one and see the other refused."""
ETAG = '"v1"'

ITEM = """<item><title>{title}</title><link>https://news.example/{name}/{number}</link>
<description>The council of town {number} met on Monday and spent {number} euros on {name}; nobody
in the town had asked for it, and everybody had an opinion about it by Tuesday.</description>
</item>"""


TEASER = "The council has opened two new piers for the ferry line across the harbour."


def make_feed(name: str, items: int = 3, title: str = "Meeting") -> str:
    """Write an RSS feed whose articles are like no other feed's."""
    entries = "".join(ITEM.format(title=title, name=name, number=n) for n in range(items))
    return f"<rss version='2.0'><channel><title>Feed {name}</title>{entries}</channel></rss>"


@cache
def make_bomb() -> bytes:
    """Pack a feed and 50 MB of nothing."""
    return gzip.compress(make_feed("bomb").encode() + b" " * 50_000_000)


class QuietServer(ThreadingHTTPServer):
    """Takes it as normal that a client hangs up on it."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


class Handler(BaseHTTPRequestHandler):
    """Answers each path in its own way."""

    protocol_version = "HTTP/1.1"
    server: ThreadingHTTPServer

    def do_GET(self) -> None:
        name = self.path.strip("/")
        asked.append(name)
        getattr(self, f"answer_{name}", self.answer_missing)()

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer_good(self) -> None:
        if self.headers["If-None-Match"] == ETAG:
            self.answer(304, b"", ETag=ETAG)
        else:
            self.answer(200, make_feed("good").encode(), ETag=ETAG)

    def answer_unchanged(self) -> None:
        """Say so to whoever asks, also for the first time."""
        self.answer(304, b"")

    def answer_retold(self) -> None:
        """Tell the news of another feed, in nearly its words and with no dates."""
        body = make_feed("good").replace("/good/", "/retold/").replace("Monday", "Friday")
        self.answer(200, body.encode(), Set_Cookie="reader=b1scuit")

    def answer_edited(self) -> None:
        """Give one of the articles another text each time."""
        body = make_feed("edited").replace("nobody", f"{asked.count('edited')} people", 1)
        self.answer(200, body.encode())

    def answer_teasers(self) -> None:
        """Give teasers whose pages are an article, a paywall, nothing, and something else."""
        self.tease("story", "wall", "vanished", "other")

    def answer_unlucky(self) -> None:
        """Give teasers whose pages are not to be had: never, not for hours, not at once."""
        self.tease("broken", "busy", "tired")

    def tease(self, *names: str) -> None:
        items = "".join(
            f"<item><title>Ferry {name}</title><link>http://{self.headers['Host']}/{name}</link>"
            f"<description>{TEASER} Report {name}. Read more…</description></item>"
            for name in names
        )
        self.answer(200, f"<rss version='2.0'><channel>{items}</channel></rss>".encode())

    def answer_story(self) -> None:
        more = "".join(f"<p>Pier number {n} was next, and cost {n} euros.</p>" for n in range(40))
        page = f"<html><body><nav>Home</nav><article><p>{TEASER}</p>{more}</article></body></html>"
        self.answer(200, page.encode(), Content_Type="text/html; charset=utf-8")

    def answer_wall(self) -> None:
        page = f"<html><body><p>{TEASER}</p><p>Subscribe to continue reading.</p></body></html>"
        self.answer(200, page.encode(), Content_Type="text/html")

    def answer_other(self) -> None:
        text = "<p>Welcome to our shop, where socks of all colours wait for you.</p>" * 30
        self.answer(200, f"<html><body>{text}</body></html>".encode(), Content_Type="text/html")

    def answer_tired(self) -> None:
        """Be overloaded, then ask for a pause, then give the story."""
        times = asked.count("tired")
        if times > 2:
            self.answer_story()
        else:
            self.answer(503 if times == 1 else 429, b"", Retry_After="0" if times == 1 else "300")

    def answer_missing(self) -> None:
        self.answer(404, b"not here")

    def answer_moved(self) -> None:
        self.answer(301, b"", Location="/arrived")

    def answer_arrived(self) -> None:
        self.answer(200, make_feed("arrived").encode())

    def answer_rejoined(self) -> None:
        self.answer(308, b"", Location="/good")

    def answer_gone(self) -> None:
        self.answer(410, b"")

    def answer_busy(self) -> None:
        self.answer(429, b"", Retry_After="7200")

    def answer_broken(self) -> None:
        self.answer(500, b"oops")

    def answer_page(self) -> None:
        self.answer(200, b"<!doctype html><html><body>Log in</body></html>")

    def answer_empty(self) -> None:
        self.answer(200, b"")

    def answer_charset(self) -> None:
        body = make_feed("charset", title="Über Öl").encode("iso-8859-1")
        self.answer(200, body, Content_Type="text/xml; charset=utf-8")

    def answer_bomb(self) -> None:
        self.answer(200, make_bomb(), Content_Encoding="gzip")

    def answer_home(self) -> None:
        self.answer(302, b"", Location="http://127.0.0.1:5432/")

    def answer_metadata(self) -> None:
        self.answer(302, b"", Location="http://169.254.169.254/latest/meta-data/")

    def answer_circle(self) -> None:
        self.answer(302, b"", Location="/circle")

    def answer_entities(self) -> None:
        body = make_feed("entities", title="Names: &file;")
        entity = '<!DOCTYPE rss [<!ENTITY file SYSTEM "file:///etc/passwd">]>'
        self.answer(200, (entity + body).encode())

    def answer_loris(self) -> None:
        self._drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x")

    def answer_endless(self) -> None:
        """Never stop sending a feed that would be good."""
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        number = 0
        try:
            self.wfile.write(b"<rss version='2.0'><channel><title>Endless</title>")
            while True:
                item = ITEM.format(title="More", name="endless", number=number)
                self.wfile.write(item.encode())
                number += 1
        except OSError:
            return

    def _drip(self, head: bytes, byte: bytes) -> None:
        self.close_connection = True
        try:
            self.wfile.write(head)
            while True:
                self.wfile.write(byte)
                time.sleep(0.05)
        except OSError:
            return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


asked: list[str] = []
"""Paths in the order in which they were asked for."""


def find_certificate(name: str) -> str:
    """Name the file of a certificate, for a server to show or for a client to trust."""
    return str(DATA / "certificates" / f"{name}.pem")


@contextmanager
def serve_nastily(certificate: str | None = None) -> Iterator[str]:
    """Serve while the body runs, over TLS if a certificate is named; yields the base URL."""
    make_bomb()
    server = QuietServer((ADDRESS, 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(find_certificate(certificate))
        # The handshake is left to the first read: a client that refuses it costs no other's turn.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    asked.clear()
    try:
        yield f"{'https' if certificate else 'http'}://{ADDRESS}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
