"""The pace of a stage: what waits for it, and the one row that its workers share.

Knows how both are stored; what a pace means and how it changes is not its business.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from schemas.effort import Load, Pace
from store.clean import clean_text, to_json
from store.statements import execute
from store.work import URGENT

# Read along `ix_work_next`: stage and least priority are its first columns.
_LOAD = """
SELECT now(), count(*), coalesce(now() - min(enqueued_at), interval '0')
FROM work
WHERE stage = :stage AND state = 'waiting' AND priority >= :urgent AND due_at <= now()
"""


def read_load(session: Session, stage: str) -> Load:
    """Count what waits for a stage and is due, back-fill left out."""
    at, waiting, oldest = execute(session, _LOAD, stage=stage, urgent=URGENT).one()
    return Load(at=at, waiting=waiting, oldest=max(oldest, timedelta(0)))


_FIND = "SELECT effort, reason, since, measured FROM pace WHERE stage = :stage"


def find(session: Session, stage: str, *, lock: bool = False) -> Pace | None:
    """Read a stage's pace; None when nobody has looked at its load yet.

    With `lock` other workers wait until the transaction ends, so that two do not decide at once.
    """
    row = execute(session, _FIND + (" FOR UPDATE" if lock else ""), stage=stage).one_or_none()
    if row is None:
        return None
    effort, reason, since, measured = row
    return Pace(effort=effort, reason=reason, since=since, **measured)


_SAVE = """
INSERT INTO pace (stage, effort, reason, since, measured, looked_at)
VALUES (:stage, :effort, :reason, :since, CAST(:measured AS jsonb), now())
ON CONFLICT (stage) DO UPDATE
SET effort = excluded.effort, reason = excluded.reason, since = excluded.since,
    measured = excluded.measured, looked_at = now()
"""


def save(session: Session, stage: str, pace: Pace) -> None:
    """Store a stage's pace."""
    measured = pace.model_dump(mode="json", exclude={"effort", "reason", "since"})
    execute(
        session,
        _SAVE,
        stage=stage,
        effort=pace.effort,
        reason=clean_text(pace.reason),
        since=pace.since,
        measured=to_json(measured),
    )
