"""A web server that behaves as badly as real ones: each path in a way of its own."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ADDRESS = "127.0.0.9"
"""Not 127.0.0.1, so that a test can allow this one and see the other refused."""
ETAG = '"v1"'

ITEM = """<item><title>{title}</title><link>https://news.example/{name}/{number}</link>
<description>The council of town {number} met on Monday and spent {number} euros on {name}; nobody
in the town had asked for it, and everybody had an opinion about it by Tuesday.</description>
</item>"""


def make_feed(name: str, items: int = 3, title: str = "Meeting") -> str:
    """Write an RSS feed whose articles are like no other feed's."""
    entries = "".join(ITEM.format(title=title, name=name, number=n) for n in range(items))
    return f"<rss version='2.0'><channel><title>Feed {name}</title>{entries}</channel></rss>"


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

    def answer_edited(self) -> None:
        """Give one of the articles another text each time."""
        body = make_feed("edited").replace("nobody", f"{asked.count('edited')} people", 1)
        self.answer(200, body.encode())

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
        body = gzip.compress(make_feed("bomb").encode() + b" " * 50_000_000)
        self.answer(200, body, Content_Encoding="gzip")

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


@contextmanager
def serve_nastily() -> Iterator[str]:
    """Serve while the body runs; yields the base URL."""
    server = ThreadingHTTPServer((ADDRESS, 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    asked.clear()
    try:
        yield f"http://{ADDRESS}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
