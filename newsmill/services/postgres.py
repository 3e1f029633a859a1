"""A private Postgres: made by `initdb`, reached over a unix socket with a password.

It never listens on the network. What is kept in it is none of its business.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, urlencode

import psycopg
from psycopg import pq

from newsmill.services.account import Account
from newsmill.services.binaries import find_postgres
from newsmill.services.home import (
    Home,
    describe_full_disk,
    is_of_full_disk,
    make_private_folder,
)
from newsmill.services.processes import ServerProcess, read_pid
from newsmill.services.server import EmbeddedServer, Reach
from schemas.errors import ConfigError, TransientError

ROLE = "newsmill"
DATABASE = "newsmill"
PORT = "5432"
"""Names the socket file only; no port is opened, so one that is taken does not matter."""

INITDB_TIMEOUT_S = 300

FIRST_WITH_BUILTIN_LOCALE = 17


class EmbeddedPostgres(EmbeddedServer):
    """The Postgres of one home."""

    name: ClassVar[str] = "postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT
    """Fast shutdown: roll back what runs, write a checkpoint, go."""

    def __init__(self, home: Home, account: Account) -> None:
        self._account = account
        self.home = home
        self._data = home.postgres / "data"
        self._runtime = home.runtime(account)
        self.socket_path = self._runtime / f".s.PGSQL.{PORT}"
        self.process = ServerProcess(
            account,
            lock=home.path / "postgres.lock",
            pid_file=self._data / "postmaster.pid",
            log=home.logs / "postgres.log",
        )

    @property
    def url(self) -> str:
        """Return the address with its password, for libpq and SQLAlchemy alike."""
        return self._address(DATABASE)

    def prepare(self) -> None:
        """Make the cluster if there is none; a half-made one of an earlier try is thrown away."""
        self._programs = find_postgres(self._account, self.home, self._read_major())
        for leftover in self.home.path.glob("postgres.new-*"):
            shutil.rmtree(leftover)
        if not self.home.postgres.exists():
            self._make_cluster()
        make_private_folder(self.home.postgres, self._account)
        make_private_folder(self._runtime, self._account)

    def launch(self) -> None:
        self.socket_path.with_name(f"{self.socket_path.name}.lock").unlink(missing_ok=True)
        # Our lock says that no server of ours lives, so a pid file names somebody else. Postgres
        # would believe it if that process has our user. It does not believe a process that it
        # is told is its grandparent (CreateLockFile in miscinit.c), and still checks by the
        # shared memory that nobody has the data open.
        stale_pid = read_pid(self._data / "postmaster.pid") or 0
        self.process.spawn(
            [self._programs.path("postgres"), "-D", str(self._data), *self._options()],
            PG_GRANDPARENT_PID=str(stale_pid),
        )

    def greet(self) -> Reach:
        address = f"host={self._runtime} port={PORT} connect_timeout=5"
        answer = pq.PGconn.ping(address.encode())
        return Reach.UP if answer == pq.Ping.OK else Reach.BUSY

    def ensure_up(self) -> bool:
        was_started = super().ensure_up()
        self._ensure_database()
        return was_started

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "port": PORT,
            "unix_socket_directories": str(self._runtime),
            "unix_socket_permissions": "0700",
            "logging_collector": "off",
            "log_checkpoints": "off",
            "log_timezone": "UTC",
            "timezone": "UTC",
        }
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _make_cluster(self) -> None:
        """Run `initdb` in a folder beside the final one, which then appears complete."""
        staging = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self.home.path))
        try:
            password = staging / "password"
            password.write_text(secrets.token_urlsafe(24))
            password.chmod(0o600)
            for path in (password, staging):
                self._account.own(path)
            made = self._account.run(self._initdb(staging, password), INITDB_TIMEOUT_S)
            if made.returncode != 0 and is_of_full_disk(made.stderr):
                raise TransientError(f"initdb has failed: {describe_full_disk(self.home.path)}")
            if made.returncode != 0:
                last_words = " / ".join(made.stderr.split("\n")[-4:]).strip(" /")
                raise ConfigError(f"initdb cannot make a Postgres in {staging}: {last_words}")
            staging.rename(self.home.postgres)
            _sync_folder(self.home.path)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _initdb(self, staging: Path, password: Path) -> list[str]:
        has_builtin = self._programs.version[0] >= FIRST_WITH_BUILTIN_LOCALE
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if has_builtin else []
        return [
            self._programs.path("initdb"),
            f"--pgdata={staging / 'data'}",
            f"--username={ROLE}",
            "--auth=scram-sha-256",
            f"--pwfile={password}",
            "--encoding=UTF8",
            "--data-checksums",
            "--locale=C" if has_builtin else "--locale=C.UTF-8",
            *locale,
        ]

    def _ensure_database(self) -> None:
        try:
            with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
                query = "select 1 from pg_database where datname = %s"
                if connection.execute(query, [DATABASE]).fetchone() is None:
                    connection.execute(f"create database {DATABASE}")
        except psycopg.OperationalError as error:
            if "authentication failed" not in str(error):
                raise TransientError(f"postgres did not answer: {error}") from error
            raise ConfigError(
                f"the Postgres in {self.home.postgres} refuses the password that it was made "
                f"with, in {self.home.postgres / 'password'}: set that one for role {ROLE} again"
            ) from error

    def _address(self, database: str) -> str:
        try:
            password = (self.home.postgres / "password").read_text().strip()
        except FileNotFoundError:
            raise ConfigError(
                f"{self.home.postgres} has lost its password file: put it back, or move the "
                "folder away to begin anew"
            ) from None
        query = urlencode({"host": str(self._runtime), "port": PORT})
        return f"postgresql://{ROLE}:{quote(password, safe='')}@/{database}?{query}"

    def _read_major(self) -> int | None:
        try:
            return int((self._data / "PG_VERSION").read_text())
        except FileNotFoundError:
            return None


def _sync_folder(folder: Path) -> None:
    """Make a rename in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
