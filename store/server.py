"""What a database server says of itself. Knows none of our tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from store.statements import execute


@dataclass(frozen=True)
class ServerFacts:
    """What `newsmill doctor` wants to know of a Postgres."""

    major: int
    version: str
    now: datetime
    """By the server's clock, aware."""
    is_read_only: bool
    """A standby, or a role that may not write."""
    may_create: bool
    """Whether tables can be made where ours would lie."""


def read_server_facts(session: Session) -> ServerFacts:
    """Ask the server for its version, clock and our rights."""
    row = execute(
        session,
        """
        SELECT current_setting('server_version_num')::int / 10000 AS major,
               split_part(current_setting('server_version'), ' ', 1) AS version,
               clock_timestamp() AS now,
               current_setting('transaction_read_only')::bool AS is_read_only,
               coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create
        """,
    ).one()
    return ServerFacts(row.major, row.version, row.now, row.is_read_only, row.may_create)
