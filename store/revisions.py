"""Revisions: an article that its source has edited says the new text and keeps the old ones.

What counts as an edit is decided by ingest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from schemas.articles import ArticleDraft
from store.articles import lock_inserts
from store.clean import clean_optional, clean_text, to_json
from store.statements import execute


@dataclass(frozen=True)
class StoredVersion:
    """An article as its source gave it last."""

    article_id: int
    external_id: str
    address_key: str | None
    title: str
    content_key: str
    revision: int


_FIND = """
SELECT id, external_id, address_key, title, content_key, revision
FROM article
WHERE source_id = :source_id AND external_id = ANY(CAST(:external_ids AS text[]))
UNION
SELECT id, external_id, address_key, title, content_key, revision
FROM article
WHERE source_id = :source_id AND address_key = ANY(CAST(:address_keys AS text[]))
"""


def find_versions(
    session: Session, source_id: int, drafts: Sequence[ArticleDraft]
) -> list[StoredVersion]:
    """Find the articles of a source that have the id or the address of one of the drafts."""
    rows = execute(
        session,
        _FIND,
        source_id=source_id,
        external_ids=[clean_text(draft.external_id) for draft in drafts],
        address_keys=[clean_text(each.address_key) for each in drafts if each.address_key],
    )
    return [StoredVersion(*row) for row in rows]


_LOCK = "SELECT FROM article WHERE id = ANY(:article_ids) ORDER BY id FOR UPDATE"

_REVISE = """
WITH edit AS (
    SELECT DISTINCT ON (content_key) *
    FROM unnest(
        CAST(:article_ids AS bigint[]), CAST(:titles AS text[]), CAST(:texts AS text[]),
        CAST(:content_keys AS text[]), CAST(:authors AS text[]), CAST(:links AS text[]),
        CAST(:details AS text[]), CAST(:notes AS text[])
    ) AS given (article_id, title, body, content_key, author, links, details, notes)
    WHERE NOT EXISTS (SELECT FROM article WHERE article.content_key = given.content_key)
), kept AS (
    INSERT INTO revision (article_id, number, title, text, content_key)
    SELECT article.id, article.revision, article.title, article.text, article.content_key
    FROM article JOIN edit ON edit.article_id = article.id
    RETURNING article_id
)
UPDATE article
SET title = edit.title, text = edit.body, content_key = edit.content_key,
    author = coalesce(edit.author, article.author), links = CAST(edit.links AS jsonb),
    -- The text is the source's again, whatever its page has said before.
    metadata = article.metadata - 'body_from' || CAST(edit.details AS jsonb),
    notes = CAST(edit.notes AS jsonb), revision = article.revision + 1
FROM edit JOIN kept USING (article_id)
WHERE article.id = edit.article_id
RETURNING article.id
"""


def revise(session: Session, edits: Mapping[int, ArticleDraft]) -> list[int]:
    """Let articles say what their source says now; returns the ids of those that changed.

    An edit that makes an article the same as another one is passed over.
    """
    if not edits:
        return []
    lock_inserts(session)
    # In the order in which all write who write about several articles, such as the prefilter.
    execute(session, _LOCK, article_ids=list(edits))
    drafts = list(edits.values())
    rows = execute(
        session,
        _REVISE,
        article_ids=list(edits),
        titles=[clean_text(draft.title) for draft in drafts],
        texts=[clean_text(draft.text) for draft in drafts],
        content_keys=[clean_text(draft.content_key) for draft in drafts],
        authors=[clean_optional(draft.author) for draft in drafts],
        links=[to_json([link.model_dump() for link in draft.links]) for draft in drafts],
        details=[to_json(draft.metadata) for draft in drafts],
        notes=[to_json(draft.notes) for draft in drafts],
    )
    return sorted(rows.scalars(), reverse=True)
