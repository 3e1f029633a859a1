"""The login to Gmail from the command line: an address to open, and one answer on a loopback port.

Nothing is kept here; that the login is read-only is in the scope that is asked for.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2

from ingest.credentials import Grant
from ingest.gmail import SCOPE
from ingest.oauth import OAuthClient, exchange_code, login_url
from schemas.errors import ConfigError, PermanentError

DONE = "Newsmill may read your mail now. You can close this window."
TURNED_DOWN = "Nothing was granted. You can close this window."


def log_in(
    client: OAuthClient,
    *,
    port: int,
    wait_s: float,
    timeout_s: float,
    published: bool,
    show: Callable[[str], None],
    now: datetime,
) -> Grant:
    """Show the login's address, wait for its answer and turn it into a grant.

    port: of 127.0.0.1, to which the browser is sent back; 0 for any that is free.
    """
    verifier, state = secrets.token_urlsafe(64), secrets.token_urlsafe(24)
    with _listen(port, state) as listener:
        redirect_url = f"http://127.0.0.1:{listener.server_port}"
        show(
            login_url(
                client, redirect_url=redirect_url, scope=SCOPE, state=state, verifier=verifier
            )
        )
        code = listener.wait(wait_s)
    with httpx2.Client(timeout=timeout_s) as http:
        return exchange_code(
            http,
            client,
            code=code,
            verifier=verifier,
            redirect_url=redirect_url,
            published=published,
            now=now,
        )


class _Listener(HTTPServer):
    def __init__(self, port: int, state: str) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.state = state
        self.answer: dict[str, str] | None = None

    def wait(self, wait_s: float) -> str:
        """Return the code of the one answer that carries our state; all others are turned away."""
        deadline = time.monotonic() + wait_s
        while self.answer is None:
            self.timeout = deadline - time.monotonic()
            if self.timeout <= 0:
                raise PermanentError(f"nobody logged in within {wait_s:g} s; try again")
            self.handle_request()
        if "code" not in self.answer:
            raise PermanentError(f"the login was refused: {self.answer.get('error', 'no code')}")
        return self.answer["code"]


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    timeout = 10
    """A browser that opens a connection in advance and says nothing holds up no other."""

    def do_GET(self) -> None:
        query = dict(parse_qsl(urlsplit(self.path).query))
        given = query.get("state", "")
        if not secrets.compare_digest(given.encode(), self.server.state.encode()):
            self.send_error(404)
            return
        self.server.answer = query
        body = (DONE if "code" in query else TURNED_DOWN).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Write nothing: the code stands in the request."""


def _listen(port: int, state: str) -> _Listener:
    try:
        return _Listener(port, state)
    except OSError as error:
        raise ConfigError(f"cannot listen on 127.0.0.1:{port}: {error.strerror}") from error
