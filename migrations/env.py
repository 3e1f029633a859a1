"""Alembic's way in. One transaction for all steps, one migrator at a time, short locks.

The connection comes from `store/migrations.py`; run by hand (`alembic revision
--autogenerate`), the URL comes from the settings.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

from schemas.errors import ConfigError
from schemas.settings import load_settings
from schemas.tables import Base
from store.database import Database
from store.migrations import LOCK

LIMITS = (
    # A table that running workers hold fails the migration instead of stopping them all.
    "SET LOCAL lock_timeout = '4s'",
    # Long rewrites belong into a script of their own, run in portions.
    "SET LOCAL statement_timeout = '60s'",
)


def run(connection: Connection) -> None:
    """Run the asked-for steps on an open connection, inside its transaction."""
    # Held by `store.migrations` already, unless these are run by hand.
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    for limit in LIMITS:
        connection.execute(text(limit))
    context.configure(connection=connection, target_metadata=Base.metadata)
    context.run_migrations()


def run_by_hand() -> None:
    """Run on the database of the settings."""
    url = load_settings().database_url
    if url is None:
        raise ConfigError("set DATABASE_URL to the database that alembic is to work on")
    database = Database(url.get_secret_value(), name="newsmill-alembic")
    with database.engine.begin() as connection:
        run(connection)
    database.close()


given = context.config.attributes.get("connection")
if given is None:
    run_by_hand()
else:
    run(given)
