"""Hosts in use: one request at a time to each, with a pause after it, over all workers.

A claim is a row with a time; a worker that dies with one holds it up until that time and no
longer. Knows nothing of what is fetched.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from store.statements import execute

IDLE_AFTER = timedelta(hours=1)

_CLAIM = """
INSERT INTO host (name, free_at) VALUES (:name, now() + :hold)
ON CONFLICT (name) DO UPDATE SET free_at = excluded.free_at WHERE host.free_at <= now()
RETURNING name
"""

_LOOK = "SELECT greatest(free_at - now(), interval '0') FROM host WHERE name = :name"

_FREE = "UPDATE host SET free_at = now() + :pause WHERE name = :name"

_FORGET = "DELETE FROM host WHERE free_at < now() - :idle"


def claim(session: Session, name: str, *, hold: timedelta) -> timedelta | None:
    """Take a host until `free`, or for `hold` at most; None when it is ours.

    Else the time after which it may be free.
    """
    if execute(session, _CLAIM, name=name, hold=hold).scalar_one_or_none() is not None:
        return None
    wait: timedelta | None = execute(session, _LOOK, name=name).scalar_one_or_none()
    return wait or timedelta(0)


def free(session: Session, name: str, *, pause: timedelta) -> None:
    """Give a host back, to be left in peace for `pause`."""
    execute(session, _FREE, name=name, pause=pause)


def forget_idle(session: Session) -> int:
    """Delete the hosts that nobody has asked for an hour; returns how many."""
    return execute(session, _FORGET, idle=IDLE_AFTER).rowcount
