"""Dead letters: work that was given up, with its reason, until a person decides.

Each function narrows by stage, subject and lens; what is None is not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from schemas.tables import Work


@dataclass(frozen=True)
class DeadLetter:
    """One row of work that failed for good."""

    stage: str
    subject_id: int
    lens: str
    attempts: int
    error: str
    traceback: str | None
    enqueued_at: datetime
    failed_at: datetime


def list_dead(
    session: Session,
    *,
    stage: str | None = None,
    subject_id: int | None = None,
    lens: str | None = None,
    limit: int = 100,
) -> list[DeadLetter]:
    """Read the dead letters, the one that died last first."""
    rows = session.execute(
        select(
            Work.stage,
            Work.subject_id,
            Work.lens,
            Work.attempts,
            func.coalesce(Work.error, "unknown"),
            Work.traceback,
            Work.enqueued_at,
            func.coalesce(Work.failed_at, Work.enqueued_at),
        )
        .where(*_are_dead(stage, subject_id, lens))
        .order_by(Work.failed_at.desc())
        .limit(limit)
    )
    return [DeadLetter(*row) for row in rows]


def resend(
    session: Session,
    *,
    stage: str | None = None,
    subject_id: int | None = None,
    lens: str | None = None,
) -> int:
    """Let dead letters start anew, each alone; the next sweep sends them. Returns how many."""
    # Nobody waited for the dead: their age must not make the rest be read in haste.
    now = {"due_at": func.now(), "enqueued_at": func.now()}
    statement = (
        update(Work)
        .where(*_are_dead(stage, subject_id, lens))
        .values(state="waiting", attempts=0, alone=True, sent_at=None, **now)
        .returning(Work.subject_id)
    )
    return len(session.execute(statement).all())


def discard(
    session: Session,
    *,
    stage: str | None = None,
    subject_id: int | None = None,
    lens: str | None = None,
) -> int:
    """Delete dead letters for good; what they were about stays. Returns how many."""
    statement = delete(Work).where(*_are_dead(stage, subject_id, lens)).returning(Work.subject_id)
    return len(session.execute(statement).all())


def _are_dead(
    stage: str | None, subject_id: int | None, lens: str | None
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Work.state == "dead"]
    if stage is not None:
        conditions.append(Work.stage == stage)
    if subject_id is not None:
        conditions.append(Work.subject_id == subject_id)
    if lens is not None:
        conditions.append(Work.lens == lens)
    return conditions
