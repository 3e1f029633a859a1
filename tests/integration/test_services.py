"""The embedded servers, started, killed and started again for real."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from newsmill.logfiles import LARGEST_BYTES
from newsmill.services.launcher import Services
from tests.homes import make_home
from tests.integration.holder import ask, hold_services, read_urls


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home that the tests of this file use one after the other."""
    home = make_home()
    yield home
    shutil.rmtree(home)


@pytest.fixture
def running(home: Path) -> Iterator[Services]:
    with Services.launch(home) as services:
        yield services


def count_rows(services: Services) -> int:
    return int(ask(services.database_url, "select count(*) from kept"))


def add_row(services: Services) -> int:
    with psycopg.connect(services.database_url) as connection:
        connection.execute("create table if not exists kept (value integer)")
        connection.execute("insert into kept values (1)")
    return count_rows(services)


def push(services: Services) -> int:
    with redis.Redis.from_url(services.redis_url) as client:
        return int(client.incr("pushed"))


def find_pids(home: Path) -> dict[str, int]:
    files = {"postgres": home / "postgres/data/postmaster.pid", "valkey": home / "run/valkey.pid"}
    return {name: int(file.read_text().split()[0]) for name, file in files.items() if file.exists()}


def is_running(pid: int) -> bool:
    """Tell whether any thread is left. A killed process is a zombie as soon as its first thread
    has gone; until the others have, it still listens."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
    except psutil.NoSuchProcess:
        return False


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while is_running(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_rows_and_messages_are_there_after_a_restart(home: Path) -> None:
    with Services.launch(home) as services:
        rows, pushed = add_row(services), push(services)
        pids = find_pids(home)
    assert not any(is_running(pid) for pid in pids.values())
    with Services.launch(home) as services:
        assert count_rows(services) == rows
        assert push(services) == pushed + 1


def test_no_port_is_opened_and_the_usual_ones_may_be_taken(home: Path) -> None:
    with contextlib.ExitStack() as taken:
        for port in (5432, 6379):
            listener = taken.enter_context(socket.socket())
            with contextlib.suppress(OSError):  # By somebody else: as good.
                listener.bind(("127.0.0.1", port))
                listener.listen()
        with Services.launch(home) as services:
            push(services)
            for pid in find_pids(home).values():
                assert psutil.Process(pid).net_connections("inet") == []


def test_only_the_servers_user_can_reach_the_files_and_a_password_is_asked_for(
    running: Services, home: Path
) -> None:
    for folder in ("postgres", "postgres/data", "valkey", "run"):
        assert stat.S_IMODE((home / folder).stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "postgres/password").stat().st_mode) == 0o600
    assert all(psutil.Process(pid).uids().real != 0 for pid in find_pids(home).values())
    password = (home / "postgres/password").read_text()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(running.database_url.replace(password, "wrong"))


def test_valkey_writes_each_command_to_disk_and_evicts_nothing(running: Services) -> None:
    with redis.Redis.from_url(running.redis_url) as client:
        settings = client.config_get("appendonly", "appendfsync", "maxmemory-policy", "port")
    assert settings == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "port": "0",
    }


def test_second_user_joins_and_the_last_to_leave_stops_the_servers(home: Path) -> None:
    first = Services.launch(home)
    pids = find_pids(home)
    second = Services.launch(home)
    assert find_pids(home) == pids
    first.stop()
    assert push(second) > 0
    assert second.ensure() == []
    second.stop()
    assert not any(is_running(pid) for pid in pids.values())


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_killed_server_is_started_again_with_its_data(
    running: Services, home: Path, name: str
) -> None:
    rows, pushed = add_row(running), push(running)
    kill(find_pids(home)[name])
    assert running.ensure() == [name]
    assert (count_rows(running), push(running)) == (rows, pushed + 1)
    assert running.ensure() == []


def test_log_of_a_server_that_runs_for_months_does_not_grow_for_ever(
    running: Services, home: Path
) -> None:
    logs = [home / "logs" / f"{name}.log" for name in ("postgres", "valkey")]
    for log in logs:
        with log.open("ab") as file:
            file.write(b"x" * LARGEST_BYTES)
    assert running.ensure() == []
    assert all(log.stat().st_size < 10_000 for log in logs)


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_server_whose_socket_was_deleted_is_replaced(
    running: Services, home: Path, name: str
) -> None:
    old = find_pids(home)[name]
    (home / "run" / {"postgres": ".s.PGSQL.5432", "valkey": "valkey.sock"}[name]).unlink()
    assert running.ensure() == [name]
    assert find_pids(home)[name] != old
    assert push(running) > 0


def test_stale_pid_files_that_name_a_living_stranger_do_not_keep_the_servers_down(
    home: Path, stranger: Callable[[Path], int]
) -> None:
    services = Services.launch(home)
    rows = add_row(services)
    for pid in find_pids(home).values():
        kill(pid)
    pid = stranger(home / "postgres/data")
    for file in ("postgres/data/postmaster.pid", "run/.s.PGSQL.5432.lock", "run/valkey.pid"):
        rest = (home / file).read_text().split("\n", 1)[1]
        (home / file).write_text(f"{pid}\n{rest}")
    with Services.launch(home) as again:
        assert count_rows(again) == rows
    assert is_running(pid)
    services.stop()


@pytest.fixture
def stranger() -> Iterator[Callable[[Path], int]]:
    """Start a process of the user who owns a folder, which works in that folder, too."""
    started: list[subprocess.Popen[bytes]] = []

    def start(folder: Path) -> int:
        owner = folder.stat().st_uid
        started.append(subprocess.Popen(["sleep", "60"], cwd=folder, user=owner))
        return started[-1].pid

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_reboot_that_empties_the_runtime_folder_is_survived(home: Path) -> None:
    services = Services.launch(home)
    rows, pushed = add_row(services), push(services)
    for pid in find_pids(home).values():
        kill(pid)
    shutil.rmtree(home / "run")
    with Services.launch(home) as again:
        assert (count_rows(again), push(again)) == (rows, pushed + 1)
    services.stop()


def test_servers_of_a_killed_process_are_found_and_stopped_by_the_next(home: Path) -> None:
    holder = hold_services(home)
    url = read_urls(holder)[0]
    started = ask(url, "select pg_postmaster_start_time()")
    holder.kill()
    holder.communicate()
    with Services.launch(home) as services:
        assert ask(services.database_url, "select pg_postmaster_start_time()") == started
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
