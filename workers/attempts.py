"""Claims of work, and what becomes of them: finished, failed or given back, never forgotten.

    for claims in take(mill, stage, None, limit=200, within=Slice(TURN)):
        with attempt(mill, claims):
            …work, with no transaction open…
            with mill.database.begin() as session:
                …store…
                finish(session, claims)

An attempt is counted, and the count committed, before its work begins. One that the database ends,
since its disk is full or it is away, is given back. This is the tasks' edge: the only place where
every error is caught.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy.orm import Session

from store import work
from store.database import DatabaseAwayError
from store.work import Claim
from workers.journal import count, phase
from workers.mill import Mill
from workers.retry import RetryDecision, decide_retry
from workers.shutdown import stop_sign
from workers.slices import Slice, pause

log = structlog.get_logger(__name__)

Forgive = Callable[[Exception], bool]
"""Tells whether an error is no fault of what was worked on."""

NoteFailure = Callable[[Session, int, str], None]
"""Told of each failed claim, in the transaction that notes it: subject id, error in one line."""


def take(
    mill: Mill,
    stage: str,
    subject_ids: Collection[int] | None,
    *,
    limit: int,
    within: Slice | None = None,
) -> Iterator[list[Claim]]:
    """Claim batch after batch until nothing is due, time is up or the worker is to stop.

    Work that has failed before comes alone, so that its neighbours neither fail with it nor are
    charged for it: see `store.work.claim`.
    """
    while not (within.is_over if within else stop_sign.is_raised):
        claims = claim(mill, stage, subject_ids, limit=limit)
        if not claims:
            return
        yield claims


def claim(
    mill: Mill,
    stage: str,
    subject_ids: Collection[int] | None,
    *,
    limit: int,
    urgent_only: bool = False,
) -> list[Claim]:
    """Claim up to `limit` rows in a transaction of its own."""
    with phase("claim"), mill.database.begin() as session:
        claims = work.claim(
            session,
            stage,
            limit=limit,
            lease=mill.settings.queue.lease,
            subject_ids=subject_ids,
            urgent_only=urgent_only,
        )
    count(claimed=len(claims))
    return claims


@contextmanager
def attempt(
    mill: Mill,
    claims: Collection[Claim],
    *,
    on_failure: NoteFailure | None = None,
    forgive: Forgive | None = None,
) -> Iterator[None]:
    """Run the body as one attempt at the claims; an error ends it and is noted with them.

    A body that the worker's stop interrupts (SystemExit), that cannot store its result or whose
    error is forgiven gives the attempt back. `claims` may change meanwhile; an error that meets
    none of them is the task's own and is passed on.
    """
    try:
        yield
    except Exception as error:  # The task's edge.
        if not claims:
            raise
        if isinstance(error, DatabaseAwayError):
            _wait_for_database(mill, claims, error)
        elif forgive and forgive(error):
            give_back(mill, claims)
        else:
            fail(mill, claims, error, on_failure=on_failure)
    except BaseException:
        give_back(mill, claims)
        raise


def _wait_for_database(mill: Mill, claims: Collection[Claim], error: DatabaseAwayError) -> None:
    """Give the attempts back for later, and begin nothing before: it could not be stored either.

    Raises DatabaseAwayError where this cannot be written; the work then waits for its lease to end.
    """
    delay = mill.settings.queue.retry_first
    log.warning("database_away", error=str(error), given_back=len(claims))
    with mill.database.begin() as session:
        work.release(session, list(claims), delay=delay)
    count(given_back=len(claims))
    pause(delay)


def fail(
    mill: Mill,
    claims: Collection[Claim],
    error: Exception,
    *,
    on_failure: NoteFailure | None = None,
) -> None:
    """Let failed claims wait for their next attempt, or bury them as dead letters."""
    trace = "".join(traceback.format_exception(error))
    described = describe_error(error)
    shared = len(claims) > 1
    with mill.database.begin() as session:
        for failed in claims:
            decision = _decide(mill, failed, error, shared=shared)
            _log_failure(failed, decision, described)
            reason = f"{described} ({decision.reason})"
            # What is worked on before its work: whoever writes to both goes by this order.
            if on_failure:
                on_failure(session, failed.subject_id, described)
            work.fail(session, [failed], retry_in=decision.delay, error=reason, traceback=trace)
    count(failed=len(claims))


def give_back(mill: Mill, claims: Collection[Claim]) -> None:
    """Return claims that were not worked on, with their attempt."""
    if claims:
        with mill.database.begin() as session:
            work.release(session, list(claims))
        count(given_back=len(claims))


def _decide(mill: Mill, failed: Claim, error: Exception, *, shared: bool) -> RetryDecision:
    queue = mill.settings.queue
    return decide_retry(
        error,
        failed.attempts,
        max_attempts=queue.max_attempts,
        first_delay=queue.retry_first,
        longest_delay=queue.retry_longest,
        shared=shared,
        seed=failed.subject_id,
    )


def _log_failure(failed: Claim, decision: RetryDecision, error: str) -> None:
    log.warning(
        "attempt_failed",
        stage=failed.stage,
        subject_id=failed.subject_id,
        lens=failed.lens or None,
        attempts=failed.attempts,
        is_dead=decision.is_dead,
        error=error,
    )


def describe_error(error: Exception) -> str:
    """Name an error in one line; a longer text may quote an article."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
