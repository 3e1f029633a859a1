"""Bringing a database to the shape that this code expects, through Alembic.

The steps themselves are in `migrations/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from schemas.errors import ConfigError
from store.database import Database
from store.statements import execute
from store.views import drop_views

LOCK = 7_231_002
"""Any number that is nobody else's advisory lock in this database."""

_ROOT = Path(__file__).resolve().parent.parent


def upgrade(database_url: str) -> None:
    """Run the missing steps in one transaction; harmless when there are none.

    Where there are some, the lenses' typed views go, and their owner makes them again: a table
    cannot change below a view. Raises ConfigError when a later version made the database.
    """
    with _connect(database_url) as session:
        if _read_revision(session) == head():
            return
        # Processes that start together take turns; the second finds nothing left to do.
        execute(session, "SELECT pg_advisory_xact_lock(:lock)", lock=LOCK)
        present = _read_revision(session)
        if present != head():
            _check_known(present)
            drop_views(session)
            command.upgrade(_config(session.connection()), "head")


def make_or_check(database_url: str) -> None:
    """Make the tables in a database that has none; leave any other one as it is.

    Raises ConfigError when it is not of this version's shape: workers of the version that made it
    may be at work, whose tables and views must not change under them.
    """
    present = current(database_url)
    if present is None:
        upgrade(database_url)
    elif present != head():
        _check_known(present)
        raise ConfigError(
            f"the database is at migration {present}, this version expects {head()}: stop the "
            "mill that uses it, then run newsmill prepare, or newsmill up"
        )


def downgrade(database_url: str, revision: str) -> None:
    """Go back to a revision; `base` removes every table and all that is in it."""
    with _connect(database_url) as session:
        drop_views(session)
        command.downgrade(_config(session.connection()), revision)


def current(database_url: str) -> str | None:
    """Say at which revision the database is; None before the first."""
    with _connect(database_url) as session:
        return _read_revision(session)


def head() -> str:
    """Say which revision this code expects."""
    revision = _scripts().get_current_head()
    if revision is None:
        raise ConfigError(f"{_ROOT / 'migrations'} holds no migration; is the checkout whole?")
    return revision


@contextmanager
def _connect(database_url: str) -> Iterator[Session]:
    database = Database(database_url, name="newsmill-migrations")
    try:
        with database.begin() as session:
            yield session
    finally:
        database.close()


def _read_revision(session: Session) -> str | None:
    return MigrationContext.configure(session.connection()).get_current_revision()


def _check_known(revision: str | None) -> None:
    known = {script.revision for script in _scripts().walk_revisions()}
    if revision is not None and revision not in known:
        raise ConfigError(
            f"the database is at migration {revision}, which this version does not know: a later "
            "one made it; install that version, or name another database in DATABASE_URL"
        )


def _config(connection: Connection | None = None) -> Config:
    config = Config(_ROOT / "alembic.ini")
    config.attributes["connection"] = connection
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
