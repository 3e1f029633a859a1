"""Counts for people: what went through each stage, what waits, how fast, and what went wrong.

Reads only. Whole tables are counted, which takes a second or so once there are millions of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from store.statements import execute
from store.work import URGENT


@dataclass(frozen=True)
class Totals:
    """How many rows each stage has made so far, and in how many of them articles went on."""

    sources: int
    articles: int
    screened: int
    """Articles that the rules of at least one lens looked at."""
    kept: int
    """Articles that at least one lens kept."""
    audited: int
    """Articles that no lens kept and that went on all the same."""
    completions: int
    analyses: int
    rejected: int
    """Analyses of streams that could not be read."""


_TOTALS = """
WITH verdict AS (
    SELECT bool_or(decision = 'keep') AS kept, bool_or(audit) AS audited
    FROM screening GROUP BY article_id
)
SELECT
    (SELECT count(*) FROM source),
    (SELECT count(*) FROM article),
    (SELECT count(*) FROM verdict),
    (SELECT count(*) FROM verdict WHERE kept),
    (SELECT count(*) FROM verdict WHERE audited AND NOT kept),
    (SELECT count(*) FROM completion),
    (SELECT count(*) FROM analysis),
    (SELECT count(*) FROM analysis WHERE status = 'rejected')
"""


def count_totals(session: Session) -> Totals:
    """Count the rows of every stage."""
    return Totals(*execute(session, _TOTALS).one())


@dataclass(frozen=True)
class StageQueue:
    """The work of one stage, as it stands."""

    stage: str
    waiting: int
    """Due now."""
    delayed: int
    """Due later: the wait before another attempt."""
    claimed: int
    dead: int
    oldest_waiting: timedelta | None
    """How long the work that is due has been there, the oldest of it, back-fill left out."""
    back_fill: int = 0
    """Of what waits, what was done in haste once and is to be made whole when time allows."""


_QUEUES = """
SELECT stage,
    count(*) FILTER (WHERE state = 'waiting' AND due_at <= now()),
    count(*) FILTER (WHERE state = 'waiting' AND due_at > now()),
    count(*) FILTER (WHERE state = 'claimed'),
    count(*) FILTER (WHERE state = 'dead'),
    now() - min(enqueued_at)
        FILTER (WHERE state = 'waiting' AND due_at <= now() AND priority >= :urgent),
    count(*) FILTER (WHERE state <> 'dead' AND priority < :urgent)
FROM work
GROUP BY stage
ORDER BY stage
"""


def count_queues(session: Session) -> list[StageQueue]:
    """Count the work of each stage that has any."""
    return [StageQueue(*row) for row in execute(session, _QUEUES, urgent=URGENT)]


@dataclass(frozen=True)
class RuleCount:
    """How often one rule of a lens decided. `rule_id` None: the lens's default."""

    lens: str
    lens_version: int
    rule_id: str | None
    decision: str
    articles: int
    audited: int


_RULES = """
SELECT lens, lens_version, rule_id, decision, count(*), count(*) FILTER (WHERE audit)
FROM screening
GROUP BY lens, lens_version, rule_id, decision
ORDER BY lens, lens_version, count(*) DESC, rule_id
"""


def count_rules(session: Session) -> list[RuleCount]:
    """Count the decisions of every rule, the most frequent of each lens first."""
    return [RuleCount(*row) for row in execute(session, _RULES)]


@dataclass(frozen=True)
class Rates:
    """How many articles passed each stage within a window that ends now."""

    window: timedelta
    ingest: int
    prefilter: int
    inference: int
    """Completions: one article read through one lens."""
    reconstruct: int
    """Analyses: likewise."""


_RATES = """
SELECT
    (SELECT count(*) FROM article WHERE created_at > now() - :window),
    (SELECT count(DISTINCT article_id) FROM screening WHERE created_at > now() - :window),
    (SELECT count(*) FROM completion WHERE created_at > now() - :window),
    (SELECT count(*) FROM analysis WHERE updated_at > now() - :window)
"""


def count_rates(session: Session, window: timedelta = timedelta(minutes=5)) -> Rates:
    """Count what the stages did within the window."""
    return Rates(window, *execute(session, _RATES, window=window).one())


@dataclass(frozen=True)
class WorkError:
    """The last error of work that is not done: it waits for another attempt, or it is dead."""

    stage: str
    subject_id: int
    lens: str
    state: str
    attempts: int
    error: str
    failed_at: datetime


_ERRORS = """
SELECT stage, subject_id, lens, state, attempts, coalesce(error, ''), failed_at
FROM work
WHERE failed_at IS NOT NULL
ORDER BY failed_at DESC
LIMIT :limit
"""


def list_errors(session: Session, limit: int = 5) -> list[WorkError]:
    """Read the errors that happened last, the very last one first."""
    return [WorkError(*row) for row in execute(session, _ERRORS, limit=limit)]
