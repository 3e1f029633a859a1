"""The way to Postgres: one engine per process, one transaction per `begin`.

Knows how to connect and which errors pass by themselves. Knows no table.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.errors import IdleInTransactionSessionTimeout, ReadOnlySqlTransaction
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    TimeoutError as PoolTimeoutError,
)
from sqlalchemy.orm import Session, sessionmaker

from schemas.errors import ConfigError, TransientError

_PASSING = (
    # A standby before it takes over, or a disk so full that the host allows no writing.
    ReadOnlySqlTransaction,
    # The transaction was silent for too long, such as on a machine that was asleep.
    IdleInTransactionSessionTimeout,
)

_AWAY = frozenset(
    {
        "25006",  # It allows no writing, see above.
        "53100",  # The disk is full.
        "57P01",  # It was told to stop,
        "57P02",  # or a neighbour has crashed,
        "57P03",  # or it does not take anybody yet.
    }
)
"""SQLSTATEs that say nothing of the statement that met them, besides the class of connections."""

_CONNECTION_CLASS = "08"

_DRIVER = "postgresql+psycopg"

_CONNECT_ARGS: dict[str, object] = {
    # Never prepare on the server: a statement here carries hundreds of rows, so planning it
    # once more costs nothing, and a pooler in transaction mode (Supabase, pgbouncer) hands
    # the next transaction to another backend, which has not seen the statement.
    "prepare_threshold": None,
    "connect_timeout": 10,
    # A peer that vanished without a word is found in about a minute, not in two hours.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    # The same for what was sent and never acknowledged, which no keepalive looks for. In ms.
    "tcp_user_timeout": 60_000,
}


class DatabaseAwayError(TransientError):
    """The server cannot be used now, whatever is asked of it: no fault of what was to be stored."""


def read_url(text: str) -> URL:
    """Parse a Postgres URL in any of its usual spellings; `?sslmode=require` is passed on.

    Raises ConfigError, which never repeats the URL: it may hold a password.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        raise ConfigError(
            "DATABASE_URL is not a URL; write postgresql://user:password@host:5432/name"
        ) from None
    if url.drivername.split("+")[0] not in {"postgres", "postgresql"}:
        raise ConfigError(f"DATABASE_URL starts with {url.drivername}://; only Postgres is known")
    return url.set(drivername=_DRIVER)


class Database:
    """An engine with a small pool. Make one per process; after a fork, `forget` the parent's."""

    def __init__(self, url: str, *, name: str = "newsmill", pool_size: int = 2) -> None:
        """`name` is what `pg_stat_activity` shows; `pool_size` connections are kept open."""
        self.engine: Engine = create_engine(
            read_url(url),
            connect_args={**_CONNECT_ARGS, "application_name": name},
            pool_size=pool_size,
            max_overflow=2,
            pool_timeout=30,
            pool_pre_ping=True,
            # An error's text must not carry article bodies into logs and dead letters.
            hide_parameters=True,
        )
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Open one transaction: committed at the end, rolled back on any exception.

        Raises DatabaseAwayError when the server is away, stops, is full or refuses writing, and
        another TransientError when it breaks a deadlock or is lost in the middle of a statement.
        """
        try:
            with self._sessions.begin() as session:
                yield session
        except (DBAPIError, PoolTimeoutError) as error:
            if not _will_pass(error):
                raise
            kind = DatabaseAwayError if _is_away(error) else TransientError
            raise kind(f"the database cannot be used: {_describe(error)}") from error

    def forget(self) -> None:
        """Drop the parent's connections in a forked child, without closing them there."""
        self.engine.dispose(close=False)

    def close(self) -> None:
        """Close every idle connection."""
        self.engine.dispose()


def _will_pass(error: DBAPIError | PoolTimeoutError) -> bool:
    """Tell what is wrong with the server or the connection from what is wrong with a statement."""
    if isinstance(error, DBAPIError) and isinstance(error.orig, _PASSING):
        return True
    return isinstance(error, OperationalError | InterfaceError | PoolTimeoutError)


def _is_away(error: DBAPIError | PoolTimeoutError) -> bool:
    """Tell a server that nobody can use from what a statement may have brought about itself."""
    if not isinstance(error, DBAPIError):
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        # Without an answer: whoever was about to connect has asked for nothing yet, but a statement
        # may have been too much for the server.
        return error.statement is None
    return state in _AWAY or state.startswith(_CONNECTION_CLASS)


def _describe(error: DBAPIError | PoolTimeoutError) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    # libpq puts the reason first, unless it tried several addresses of a host.
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return " ".join(lines[:2])
