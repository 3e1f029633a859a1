"""What Postgres and Valkey have in common: started once, waited for, started again, stopped.

A server is reached through its unix socket alone. It does not know who uses it.
"""

from __future__ import annotations

import shutil
import signal
import socket
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import ClassVar

import structlog

from newsmill.services.home import Home, describe_full_disk, is_of_full_disk
from newsmill.services.processes import ServerProcess
from schemas.errors import ConfigError, TransientError

log = structlog.get_logger(__name__)

START_PATIENCE_S = 600.0
"""Postgres may replay a gigabyte of its log after a crash, Valkey load as much; both say so."""

LEAST_FREE_BYTES = 1_000_000
"""With less than this, neither server starts."""

STOP_PATIENCE_S = 60.0
ORPHAN_PATIENCE_S = 15.0


class Reach(Enum):
    """What a knock at the socket says."""

    DOWN = "down"
    """Nobody listens."""
    BUSY = "busy"
    """Somebody listens, and cannot serve yet, or is slow."""
    UP = "up"


class EmbeddedServer(ABC):
    """One server of ours. `process` knows whether it lives, `socket_path` where it listens."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]
    home: Home
    process: ServerProcess
    socket_path: Path

    @abstractmethod
    def prepare(self) -> None:
        """Make the data folder if there is none."""

    @abstractmethod
    def launch(self) -> None:
        """Start the process and return at once."""

    @abstractmethod
    def greet(self) -> Reach:
        """Ask a server that listens whether it can serve."""

    def reach(self) -> Reach:
        """Tell whether the server can be reached, without waiting for it."""
        knocked = knock(self.socket_path)
        return self.greet() if knocked is Reach.UP else knocked

    def is_down(self) -> bool:
        return knock(self.socket_path) is Reach.DOWN

    def ensure_up(self) -> bool:
        """Start the server if nobody listens; return whether that was needed."""
        if self.reach() is not Reach.DOWN:
            self._wait_until_up()
            return False
        self._clear_remains()
        self.prepare()
        self.launch()
        self._wait_until_up()
        log.info("service_started", service=self.name, socket=str(self.socket_path))
        return True

    def stop(self) -> None:
        """Stop the server, gently first. Its data is safe in any case."""
        for number in (self.stop_signal, signal.SIGQUIT, signal.SIGKILL):
            if self.process.end(number, STOP_PATIENCE_S):
                log.info("service_stopped", service=self.name)
                self._tidy()
                return
        log.error("service_does_not_stop", service=self.name, pid=self.process.find_pid())

    def _tidy(self) -> None:
        """Remove the folder of the sockets with the last server; it may lie in /tmp."""
        with suppress(OSError):
            self.socket_path.parent.rmdir()

    def _clear_remains(self) -> None:
        """End what is left of a server that nobody can reach any more."""
        if not self.process.end(self.stop_signal, ORPHAN_PATIENCE_S):
            raise TransientError(
                f"processes of an earlier {self.name} still run and hold its data; "
                "try again in a minute, or end them by hand",
                service=self.name,
            )
        self.socket_path.unlink(missing_ok=True)

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + START_PATIENCE_S
        while self.reach() is not Reach.UP:
            if self.process.has_ended() or time.monotonic() > deadline:
                self._check_disk()
                last_words = self.process.read_last_words()
                raise TransientError(
                    f"{self.name} does not start; its last words: {last_words}",
                    service=self.name,
                )
            time.sleep(0.02)

    def _check_disk(self) -> None:
        """Raise TransientError when the disk is why a server does not start."""
        # On a full disk there may be no last words.
        free = shutil.disk_usage(self.home.path).free
        if free < LEAST_FREE_BYTES or is_of_full_disk(self.process.read_last_words(lines=1)):
            full = describe_full_disk(self.home.path)
            raise TransientError(f"{self.name} does not start: {full}", service=self.name)


def knock(path: Path) -> Reach:
    """Try to connect. Only a refusal means that nobody is there; a full queue means busy."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2.0)
        try:
            client.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return Reach.DOWN
        except PermissionError:
            # It would be waited for in vain, such as by a root without root's capabilities.
            raise ConfigError(f"{path}: no permission to connect to this server") from None
        except OSError:
            return Reach.BUSY
    return Reach.UP
