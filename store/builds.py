"""Builds that this database knows, which of them is live, and how it came about.

Deployments lie on top of each other: the live build is that of the topmost one, and taking it
back uncovers the one below. Without any, the workers hold the build that their settings name.
Files are not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Interval, func, select, type_coerce, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from schemas.errors import ConfigError
from schemas.tables import Build, Deployment
from store.clean import clean_json, clean_text
from store.statements import execute

MOST_OPENINGS = 3
"""How often opening a build may end a worker before it is left alone."""


@dataclass(frozen=True)
class Live:
    """A build that was made live, and what became of it."""

    deployment_id: int
    name: str
    sha256: str
    deployed_at: datetime
    reason: str | None
    """Why it was made live."""
    is_proven: bool
    """Whether a worker has read an article with it."""
    refused_by: str | None
    """The machine whose worker could not take it on, and goes on with another build."""
    refused_for: timedelta | None
    """How long ago that was."""
    refusal: str | None
    openings: Mapping[str, int] = field(default_factory=dict)
    """By machine: openings of this build that have not ended."""

    def count_openings(self, machine: str) -> int:
        """Count the openings that may have ended a worker: of what is not proven, on any machine.

        Where others read with it, that it is too large for one machine says nothing of the next.
        """
        return self.openings.get(machine, 0) if self.is_proven else sum(self.openings.values())


def register(session: Session, name: str, sha256: str, manifest: Mapping[str, Any]) -> None:
    """Make a build known, or bring what is known of it up to date; `manifest` is build.json.

    A build that ended its workers may be tried again.
    """
    given = {"sha256": sha256, "manifest": clean_json(manifest), "openings": {}}
    session.execute(
        insert(Build)
        .values(name=name, **given)
        .on_conflict_do_update(index_elements=["name"], set_=given)
    )


def set_live(session: Session, name: str, reason: str | None = None) -> None:
    """Point the inference workers at a build; ConfigError when it is not registered.

    Making the live one live again lets workers that refused it try once more.
    """
    names = _lock(session)
    if name not in names:
        known = ", ".join(names) or "none"
        raise ConfigError(f"no build {name!r} in this database; there are: {known}", build=name)
    session.add(Deployment(build=name, reason=None if reason is None else clean_text(reason)))
    session.execute(update(Build).where(Build.name == name).values(openings={}))
    _mark(session, name)


def take_back(session: Session) -> tuple[str, str | None]:
    """Take the live build back; give its name and that of the one below, if there is one.

    What was made live again and again counts once. ConfigError when none was made live.
    """
    _lock(session)
    live = find_live(session)
    if live is None:
        raise ConfigError("no build was made live here, so there is nothing to take back")
    below: Live | None = live
    while below is not None and below.name == live.name:
        session.execute(
            update(Deployment)
            .where(Deployment.id == below.deployment_id)
            .values(taken_back_at=func.now())
        )
        below = find_live(session)
    name = None if below is None else below.name
    _mark(session, name)
    return live.name, name


def find_live(session: Session) -> Live | None:
    """Find the live build, or None when none was made live."""
    return next(iter(list_standing(session, limit=1)), None)


def list_standing(session: Session, limit: int) -> list[Live]:
    """List deployments that were not taken back, the live one first."""
    rows = session.execute(
        select(
            Deployment,
            Build.sha256,
            Build.openings,
            type_coerce(func.now() - Deployment.refused_at, Interval),
        )
        .join(Build, Build.name == Deployment.build)
        .where(Deployment.taken_back_at.is_(None))
        .order_by(Deployment.id.desc())
        .limit(limit)
    )
    return [
        Live(
            deployment_id=each.id,
            name=each.build,
            sha256=sha256,
            deployed_at=each.deployed_at,
            reason=each.reason,
            is_proven=each.taken_on_at is not None,
            refused_by=each.refused_by,
            refused_for=refused_for,
            refusal=each.refusal,
            openings=openings,
        )
        for each, sha256, openings, refused_for in rows
    ]


_BEGIN_OPENING = """
UPDATE build
SET openings = openings || jsonb_build_object(
    CAST(:machine AS text), coalesce(CAST(openings ->> :machine AS integer), 0) + 1
)
WHERE name = :name
"""

_END_OPENING = "UPDATE build SET openings = openings - CAST(:machine AS text) WHERE name = :name"


def begin_opening(session: Session, name: str, machine: str) -> None:
    """Count that a machine begins to open a build. To be committed before: it may be the end."""
    execute(session, _BEGIN_OPENING, name=name, machine=machine)


def end_opening(session: Session, name: str, machine: str) -> None:
    """Note that opening a build, and its trial, has ended on a machine, and not the process."""
    execute(session, _END_OPENING, name=name, machine=machine)


def describe_deadly(name: str) -> str:
    """Say of a build that it is left alone, whatever the reason was."""
    return f"opening build {name} has ended its worker {MOST_OPENINGS} times; it is left alone"


def count_openings(session: Session, name: str, machine: str | None = None) -> int:
    """Count a build's openings on one machine that have not ended; without one, where most are."""
    found = session.scalar(select(Build.openings).where(Build.name == name)) or {}
    return found.get(machine, 0) if machine else max(found.values(), default=0)


def note_refusal(session: Session, deployment_id: int, worker: str, reason: str) -> None:
    """Keep why a machine's worker could not take a deployment on."""
    given = {"refused_by": worker, "refused_at": func.now(), "refusal": clean_text(reason)}
    session.execute(update(Deployment).where(Deployment.id == deployment_id).values(given))


def note_success(session: Session, deployment_id: int, worker: str) -> None:
    """Keep that a machine's worker has read with a deployment; its refusal is past."""
    one = Deployment.id == deployment_id
    session.execute(
        update(Deployment)
        .where(one)
        .values(taken_on_at=func.coalesce(Deployment.taken_on_at, func.now()))
    )
    forget_refusal(session, deployment_id, worker)


def forget_refusal(session: Session, deployment_id: int, worker: str) -> None:
    """Forget a machine's own refusal; that of another stays."""
    session.execute(
        update(Deployment)
        .where(Deployment.id == deployment_id, Deployment.refused_by == worker)
        .values(refused_by=None, refused_at=None, refusal=None)
    )


def _lock(session: Session) -> list[str]:
    """Lock all builds in one order, so that two promotions at once take turns."""
    query = select(Build.name).order_by(Build.name).with_for_update()
    return list(session.scalars(query).all())


def _mark(session: Session, name: str | None) -> None:
    # In two steps: the unique index on `live` is checked row by row.
    session.execute(update(Build).where(Build.live).values(live=False))
    session.execute(update(Build).where(Build.name == name).values(live=True))
    session.flush()
