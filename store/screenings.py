"""Screenings: what the prefilter decided about each article for each lens, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from sqlalchemy.orm import Session

from store.clean import clean_optional
from store.statements import execute


class Decided(Protocol):
    """What is stored of a decision on one article for one lens."""

    @property
    def lens(self) -> str: ...
    @property
    def lens_version(self) -> int: ...
    @property
    def decision(self) -> str: ...
    @property
    def rule_id(self) -> str | None: ...
    @property
    def span(self) -> tuple[int, int] | None: ...
    @property
    def matched_text(self) -> str | None: ...
    @property
    def audit(self) -> bool: ...


_SAVE = """
INSERT INTO screening (article_id, lens, lens_version, decision, rule_id, span_start, span_end,
                       matched, audit)
SELECT * FROM unnest(
    CAST(:article_ids AS bigint[]), CAST(:lenses AS text[]), CAST(:lens_versions AS int[]),
    CAST(:decisions AS text[]), CAST(:rule_ids AS text[]), CAST(:span_starts AS int[]),
    CAST(:span_ends AS int[]), CAST(:matched AS text[]), CAST(:audits AS bool[])
)
ON CONFLICT (article_id, lens, lens_version) DO UPDATE
SET decision = excluded.decision, rule_id = excluded.rule_id, span_start = excluded.span_start,
    span_end = excluded.span_end, matched = excluded.matched, audit = excluded.audit,
    created_at = now()
"""


def save(session: Session, decisions: Iterable[tuple[int, Decided]]) -> None:
    """Store decisions, each with its article's id, in one statement.

    A later decision on the same article and lens version replaces the earlier one.
    """
    by_key = {(article_id, each.lens, each.lens_version): each for article_id, each in decisions}
    if not by_key:
        return
    # Sorted, so that two transactions with the same articles take the rows in the same order.
    keys = sorted(by_key)
    rows = [by_key[key] for key in keys]
    spans = [row.span or (None, None) for row in rows]
    execute(
        session,
        _SAVE,
        article_ids=[article_id for article_id, _, _ in keys],
        lenses=[row.lens for row in rows],
        lens_versions=[row.lens_version for row in rows],
        decisions=[row.decision for row in rows],
        rule_ids=[row.rule_id for row in rows],
        span_starts=[start for start, _ in spans],
        span_ends=[end for _, end in spans],
        matched=[clean_optional(row.matched_text) for row in rows],
        audits=[row.audit for row in rows],
    )
