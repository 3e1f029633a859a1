"""Builds that are made, and made live, for the tests of what a worker does then."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text

from store import builds
from store.builds import Live
from store.database import Database
from workers.mill import Mill

ARTICLES = 16

Make = Callable[..., Path]


def use(database: Database, folder: Path) -> None:
    manifest = json.loads((folder / "build.json").read_text())
    with database.begin() as session:
        builds.register(session, manifest["name"], manifest["sha256"], manifest)
        builds.set_live(session, manifest["name"])


def use_after(database: Database, folder: Path, articles: int, mill: Mill) -> None:
    """Make a build live in the middle of a stretch, when so many articles are being read."""
    whole = mill.live.is_due
    seen = 0

    def is_due() -> bool:
        nonlocal seen
        seen += 1
        if seen == articles:
            use(database, folder)
        return whole()

    setattr(mill.live, "is_due", is_due)  # noqa: B010  # A method is replaced, on purpose.


def find_live(database: Database) -> Live:
    with database.begin() as session:
        found = builds.find_live(session)
    assert found is not None
    return found


def used_builds(database: Database) -> dict[str, int]:
    with database.begin() as session:
        rows = session.execute(text("SELECT build, count(*) FROM completion GROUP BY build"))
        return {str(row[0]): int(row[1]) for row in rows}
