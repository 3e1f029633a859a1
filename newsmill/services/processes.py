"""Start, watch and end one server process.

The server holds a lock for as long as it or one of its children lives: it inherits the open lock
file. So "is it alive?" never rests on a process id, which after a reboot belongs to anybody; a
pid file is read only to know where to send a signal, and only while the lock is held.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil

from newsmill.logfiles import open_log, read_tail, rotate_log
from newsmill.services.account import Account, clean_environment
from newsmill.services.locks import open_lock, take_lock, try_lock

PROGRAM_NAMES = ("postgres", "valkey", "redis")

_left_running: list[subprocess.Popen[bytes]] = []
"""Servers that outlive the object that started them. The handles are kept because `subprocess`
warns of a handle that is dropped while its process runs."""


@atexit.register
def _forget_left_running() -> None:
    for child in _left_running:
        child.returncode = 0  # The same warning at the very end, when nobody can wait any more.


class ServerProcess:
    """The process of one server, whoever started it.

    Args:
        lock: The lock file that the server holds while it lives.
        pid_file: Where the server itself writes its process id.
        log: Where everything goes that it says.
    """

    def __init__(self, account: Account, lock: Path, pid_file: Path, log: Path) -> None:
        self._account = account
        self._lock = lock
        self._pid_file = pid_file
        self._log = log
        self._child: subprocess.Popen[bytes] | None = None

    def is_alive(self) -> bool:
        """Tell whether the server, or a child that it left behind, is alive."""
        descriptor = open_lock(self._lock)
        try:
            return not try_lock(descriptor)
        finally:
            os.close(descriptor)

    def spawn(self, command: list[str], **extra_environment: str) -> None:
        """Start the server so that our terminal's Ctrl-C does not reach it."""
        self.trim_log()
        lock = open_lock(self._lock)
        try:
            take_lock(lock)
            with open_log(self._log) as log:
                self._child = subprocess.Popen(
                    command,
                    cwd="/",
                    env=clean_environment() | extra_environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=[lock],
                    start_new_session=True,
                    umask=0o077,
                    **self._account.identity(),
                )
        finally:
            os.close(lock)

    def trim_log(self) -> None:
        """Put a log aside that has grown large; the server writes on."""
        rotate_log(self._log)

    def has_ended(self) -> bool:
        """Tell whether the server itself has ended, though a child of it may still live."""
        return self._child.poll() is not None if self._child else not self.is_alive()

    def wait_until_gone(self, patience_s: float) -> bool:
        """Wait for the server and its children to end; False when they have not."""
        deadline = time.monotonic() + patience_s
        while self.is_alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        if self._child is not None:
            self._child.wait()
        return True

    def end(self, number: signal.Signals, patience_s: float) -> bool:
        """Send a signal and wait for the end; True when the server has gone."""
        pid = self.find_pid()
        if pid is not None and self.is_alive():
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        return self.wait_until_gone(patience_s)

    def find_pid(self) -> int | None:
        """Return the id in the pid file if a server's program of our user has it."""
        pid = read_pid(self._pid_file)
        try:
            process = psutil.Process(pid) if pid else None
            if process and process.uids().real == self._account.uid:
                return pid if process.name().startswith(PROGRAM_NAMES) else None
        except psutil.Error:
            pass
        return None

    def let_go(self) -> None:
        """Leave the server running for others."""
        if self._child is not None and self._child.poll() is None:
            _left_running.append(self._child)
        self._child = None

    def read_last_words(self, lines: int = 6) -> str:
        """Return the end of the log on one line, for an error message."""
        return " / ".join(line.strip() for line in read_tail(self._log, lines))


def read_pid(pid_file: Path) -> int | None:
    """Read the number on the first line; None when there is none."""
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if pid > 0 else None
