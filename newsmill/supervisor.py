"""Run the mill's processes: start them, start them again when they die, stop them in order.

It knows nothing of what the processes do (`newsmill/processes.py` plans them) and prints
nothing. What a process says goes to `<home>/logs/<name>.log`. No process outlives the supervisor,
also when that is killed: see `newsmill/tether.py`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

from newsmill.logfiles import open_log, rotate_log
from newsmill.processes import ProcessSpec
from newsmill.tether import tethered

log = structlog.get_logger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
"""Pauses before a dead process is started again: 1, 2, 4, 8, 16, 30, 30 … s."""

STEADY_AFTER_S = 60.0
"""A process that has run for so long is taken for sound: its next pause is the first again."""

POLL_S = 0.05


@dataclass(frozen=True)
class ProcessState:
    """What is to be told of one process."""

    name: str
    status: Literal["running", "waiting", "stopped"]
    """`waiting`: it died and will be started again."""
    pid: int | None
    restarts: int
    exit_code: int | None
    """Of its last life; None while it is in its first."""
    log_path: Path


@dataclass
class _Process:
    spec: ProcessSpec
    handle: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_again_at: float | None = None
    failures: int = 0
    restarts: int = 0
    exit_code: int | None = None

    @property
    def is_running(self) -> bool:
        return self.handle is not None and self.handle.poll() is None


class Supervisor:
    """The processes of one mill. Call `poll` about every second, from the starting thread."""

    def __init__(
        self, specs: Sequence[ProcessSpec], environment: Mapping[str, str], logs: Path
    ) -> None:
        """Start nothing yet. `environment` is added to our own, for every process."""
        self._processes = [_Process(spec) for spec in specs]
        self._environment = environment
        self._logs = logs

    def start(self) -> None:
        """Start every process; returns before they are ready."""
        for process in self._processes:
            self._start(process)

    def poll(self) -> list[ProcessState]:
        """Start again what has died and has waited long enough; rotate logs; return the states."""
        now = time.monotonic()
        for process in self._processes:
            if process.start_again_at is not None and now >= process.start_again_at:
                self._start_again(process, now)
            elif process.handle is not None and process.handle.poll() is not None:
                self._note_death(process, now)
            rotate_log(self._log_path(process))
        return self.states()

    def states(self) -> list[ProcessState]:
        """Return every process's state, in the order of the plan."""
        return [self._state(process) for process in self._processes]

    def stop(self) -> None:
        """Ask every process to stop, and kill those that have not within their time.

        Returns when none is left. May be called twice, and from a signal handler's exception.
        """
        running = [process for process in self._processes if process.is_running]
        asked_at = time.monotonic()
        for process in running:
            _send(process, signal.SIGTERM)
        for process in running:
            if not _wait(process, asked_at + process.spec.stop_s):
                log.warning("process_killed", name=process.spec.name)
                _kill(process)
        self._forget()

    def kill(self) -> None:
        """Kill every process at once, with its children: for when `stop` takes too long."""
        for process in self._processes:
            _kill(process)
        self._forget()

    def _forget(self) -> None:
        for process in self._processes:
            process.handle = process.start_again_at = None

    def _start(self, process: _Process) -> None:
        spec = process.spec
        with open_log(self._log_path(process)) as output:
            process.handle = subprocess.Popen(
                tethered(list(spec.command), niceness=spec.niceness),
                env={**os.environ, **self._environment, **spec.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A Ctrl-C at the terminal is for the supervisor alone.
                start_new_session=True,
            )
        process.started_at = time.monotonic()
        process.start_again_at = None

    def _start_again(self, process: _Process, now: float) -> None:
        """Start a process, or pause anew: a machine may be out of memory or of process ids."""
        process.restarts += 1
        try:
            self._start(process)
        except OSError as error:
            pause_s = _pause(process, now)
            log.warning(
                "process_not_started", name=process.spec.name, error=str(error), pause_s=pause_s
            )

    def _note_death(self, process: _Process, now: float) -> None:
        assert process.handle is not None
        process.exit_code = process.handle.returncode
        process.handle = None
        if now - process.started_at >= STEADY_AFTER_S:
            process.failures = 0
        pause_s = _pause(process, now)
        log.warning(
            "process_died", name=process.spec.name, exit_code=process.exit_code, pause_s=pause_s
        )

    def _state(self, process: _Process) -> ProcessState:
        waiting = process.start_again_at is not None
        return ProcessState(
            name=process.spec.name,
            status="running" if process.is_running else "waiting" if waiting else "stopped",
            pid=process.handle.pid if process.is_running and process.handle else None,
            restarts=process.restarts,
            exit_code=process.exit_code,
            log_path=self._log_path(process),
        )

    def _log_path(self, process: _Process) -> Path:
        return self._logs / f"{process.spec.name}.log"


def _pause(process: _Process, now: float) -> float:
    """Let a process be started again after a pause, which grows with each failure in a row."""
    process.failures += 1
    # The bound on the exponent keeps the power finite after nights of failures.
    pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(process.failures - 1, 30))
    process.start_again_at = now + pause_s
    return pause_s


def _kill(process: _Process) -> None:
    """Kill a process and its children: each has a session, and so a group, of its own."""
    if process.handle is not None:
        with suppress(ProcessLookupError):
            os.killpg(process.handle.pid, signal.SIGKILL)
        _wait(process, time.monotonic() + STEADY_AFTER_S)


def _send(process: _Process, number: signal.Signals) -> None:
    if process.handle is not None:
        process.handle.send_signal(number)


def _wait(process: _Process, deadline: float) -> bool:
    while process.is_running:
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_S)
    return True
