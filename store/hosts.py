"""Hosts in use: one request at a time to each, with a pause after it, over all workers.

A claim is a row with a time; a worker that dies with one holds it up until that time and no
longer. Knows nothing of what is fetched.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy.orm import Session

from store.statements import execute

IDLE_AFTER = timedelta(hours=1)

_CLAIM = """
INSERT INTO host (name, free_at)
SELECT name, now() + :hold FROM unnest(CAST(:names AS text[])) AS given (name) ORDER BY name
ON CONFLICT (name) DO UPDATE SET free_at = excluded.free_at WHERE host.free_at <= now()
RETURNING name
"""

_LOOK = """
SELECT name, greatest(free_at - now(), interval '0') FROM host
WHERE name = ANY(CAST(:names AS text[]))
"""

_FREE = "UPDATE host SET free_at = now() + :pause WHERE name = ANY(CAST(:names AS text[]))"

_FORGET = "DELETE FROM host WHERE free_at < now() - :idle"


def claim(session: Session, names: Collection[str], *, hold: timedelta) -> dict[str, timedelta]:
    """Take hosts until `free`, or for `hold` at most.

    Returns those that are not ours, each with the time after which it may be free.
    """
    if not names:
        return {}
    # Sorted in the statement, so that two workers take the same hosts in the same order.
    ours = set(execute(session, _CLAIM, names=sorted(set(names)), hold=hold).scalars())
    left = sorted(set(names) - ours)
    if not left:
        return {}
    waits = {row[0]: row[1] for row in execute(session, _LOOK, names=left)}
    return {name: waits.get(name, timedelta(0)) for name in left}


def free(session: Session, names: Collection[str], *, pause: timedelta) -> None:
    """Give hosts back, to be left in peace for `pause`."""
    if names:
        execute(session, _FREE, names=sorted(set(names)), pause=pause)


def forget_idle(session: Session) -> int:
    """Delete the hosts that nobody has asked for an hour; returns how many."""
    return execute(session, _FORGET, idle=IDLE_AFTER).rowcount
