"""The queue of record: who waits, who is claimed by whom, until when.

A claim is committed before the work begins, and it is fenced: only the holder of its
`claim_id` may finish, fail or release it, so a worker that was thought dead and comes back
changes nothing. What workers left behind is `store/sweep.py`'s; the dead are in
`store/dead.py`. Knows nothing about messages or about what the work is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from store.clean import clean_optional, clean_text
from store.statements import execute

URGENT = 0
"""Work of this priority or more is waited for; what is below is done when nothing else waits."""

Item = int | tuple[int, str]
"""A subject id, or a subject id with a lens."""


@dataclass(frozen=True)
class Claim:
    """One row of work in this worker's hands until the lease ends."""

    stage: str
    subject_id: int
    lens: str
    claim_id: UUID
    attempts: int
    """Counting this one, so 1 on the first."""
    alone: bool
    """It failed before, also if a person has given it its attempts back since."""
    priority: int = 0


_ENQUEUE = """
INSERT INTO work (stage, subject_id, lens, priority, sent_at)
SELECT :stage, subject_id, lens, :priority, now()
FROM unnest(CAST(:subject_ids AS bigint[]), CAST(:lenses AS text[])) AS item (subject_id, lens)
ON CONFLICT (stage, subject_id, lens)
"""

_KEEP = "DO NOTHING"

_START_ANEW = """
DO UPDATE SET state = 'waiting', attempts = 0, claim_id = NULL, lease_until = NULL,
    due_at = now(), sent_at = now(), priority = greatest(work.priority, excluded.priority),
    enqueued_at = now(), failed_at = NULL, error = NULL, traceback = NULL
"""


def enqueue(
    session: Session,
    stage: str,
    items: Iterable[Item],
    *,
    priority: int = 0,
    again: bool = False,
) -> int:
    """Add work and count as sent: the caller sends a message after the commit.

    Work that is there already stays as it is. With `again`, because its subject has changed,
    it starts anew, also when it is claimed (the worker's result then no longer counts) or dead.
    Returns how many rows were added or started anew.
    """
    return _add(session, stage, items, priority, _START_ANEW if again else _KEEP)


def renew(session: Session, stage: str, items: Iterable[Item], *, priority: int = 0) -> int:
    """Add work, or let it start anew where it waits, as back-fill too, or is dead.

    What is claimed stays with its worker, which looks itself whether its subject has changed.
    """
    return _add(session, stage, items, priority, f"{_START_ANEW} WHERE work.state <> 'claimed'")


_WITHDRAW = """
DELETE FROM work
WHERE (stage, subject_id, lens) IN (
    SELECT work.stage, work.subject_id, work.lens
    FROM work JOIN unnest(CAST(:subject_ids AS bigint[]), CAST(:lenses AS text[]))
        AS item (subject_id, lens) USING (subject_id, lens)
    WHERE work.stage = :stage AND work.state = 'waiting'
    FOR UPDATE OF work SKIP LOCKED
)
"""


def withdraw(session: Session, stage: str, items: Collection[tuple[int, str]]) -> int:
    """Delete work that waits and is not wanted any more; returns how much there was.

    What is claimed, or about to be, stays with its worker, and a dead letter stays.
    """
    if not items:
        return 0
    return execute(
        session,
        _WITHDRAW,
        stage=stage,
        subject_ids=[subject_id for subject_id, _ in items],
        lenses=[lens for _, lens in items],
    ).rowcount


def _add(session: Session, stage: str, items: Iterable[Item], priority: int, known: str) -> int:
    keys = sorted({(item, "") if isinstance(item, int) else item for item in items})
    if not keys:
        return 0
    # Sorted, so that two transactions that add the same rows take them in the same order.
    return execute(
        session,
        _ENQUEUE + known,
        stage=stage,
        subject_ids=[subject_id for subject_id, _ in keys],
        lenses=[lens for _, lens in keys],
        priority=priority,
    ).rowcount


_CLAIM = """
WITH due AS (
    SELECT stage, subject_id, lens, priority, alone
    FROM work
    WHERE stage = :stage AND state = 'waiting' AND due_at <= now() {narrowed}
    ORDER BY priority DESC, subject_id DESC, lens
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
), ordered AS (
    SELECT *, row_number() OVER urgency AS place, first_value(alone) OVER urgency AS first_alone
    FROM due
    WINDOW urgency AS (ORDER BY priority DESC, subject_id DESC, lens)
), next AS (
    SELECT * FROM ordered WHERE place = 1 OR NOT (alone OR first_alone)
), claimed AS (
    UPDATE work
    SET state = 'claimed', attempts = attempts + 1, claim_id = :claim_id,
        lease_until = now() + :lease
    FROM next
    WHERE (work.stage, work.subject_id, work.lens) = (next.stage, next.subject_id, next.lens)
    RETURNING work.subject_id, work.lens, work.attempts, work.alone, work.priority
)
SELECT subject_id, lens, attempts, alone, priority
FROM claimed
ORDER BY priority DESC, subject_id DESC, lens
"""


def claim(
    session: Session,
    stage: str,
    *,
    limit: int,
    lease: timedelta,
    subject_ids: Collection[int] | None = None,
    lenses: Collection[str] | None = None,
    urgent_only: bool = False,
) -> list[Claim]:
    """Take what is due for a lease's time: most urgent first, then newest.

    `subject_ids`, `lenses` and `urgent_only` narrow the choice. Commit before the work begins:
    the attempt is then counted, whatever the work does to the worker. Work that failed before, or
    that a worker died with, comes alone, so that a poison article cannot bury its neighbours:
    call until nothing is left.
    """
    narrowed = ""
    if subject_ids is not None:
        narrowed += " AND subject_id = ANY(:subject_ids)"
    if lenses is not None:
        narrowed += " AND lens = ANY(:lenses)"
    if urgent_only:
        narrowed += " AND priority >= :urgent"
    claim_id = uuid4()
    rows = execute(
        session,
        _CLAIM.format(narrowed=narrowed),
        stage=stage,
        limit=limit,
        lease=lease,
        claim_id=claim_id,
        subject_ids=None if subject_ids is None else list(subject_ids),
        lenses=None if lenses is None else list(lenses),
        urgent=URGENT,
    )
    return [
        Claim(stage, subject_id, lens, claim_id, attempts, alone, priority)
        for subject_id, lens, attempts, alone, priority in rows
    ]


_HELD = """
WHERE (stage, subject_id, lens, claim_id) IN (
    SELECT * FROM unnest(
        CAST(:stages AS text[]), CAST(:subject_ids AS bigint[]), CAST(:lenses AS text[]),
        CAST(:claim_ids AS uuid[])
    )
)
"""

_FINISH = "DELETE FROM work"

_RELEASE = """
UPDATE work
SET state = 'waiting', attempts = attempts - 1, claim_id = NULL, lease_until = NULL,
    due_at = now() + :delay, sent_at = NULL
"""

_EXTEND = "UPDATE work SET lease_until = now() + :lease"

_FAIL = """
UPDATE work
SET state = CASE WHEN CAST(:retry_in AS interval) IS NULL THEN 'dead' ELSE 'waiting' END,
    alone = true, claim_id = NULL, lease_until = NULL, sent_at = NULL,
    due_at = now() + coalesce(:retry_in, interval '0'),
    failed_at = now(), error = :error, traceback = :traceback
"""


def finish(session: Session, claims: Sequence[Claim]) -> set[int]:
    """Delete what is done; returns the subjects of those claims that were still ours.

    Whoever replaces rows writes for those alone: what another one has claimed since may have been
    done by it, and with newer contents.
    """
    if not claims:
        return set()
    return set(
        execute(session, f"{_FINISH}{_HELD}RETURNING subject_id", **_to_columns(claims)).scalars()
    )


def release(session: Session, claims: Sequence[Claim], *, delay: timedelta = timedelta(0)) -> int:
    """Put claims back untouched, attempt given back, for a sweep to send again.

    delay: until they are due again, such as when what they need is in use.
    """
    return _execute_held(session, _RELEASE, claims, delay=delay)


def extend(session: Session, claims: Sequence[Claim], lease: timedelta) -> int:
    """Let the lease run from now again; returns how many of the claims are still ours."""
    return _execute_held(session, _EXTEND, claims, lease=lease)


def fail(
    session: Session,
    claims: Sequence[Claim],
    *,
    retry_in: timedelta | None,
    error: str,
    traceback: str | None = None,
) -> int:
    """Put claims back to be due after `retry_in`, or with None bury them as dead letters.

    What failed comes alone from then on, since a batch may have failed for one of its rows.
    """
    return _execute_held(
        session,
        _FAIL,
        claims,
        retry_in=retry_in,
        error=clean_text(error),
        traceback=clean_optional(traceback),
    )


def _execute_held(
    session: Session, statement: str, claims: Sequence[Claim], **parameters: object
) -> int:
    if not claims:
        return 0
    return execute(session, statement + _HELD, **_to_columns(claims), **parameters).rowcount


def _to_columns(claims: Sequence[Claim]) -> dict[str, list[object]]:
    return {
        "stages": [claim.stage for claim in claims],
        "subject_ids": [claim.subject_id for claim in claims],
        "lenses": [claim.lens for claim in claims],
        "claim_ids": [claim.claim_id for claim in claims],
    }
