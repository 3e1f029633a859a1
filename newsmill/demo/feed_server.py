"""A real HTTP server on the loopback address that serves the sample's feeds.

It answers conditional requests with 304, as a well-kept site does. It knows nothing about
what the files hold.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT = 8377


def choose_address(home: Path) -> str:
    """Give a home its own loopback address, the same each time.

    So a second demo finds its feeds where the first one left them, and two homes' demos do not
    meet. Linux takes all of 127.0.0.0/8 for the loopback.
    """
    digest = hashlib.sha256(bytes(home)).digest()
    return f"127.{64 + digest[0] % 64}.{digest[1]}.{1 + digest[2] % 254}"


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep the terminal for the demo's own table."""


@contextmanager
def serve_folder(folder: Path, address: str, port: int = PORT) -> Iterator[str]:
    """Serve a folder's files while the body runs; yields the base URL.

    When it cannot listen there, a free port of 127.0.0.1 is used.
    """
    handler = partial(_QuietHandler, directory=str(folder))
    try:
        server = ThreadingHTTPServer((address, port), handler)
    except OSError:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, name="feed-server", daemon=True)
    thread.start()
    try:
        host, bound = server.server_address[:2]
        yield f"http://{host!s}:{bound}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
