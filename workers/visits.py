"""Visits to hosts: a worker takes a host before it asks it for something, and gives it back after.

So no host has two requests at a time from this mill, nor one right after the other.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
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


def take_hosts(mill: Mill, session: Session, names: Collection[str]) -> dict[str, timedelta]:
    """Take hosts for the longest that a fetch may take.

    Returns those that are not ours, each with the time after which to ask again.
    """
    hold = timedelta(seconds=mill.settings.ingest.deadline_s) + HOLD_MARGIN
    return hosts.claim(session, names, hold=hold)


def await_hosts(mill: Mill, waits: Mapping[str, timedelta]) -> dict[str, timedelta]:
    """Wait for hosts that are only left in peace for a moment, and take those too."""
    pause = mill.settings.ingest.host_delay
    resting = [name for name, wait in waits.items() if wait <= pause]
    if not resting:
        return {name: max(wait, RETRY_HOST) for name, wait in waits.items()}
    time.sleep(max(waits[name] for name in resting).total_seconds())
    with mill.database.begin() as session:
        still = take_hosts(mill, session, resting)
    busy = {name: wait for name, wait in waits.items() if name not in resting}
    return {name: max(wait, RETRY_HOST) for name, wait in (busy | still).items()}


def free_hosts(mill: Mill, session: Session, names: Collection[str]) -> None:
    """Give hosts back, to be left in peace for a moment."""
    hosts.free(session, names, pause=mill.settings.ingest.host_delay)


def let_go(mill: Mill, names: Collection[str]) -> None:
    """Give hosts back in a transaction of their own."""
    if names:
        with mill.database.begin() as session:
            free_hosts(mill, session, names)
