from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection

from workers.shutdown import StopSign

FORK = multiprocessing.get_context("fork")


def work(sign: StopSign, pipe: Connection) -> None:
    sign.set_busy(True)
    pipe.send("busy")
    pipe.recv()
    sign.set_busy(False)
    pipe.send("idle")
    pipe.recv()


def start_child(sign: StopSign) -> tuple[int, Connection]:
    ours, theirs = FORK.Pipe()
    child = FORK.Process(target=work, args=(sign, theirs), daemon=True)
    child.start()
    assert ours.recv() == "busy"
    assert child.pid is not None
    return child.pid, ours


def test_outside_a_worker_nothing_is_ever_stopping() -> None:
    sign = StopSign()
    sign.set_busy(True)
    assert not sign.is_raised


def test_children_see_the_sign_that_their_parent_raises() -> None:
    sign = StopSign()
    sign.arm()
    child = FORK.Process(target=lambda: os._exit(0 if _wait(sign) else 1))
    child.start()
    sign.raise_()
    child.join(10)
    assert child.exitcode == 0


def _wait(sign: StopSign) -> bool:
    for _ in range(1_000):
        if sign.is_raised:
            return True
        signal.sigtimedwait([], 0.01)
    return False


def test_parent_sees_whether_a_child_is_busy() -> None:
    sign = StopSign()
    sign.arm()
    assert not sign.is_any_busy()
    _, pipe = start_child(sign)
    assert sign.is_any_busy()
    pipe.send("go on")
    assert pipe.recv() == "idle"
    assert not sign.is_any_busy()
    pipe.send("end")


def test_a_child_that_was_killed_is_no_longer_busy() -> None:
    sign = StopSign()
    sign.arm()
    pid, _ = start_child(sign)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert not sign.is_any_busy()
