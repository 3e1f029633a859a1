from __future__ import annotations

import errno
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from newsmill import supervisor as module
from newsmill.processes import ProcessSpec
from newsmill.supervisor import ProcessState, Supervisor
from tests.paths import ROOT

STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); "
SLEEP = "import time; print('up', flush=True); time.sleep(60)"


def spec(name: str, code: str, **options: float) -> ProcessSpec:
    stop_s = options.get("stop_s", 5.0)
    return ProcessSpec(name, (sys.executable, "-c", code), {"WHO": name}, stop_s=stop_s)


@contextmanager
def running(tmp_path: Path, *specs: ProcessSpec) -> Iterator[Supervisor]:
    supervisor = Supervisor(specs, {"SHARED_BY": "all"}, tmp_path)
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()


def wait_for(
    supervisor: Supervisor, condition: Callable[[ProcessState], bool], timeout_s: float = 20
) -> ProcessState:
    """Poll until the first process is as wished."""
    give_up = time.monotonic() + timeout_s
    while time.monotonic() < give_up:
        state = supervisor.poll()[0]
        if condition(state):
            return state
        time.sleep(0.05)
    raise AssertionError(f"still {supervisor.states()[0]}")


def wait_for_text(path: Path, text: str) -> None:
    give_up = time.monotonic() + 20
    while text not in (path.read_text() if path.exists() else ""):
        assert time.monotonic() < give_up, f"{text!r} never came in {path}"
        time.sleep(0.05)


def test_process_gets_both_environments_and_its_words_go_to_its_log(tmp_path: Path) -> None:
    code = "import os; print(os.environ['WHO'], os.environ['SHARED_BY'], flush=True); " + SLEEP
    with running(tmp_path, spec("talker", code)):
        wait_for_text(tmp_path / "talker.log", "talker all")


def test_process_that_dies_is_started_again_after_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.3)
    with running(tmp_path, spec("mortal", SLEEP)) as supervisor:
        first = wait_for(supervisor, lambda state: state.status == "running")
        assert first.pid is not None
        psutil.Process(first.pid).kill()
        dead = wait_for(supervisor, lambda state: state.status == "waiting")
        assert dead.exit_code == -9
        assert dead.pid is None
        second = wait_for(supervisor, lambda state: state.status == "running")
        assert second.restarts == 1
        assert second.pid != first.pid


def test_pauses_grow_while_a_process_keeps_dying(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.05)
    pauses = []
    monkeypatch.setattr(
        module.log, "warning", lambda event, **facts: pauses.append(facts["pause_s"])
    )
    with running(tmp_path, spec("doomed", "raise SystemExit(3)")) as supervisor:
        wait_for(supervisor, lambda state: state.restarts == 3)
    assert pauses[:3] == [0.05, 0.1, 0.2]


def test_process_that_has_kept_dying_for_days_is_still_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.0)
    with running(tmp_path, spec("doomed", "raise SystemExit(3)")) as supervisor:
        supervisor._processes[0].failures = 2_000
        wait_for(supervisor, lambda state: state.restarts == 2)


def test_process_that_cannot_be_started_for_a_while_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.05)
    start, refusals = subprocess.Popen, iter(range(2))

    def start_later(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        if next(refusals, None) is not None:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return start(*arguments, **options)

    with running(tmp_path, spec("mortal", SLEEP)) as supervisor:
        first = wait_for(supervisor, lambda state: state.status == "running")
        monkeypatch.setattr(subprocess, "Popen", start_later)
        psutil.Process(first.pid).kill()
        wait_for(supervisor, lambda state: state.status == "waiting")
        second = wait_for(supervisor, lambda state: state.status == "running")
    assert second.restarts == 3


def test_stop_leaves_nothing_and_starts_nothing_again(tmp_path: Path) -> None:
    with running(tmp_path, spec("one", SLEEP), spec("two", SLEEP)) as supervisor:
        pids = [state.pid for state in supervisor.poll()]
        wait_for_text(tmp_path / "two.log", "up")
        supervisor.stop()
        assert [state.status for state in supervisor.states()] == ["stopped", "stopped"]
        assert not any(psutil.pid_exists(pid) for pid in pids if pid)
        assert all(state.status == "stopped" for state in supervisor.poll())


def test_process_that_will_not_stop_is_killed_when_its_time_is_up(tmp_path: Path) -> None:
    code = STUBBORN + "time.sleep(60)"
    with running(tmp_path, spec("stubborn", code, stop_s=0.3)) as supervisor:
        wait_for_text(tmp_path / "stubborn.log", "up")
        supervisor.stop()
        assert supervisor.states()[0].status == "stopped"


def test_killing_takes_children_along_and_waits_for_nobody(tmp_path: Path) -> None:
    child = f"subprocess.Popen([sys.executable, '-c', {STUBBORN + 'time.sleep(60)'!r}]); "
    code = "import subprocess, sys; " + child + STUBBORN + "time.sleep(60)"
    with running(tmp_path, spec("stubborn", code, stop_s=60.0)) as supervisor:
        wait_for_text(tmp_path / "stubborn.log", "up\nup\n")
        (orphan,) = psutil.Process(supervisor.states()[0].pid).children()
        supervisor.kill()
        assert supervisor.poll()[0].status == "stopped"
        _, alive = psutil.wait_procs([orphan], timeout=10)
        assert alive == []


def test_process_dies_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    code = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from newsmill.processes import ProcessSpec
from newsmill.supervisor import Supervisor
supervisor = Supervisor([ProcessSpec("child", (sys.executable, "-c", {SLEEP!r}))], {{}},
                        Path({str(tmp_path)!r}))
supervisor.start()
time.sleep(60)
"""
    with running(tmp_path, spec("parent", code)) as supervisor:
        wait_for_text(tmp_path / "child.log", "up")
        pid = supervisor.states()[0].pid
        parent = psutil.Process(pid)
        (child,) = parent.children()
        parent.kill()
        _, alive = psutil.wait_procs([child], timeout=10)
        assert alive == []
