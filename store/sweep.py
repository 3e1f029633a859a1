"""Finding what is stuck: leases that ran out, and work whose message may be lost.

Celery on Redis can lose a message, and a killed worker says nothing. So somebody calls `sweep`
every few seconds and sends what it returns. Two sweeps at once share the rows between them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.orm import Session

from store.statements import execute


@dataclass(frozen=True)
class Sweep:
    """What one sweep found."""

    to_send: dict[str, list[int]] = field(default_factory=dict)
    """Subject ids for which a message is to be sent after the commit; no stage is empty."""
    rescued: int = 0
    """Rows whose lease ran out and that wait again."""
    buried: int = 0
    """Rows whose lease ran out once too often."""


_EXPIRE = """
WITH expired AS (
    SELECT stage, subject_id, lens
    FROM work
    WHERE state = 'claimed' AND lease_until < now()
    ORDER BY lease_until
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
UPDATE work
SET state = CASE WHEN attempts >= :max_attempts THEN 'dead' ELSE 'waiting' END,
    alone = true, claim_id = NULL, lease_until = NULL, due_at = now(), sent_at = NULL,
    failed_at = now(),
    -- What attempts before it came to is not known here; a traceback that one has left stays.
    error = 'attempt ' || attempts || ': its worker died or its lease ran out'
        || CASE WHEN traceback IS NULL THEN '' ELSE '; the traceback is of an earlier one' END
FROM expired
WHERE (work.stage, work.subject_id, work.lens)
    = (expired.stage, expired.subject_id, expired.lens)
RETURNING state
"""

_MARK_SENT = """
WITH unsent AS (
    SELECT stage, subject_id, lens
    FROM work
    WHERE stage = :stage AND state = 'waiting' AND due_at <= now()
        AND (sent_at IS NULL OR sent_at < now() - :resend_after)
    ORDER BY sent_at NULLS FIRST
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
UPDATE work
SET sent_at = now()
FROM unsent
WHERE (work.stage, work.subject_id, work.lens) = (unsent.stage, unsent.subject_id, unsent.lens)
RETURNING work.subject_id, work.enqueued_at
"""

OLDEST_FIRST = ("ingest",)
"""Stages in which what has waited longest is sent first, and not the newest. Sources come round
again: of more than can be polled, the same ones would else go first each time, and some never."""


def sweep(
    session: Session,
    stages: Iterable[str],
    *,
    max_attempts: int,
    resend_after: timedelta,
    limit: int = 1_000,
) -> Sweep:
    """End expired leases, then mark as sent what must be sent: at most `limit` rows a stage.

    `resend_after` is how long a message may reasonably lie in the queue before it counts as
    lost. Sending one too many does no harm: the second finds nothing to claim.
    """
    expired = execute(session, _EXPIRE, limit=limit, max_attempts=max_attempts).scalars().all()
    found = {stage: _mark_sent(session, stage, resend_after, limit) for stage in stages}
    return Sweep(
        to_send={stage: subject_ids for stage, subject_ids in found.items() if subject_ids},
        rescued=expired.count("waiting"),
        buried=expired.count("dead"),
    )


def end_leases(session: Session) -> int:
    """End every lease now, for when no worker can be alive; the next sweep rescues the work."""
    ended = "UPDATE work SET lease_until = now() - interval '1 s' WHERE state = 'claimed'"
    return execute(session, ended).rowcount


def _mark_sent(session: Session, stage: str, resend_after: timedelta, limit: int) -> list[int]:
    rows = execute(session, _MARK_SENT, stage=stage, resend_after=resend_after, limit=limit).all()
    if stage in OLDEST_FIRST:
        return [subject_id for subject_id, _ in sorted(rows, key=lambda row: (row[1], row[0]))]
    return sorted({subject_id for subject_id, _ in rows}, reverse=True)
