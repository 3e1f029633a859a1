"""Running a statement written as SQL text. Knows nothing of what it says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session


def execute(
    session: Session, statement: str, **parameters: object
) -> CursorResult[*tuple[Any, ...]]:
    """Run one statement in the session's transaction.

    Many rows travel as one list per column and are unfolded by `unnest`: one round trip,
    however many rows.
    """
    return session.connection().execute(text(statement), parameters)


def copy_rows(session: Session, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    """Send rows through one `COPY … FROM STDIN`, in the session's transaction."""
    connection: Any = session.connection().connection.driver_connection
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
