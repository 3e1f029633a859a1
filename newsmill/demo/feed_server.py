"""A real HTTP server on the loopback address that serves the sample's feeds.

It answers conditional requests with 304, as a well-kept site does. It knows nothing about
what the files hold.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LOOPBACK = "127.0.0.1"
USUAL_PORT = 8377
"""Tried first, so that a second demo finds its feeds where the first one left them."""


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep the terminal for the demo's own table."""


@contextmanager
def serve_folder(folder: Path, port: int = USUAL_PORT) -> Iterator[str]:
    """Serve a folder's files while the body runs; yields the base URL.

    When `port` is taken, a free one is used.
    """
    handler = partial(_QuietHandler, directory=str(folder))
    try:
        server = ThreadingHTTPServer((LOOPBACK, port), handler)
    except OSError:
        server = ThreadingHTTPServer((LOOPBACK, 0), handler)
    thread = threading.Thread(target=server.serve_forever, name="feed-server", daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
