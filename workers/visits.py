"""Visits to hosts: a worker takes a host before it asks it for something, and gives it back after.

So no host has two requests at a time from this mill, nor one right after the other.
"""

from __future__ import annotations

import time
from datetime import timedelta
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from store import hosts
from workers.mill import Mill

HOLD_MARGIN = timedelta(seconds=30)
"""A host is held for the longest fetch and this, in case its worker dies."""
RETRY_HOST = timedelta(seconds=2)
"""After which a host in another worker's hands is asked for again, at the earliest."""


def name_host(location: str) -> str | None:
    """Name the host of an address; None for what no web server is asked for."""
    if not location.startswith(("http://", "https://")):
        return None
    return (urlsplit(location).hostname or "").rstrip(".") or None


def take_host(mill: Mill, session: Session, host: str | None) -> timedelta | None:
    """Take a host for the longest that a fetch may take; None when it is ours.

    Else the time after which to ask again.
    """
    if host is None:
        return None
    hold = timedelta(seconds=mill.settings.ingest.deadline_s) + HOLD_MARGIN
    return hosts.claim(session, host, hold=hold)


def await_host(mill: Mill, host: str | None, wait: timedelta | None) -> timedelta | None:
    """Wait for a host that is only left in peace for a moment; None when it is ours now."""
    if wait is None:
        return None
    if wait <= mill.settings.ingest.host_delay:
        time.sleep(wait.total_seconds())
        with mill.database.begin() as session:
            wait = take_host(mill, session, host)
    return None if wait is None else max(wait, RETRY_HOST)


def free_host(mill: Mill, session: Session, host: str | None) -> None:
    """Give a host back, to be left in peace for a moment."""
    if host is not None:
        hosts.free(session, host, pause=mill.settings.ingest.host_delay)


def let_go(mill: Mill, host: str | None) -> None:
    """Give a host back in a transaction of its own."""
    if host is not None:
        with mill.database.begin() as session:
            free_host(mill, session, host)
