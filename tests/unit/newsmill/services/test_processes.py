from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from newsmill.services.account import Account
from newsmill.services.locks import UserLock
from newsmill.services.processes import ServerProcess, read_pid


@pytest.mark.parametrize(
    ("text", "pid"),
    [
        ("4711\n", 4711),
        ("4711\n/data\n1790000000\n5432", 4711),
        ("-4711\n", None),  # How Postgres marks a single-user process.
        ("0\n", None),
        ("", None),
        ("half a n", None),
    ],
)
def test_pid_is_the_number_on_the_first_line(tmp_path: Path, text: str, pid: int | None) -> None:
    (tmp_path / "pid").write_text(text)
    assert read_pid(tmp_path / "pid") == pid


def test_pid_file_that_is_not_there_names_nobody(tmp_path: Path) -> None:
    assert read_pid(tmp_path / "pid") is None


def test_living_process_that_is_no_server_is_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(str(os.getpid()))
    process = make_process(tmp_path)
    assert process.find_pid() is None
    assert not process.is_alive()


def test_process_lives_as_long_as_a_child_of_it(tmp_path: Path) -> None:
    process = make_process(tmp_path)
    process.spawn(["/bin/sh", "-c", "sleep 0.3 & exit 0"])
    while not process.has_ended():
        time.sleep(0.01)
    assert process.is_alive()
    assert process.wait_until_gone(10)


def test_last_words_come_from_the_end_of_the_log(tmp_path: Path) -> None:
    process = make_process(tmp_path)
    assert process.read_last_words() == ""
    process.spawn(["/bin/sh", "-c", "echo first; echo; echo no space left >&2"])
    assert process.wait_until_gone(10)
    assert process.read_last_words(lines=2) == "first / no space left"


def test_user_is_the_last_once_the_others_have_left(tmp_path: Path) -> None:
    first, second = UserLock(tmp_path), UserLock(tmp_path)
    assert not first.is_last()
    first.give_back()
    assert second.is_last()
    second.give_back()


def make_process(folder: Path) -> ServerProcess:
    account = Account.ourselves()
    return ServerProcess(account, folder / "lock", folder / "pid", folder / "log")
