"""Which entries of a polled source are edits of articles that are already there.

Pure: drafts and what the store has of the same source go in, a plan comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from schemas.articles import ArticleDraft

MAX_REVISIONS = 10
"""Of one article. A feed that writes the time of day into its entries would else have the model
read them anew at every poll."""
LEAST_LIKENESS = 0.3
"""Share of common words from which two titles may be those of one article."""
REUSED_URL_NOTE = "the feed gave its link to another article before: it does not identify this one"


class Version(Protocol):
    """What is stored of an article of the same source."""

    @property
    def article_id(self) -> int: ...
    @property
    def external_id(self) -> str: ...
    @property
    def address_key(self) -> str | None: ...
    @property
    def title(self) -> str: ...
    @property
    def content_key(self) -> str: ...
    @property
    def revision(self) -> int: ...


@dataclass
class Plan:
    """What is to become of the drafts of a batch."""

    new: list[ArticleDraft] = field(default_factory=list)
    """To be inserted, unless they are known."""
    edits: dict[int, ArticleDraft] = field(default_factory=dict)
    """Article id → what it says now."""
    known: int = 0
    """Edited too often: left as they are."""


def sort_drafts(drafts: Sequence[ArticleDraft], versions: Iterable[Version]) -> Plan:
    """Part the drafts of one batch into new articles and edits of old ones."""
    # Of several under one reused id, the newest is the one that the source still gives.
    stored = sorted(versions, key=lambda version: version.article_id)
    by_id = {version.external_id: version for version in stored}
    by_address = {each.address_key: each for each in stored if each.address_key}
    keys = {version.content_key for version in stored}
    plan = Plan()
    for draft in drafts:
        version = by_id.get(draft.external_id) or by_address.get(draft.address_key or "")
        if version is None or draft.content_key in keys:
            plan.new.append(draft)
        elif not _is_same(draft, version):
            plan.new.append(_without_reused_url(draft, by_address.get(draft.address_key or "")))
        elif version.revision >= MAX_REVISIONS or version.article_id in plan.edits:
            plan.known += 1
        else:
            plan.edits[version.article_id] = draft
    return plan


def _is_same(draft: ArticleDraft, version: Version) -> bool:
    """Tell an edit from another article under a reused id or address."""
    has_same_id = draft.external_id == version.external_id
    if has_same_id and draft.address_key and draft.address_key == version.address_key:
        return True
    return measure_likeness(draft.title, version.title) >= LEAST_LIKENESS


def measure_likeness(one: str, other: str) -> float:
    """Give the share of words that two titles have in common, 0 to 1."""
    words, others = set(one.casefold().split()), set(other.casefold().split())
    return len(words & others) / len(words | others) if words | others else 1.0


def _without_reused_url(draft: ArticleDraft, holder: Version | None) -> ArticleDraft:
    if holder is None:
        return draft
    notes = (*draft.notes, REUSED_URL_NOTE)
    return draft.model_copy(update={"url": None, "address_key": None, "notes": notes})
