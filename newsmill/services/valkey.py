"""A private Valkey or Redis: append-only file on, nothing evicted, reached over a unix socket.

It carries messages only. Postgres is the truth, so data that cannot be read any more is put
aside, and an empty server takes its place.
"""

from __future__ import annotations

import re
import shutil
import signal
import socket
from typing import ClassVar
from urllib.parse import quote

import structlog

from newsmill.services.account import Account
from newsmill.services.binaries import find_valkey
from newsmill.services.home import Home, make_private_folder
from newsmill.services.processes import ServerProcess
from newsmill.services.server import EmbeddedServer, Reach
from schemas.errors import TransientError

log = structlog.get_logger(__name__)

GREETING_TIMEOUT_S = 2.0

UNREADABLE = re.compile(
    r"(error|bad file format|unexpected end of file) reading the append only file"
    r"|manifest file error|rdb format version|error in rdb reading|loading (the )?db",
    re.IGNORECASE,
)
"""What the last words contain when a crash, or a newer version, wrote what it cannot load."""


class EmbeddedValkey(EmbeddedServer):
    """The Valkey of one home."""

    name: ClassVar[str] = "valkey"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    """Write the append-only file to disk, go."""

    def __init__(self, home: Home, account: Account) -> None:
        self._account = account
        self.home = home
        self._runtime = home.runtime(account)
        self.socket_path = self._runtime / "valkey.sock"
        self.process = ServerProcess(
            account,
            lock=home.path / "valkey.lock",
            pid_file=self._runtime / "valkey.pid",
            log=home.logs / "valkey.log",
        )

    @property
    def url(self) -> str:
        """Return the address as redis-py takes it."""
        return f"unix://{quote(str(self.socket_path))}?db=0"

    def prepare(self) -> None:
        self._program = find_valkey(self._account, self.home).path("server")
        make_private_folder(self.home.valkey, self._account)
        make_private_folder(self._runtime, self._account)

    def launch(self) -> None:
        self.process.spawn([self._program, *self._options()])

    def greet(self) -> Reach:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(GREETING_TIMEOUT_S)
                client.connect(str(self.socket_path))
                client.sendall(b"PING\r\n")
                return Reach.UP if client.recv(64).startswith(b"+PONG") else Reach.BUSY
        except OSError:
            return Reach.BUSY

    def ensure_up(self) -> bool:
        """Start the server; when it cannot read what it wrote, start it empty."""
        try:
            return super().ensure_up()
        except TransientError:
            if not self._put_data_aside():
                raise
        return super().ensure_up()

    def _put_data_aside(self) -> bool:
        """Move the data to `valkey.unreadable`; False when it is not what stopped the server."""
        if not UNREADABLE.search(self.process.read_last_words()):
            return False
        aside = self.home.path / "valkey.unreadable"
        shutil.rmtree(aside, ignore_errors=True)
        self.home.valkey.rename(aside)
        log.warning("valkey_data_put_aside", folder=str(aside))
        return True

    def _options(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self.home.valkey),
            "pidfile": str(self._runtime / "valkey.pid"),
            "daemonize": "no",
            "logfile": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        return [part for name, value in settings.items() for part in (f"--{name}", value)]
