"""What a command needs to look at the rows or change them: servers, database, settings that fit.

    with open_workplace(load_settings()) as place:
        with place.database.begin() as session: …

Joins the servers of a running `newsmill up`, or starts them for as long as the command takes.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pydantic import SecretStr

from newsmill.services.home import make_home
from newsmill.services.launcher import Services
from schemas.errors import ConfigError
from schemas.settings import Settings
from store import migrations
from store.database import Database

UP_LOCK = "up.lock"


@dataclass(frozen=True)
class Workplace:
    """Running servers and a database of this version's shape."""

    settings: Settings
    """With the servers' addresses, whoever started them."""
    services: Services
    database: Database


@contextmanager
def open_workplace(settings: Settings, *, upgrade: bool = False) -> Iterator[Workplace]:
    """Open the servers and the database; close all at the end.

    An empty database is given its tables. One of an earlier version is brought to this version's
    shape with `upgrade`, and refused without it (ConfigError).
    """
    settings = settings.model_copy(update={"home": make_home(settings.home).path})
    with Services.start(settings) as services:
        fit = migrations.upgrade if upgrade else migrations.make_or_check
        fit(services.database_url)
        database = Database(services.database_url, name="newsmill-command")
        try:
            yield Workplace(with_addresses(settings, services), services, database)
        finally:
            database.close()


def with_addresses(settings: Settings, services: Services) -> Settings:
    """Return the settings with the addresses of the servers that run."""
    addresses = {
        "database_url": SecretStr(services.database_url),
        "redis_url": SecretStr(services.redis_url),
    }
    return settings.model_copy(update=addresses)


@contextmanager
def hold_up_lock(home: Path) -> Iterator[None]:
    """Be the only running mill (`up` or `demo`) of this home; ConfigError when there is another."""
    home = make_home(home).path
    with (home / UP_LOCK).open("wb") as file:
        if not _lock(file, fcntl.LOCK_EX):
            raise ConfigError(
                f"a mill runs already with {home}: stop it there, or set NEWSMILL_HOME to "
                "another folder"
            )
        yield


def is_up(home: Path) -> bool:
    """Whether a `newsmill up` runs in this home. The kernel knows: a dead one holds no lock."""
    try:
        with (home.expanduser() / UP_LOCK).open("rb") as file:
            return not _lock(file, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def _lock(file: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
