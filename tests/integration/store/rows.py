"""Rows to test with: each argument that a test does not care about has a value."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from schemas.analyses import Analysis
from schemas.articles import ArticleDraft
from schemas.completions import Completion, FieldReading
from schemas.lens import Lens
from store import articles, work
from store.analyses import Rebuilt
from store.database import Database
from store.statements import execute
from store.work import Claim

HOUR = timedelta(hours=1)
OVER = timedelta(0)
"""A lease that has run out by the next transaction."""


def make_draft(number: int, **changes: Any) -> ArticleDraft:
    given = {
        "external_id": f"item-{number}",
        "title": f"Title {number}",
        "text": f"Text of article {number}.",
        "url": f"https://example.org/{number}",
        "content_key": hashlib.md5(str(number).encode()).hexdigest(),
    }
    given |= changes
    return ArticleDraft(**{"address_key": given["url"], **given})


def add_articles(database: Database, source_id: int, count: int) -> list[int]:
    """Store `count` articles; returns their ids in ascending order."""
    with database.begin() as session:
        return sorted(
            articles.insert_new(session, source_id, [make_draft(n) for n in range(count)])
        )


def enqueue(database: Database, stage: str, items: list[work.Item], **options: Any) -> int:
    with database.begin() as session:
        return work.enqueue(session, stage, items, **options)


def claim(database: Database, stage: str = "prefilter", **options: Any) -> list[Claim]:
    with database.begin() as session:
        return work.claim(session, stage, **{"limit": 100, "lease": HOUR, **options})


def read(database: Database, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
    with database.begin() as session:
        return [tuple(row) for row in execute(session, statement, **parameters)]


def states(database: Database) -> list[tuple[int, str, int]]:
    """Every row of work: subject, state, attempts."""
    return read(database, "SELECT subject_id, state, attempts FROM work ORDER BY subject_id, lens")


_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def await_lock(database: Database, other: Future[Any]) -> None:
    """Return once another thread's transaction waits for a lock, or is over."""
    while not other.done() and read(database, _WAITING) == [(0,)]:
        time.sleep(0.01)


@dataclass(frozen=True)
class Decision:
    """As the prefilter makes it."""

    lens: str = "editorial"
    lens_version: int = 1
    decision: str = "keep"
    rule_id: str | None = "politics"
    span: tuple[int, int] | None = (3, 9)
    matched_text: str | None = "senate"
    audit: bool = False


def make_completion(**changes: Any) -> Completion:
    given = {
        "lens": "editorial",
        "contract_version": "0a1b2c3d",
        "build": "starter",
        "stream": "Politics ||| 4",
        "readings": {"category": FieldReading(text="Politics", confidence=0.9)},
        "prompt_tokens": 120,
        "completion_tokens": 9,
        "timings_ms": {"prefill": 12.5},
        "cpu_s": 0.04,
        "prompt_hash": "0123456789abcdef",
    }
    return Completion(**{**given, **changes})


def make_rebuilt(article_id: int, completion_id: int | None = None, **changes: Any) -> Rebuilt:
    given = {
        "lens": "editorial",
        "lens_version": 1,
        "contract_version": "0a1b2c3d",
        "build": "starter",
        "status": "complete",
        "values": {},
        "confidences": {},
        "notes": {},
    }
    read_at = changes.pop("read_at", None)
    return Rebuilt(article_id, completion_id, Analysis(**{**given, **changes}), read_at)


def make_lens(fields: list[dict[str, Any]], **changes: Any) -> Lens:
    given = {
        "name": "tried",
        "version": 1,
        "title": "A lens for tests",
        "prefilter": {"default": "keep"},
        "contract": fields,
    }
    return Lens.model_validate({**given, **changes})
