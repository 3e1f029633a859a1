"""Databases with a clock of their own, in which a day can be lived through again.

Every statement of this package, and every default of a column, takes the time from `now()`. In
such a database that name is found first in the schema `public`, where it gives the moment that was
set last; the tables are made after it, so that their defaults mean it too. No other statement has
to know. See docs/decisions/0016-replay-clock.md.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

from store.database import read_url
from store.statements import execute

MAINTENANCE = "postgres"
"""The database from which others are made and dropped; each server has it."""

_CLOCK = """
CREATE TABLE public.replay_clock (moment timestamptz NOT NULL);
INSERT INTO public.replay_clock VALUES ('1971-01-01Z');
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql STABLE
    AS 'SELECT moment FROM public.replay_clock';
"""

_SETTINGS = """
ALTER DATABASE {name} SET search_path = public, pg_catalog;
ALTER DATABASE {name} SET synchronous_commit = off;
"""


def make_played_database(database_url: str) -> None:
    """Make a database anew, empty, with a clock of its own. What it held is gone."""
    url = read_url(database_url)
    name = f'"{url.database}"'
    _run(url.set(database=MAINTENANCE), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    _run(url.set(database=MAINTENANCE), f"CREATE DATABASE {name}")
    _run(url, _CLOCK + _SETTINGS.format(name=name))


def set_clock(session: Session, moment: datetime) -> None:
    """Let it be this moment, until another one is set."""
    execute(session, "UPDATE public.replay_clock SET moment = :moment", moment=moment)


def _run(url: URL, statements: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            for statement in filter(str.strip, statements.split(";\n")):
                connection.execute(text(statement))
    finally:
        engine.dispose()
