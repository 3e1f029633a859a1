"""Builds that this database knows, and which of them is live. Their files are not looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from schemas.errors import ConfigError
from schemas.tables import Build
from store.clean import clean_json


def register(session: Session, name: str, sha256: str, manifest: Mapping[str, Any]) -> None:
    """Make a build known, or bring what is known of it up to date; `manifest` is build.json."""
    given = {"sha256": sha256, "manifest": clean_json(manifest)}
    session.execute(
        insert(Build)
        .values(name=name, **given)
        .on_conflict_do_update(index_elements=["name"], set_=given)
    )


def set_live(session: Session, name: str) -> None:
    """Point the inference workers at a build; ConfigError when it is not registered."""
    # Locked in one order, so that two promotions at once take turns.
    names = session.scalars(select(Build.name).order_by(Build.name).with_for_update()).all()
    if name not in names:
        known = ", ".join(names) or "none"
        raise ConfigError(f"no build {name!r} in this database; there are: {known}", build=name)
    # In two steps: the unique index on `live` is checked row by row.
    session.execute(update(Build).where(Build.live, Build.name != name).values(live=False))
    session.execute(update(Build).where(Build.name == name).values(live=True))


def find_live(session: Session) -> str | None:
    """Name the live build, or None when none was made live."""
    return session.scalars(select(Build.name).where(Build.live)).one_or_none()
