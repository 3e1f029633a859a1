"""Articles whose page is to be read before the prefilter sees them, and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy.orm import Session

from schemas.articles import Link
from store import work
from store.clean import clean_text, to_json
from store.statements import execute

_HOLD = """
UPDATE work SET stage = 'page'
WHERE stage = 'prefilter' AND subject_id IN (
    SELECT id FROM article
    WHERE id = ANY(:article_ids) AND content_key = ANY(CAST(:content_keys AS text[]))
) AND NOT EXISTS (
    SELECT FROM work AS page WHERE page.stage = 'page' AND page.subject_id = work.subject_id
)
RETURNING subject_id
"""

_LEAVE_TO_PAGE = """
DELETE FROM work
WHERE stage = 'prefilter' AND subject_id = ANY(:article_ids) AND EXISTS (
    SELECT FROM work AS page
    WHERE page.stage = 'page' AND page.subject_id = work.subject_id AND page.state <> 'dead'
)
RETURNING subject_id
"""

# A dead row is never sent again by itself: its `sent_at` says that its article has gone on. Each
# has failed, and rows that have are few and have an index; pages that wait may be many.
_HAS_DEAD = """
SELECT EXISTS (
    SELECT FROM work
    WHERE stage = 'page' AND state = 'dead' AND sent_at IS NULL AND failed_at IS NOT NULL
)
"""

_PASS_ON_DEAD = """
WITH dead AS (
    UPDATE work SET sent_at = now()
    WHERE stage = 'page' AND state = 'dead' AND sent_at IS NULL AND failed_at IS NOT NULL
    RETURNING subject_id, error
)
UPDATE article
SET notes = notes || jsonb_build_array('its page could not be read: ' || coalesce(error, 'unknown'))
FROM dead
WHERE article.id = dead.subject_id
RETURNING article.id
"""

_LIST_WAITING = """
SELECT article.id, article.url
FROM work JOIN article ON article.id = work.subject_id
WHERE work.stage = 'page' AND article.url = coalesce(:url, article.url)
ORDER BY article.id
"""

_SAVE = """
UPDATE article
SET text = :text, links = coalesce(CAST(:links AS jsonb), links),
    metadata = metadata || jsonb_build_object('body_from', CAST(:chosen AS text)),
    notes = notes || CAST(:notes AS jsonb)
WHERE id = :article_id AND revision = :revision
"""


def hold(
    session: Session,
    new_ids: Sequence[int],
    edited_ids: Sequence[int],
    content_keys: Collection[str],
) -> list[int]:
    """Let articles that are new or edited in this transaction wait for their page.

    The prefilter sees them after it. Those with one of the keys, and the edited ones that wait for
    their page already. Returns their ids, newest first.
    """
    held: list[int] = []
    if edited_ids:
        held += execute(session, _LEAVE_TO_PAGE, article_ids=list(edited_ids)).scalars()
    if content_keys and (article_ids := [*new_ids, *edited_ids]):
        keys = list(content_keys)
        held += execute(session, _HOLD, article_ids=article_ids, content_keys=keys).scalars()
    return sorted(held, reverse=True)


def has_dead(session: Session) -> bool:
    """Tell whether articles wait for a page that was given up."""
    return bool(execute(session, _HAS_DEAD).scalar())


def pass_on_dead(session: Session) -> list[int]:
    """Let articles go on whose page has become a dead letter, with what the feed says.

    A page is worth waiting for, but no article is lost for one. The letter stays. Returns their
    ids, newest first.
    """
    article_ids = sorted(execute(session, _PASS_ON_DEAD).scalars(), reverse=True)
    work.enqueue(session, "prefilter", article_ids, again=True)
    return article_ids


def list_waiting(session: Session, url: str | None = None) -> list[tuple[int, str]]:
    """List the articles that wait for their page, with its address: all, or one address's."""
    return [(row[0], row[1]) for row in execute(session, _LIST_WAITING, url=url)]


def save(
    session: Session,
    article_id: int,
    revision: int,
    *,
    chosen: str,
    text: str,
    links: Sequence[Link] | None,
    note: str | None,
) -> bool:
    """Give an article the text that was chosen for it, and say where it came from.

    False: it has another revision than the one that was chosen from, and keeps what it says now.
    """
    written: list[dict[str, Any]] | None = (
        None if links is None else [link.model_dump() for link in links]
    )
    saved = execute(
        session,
        _SAVE,
        article_id=article_id,
        revision=revision,
        chosen=chosen,
        text=clean_text(text),
        links=None if written is None else to_json(written),
        notes=to_json([note] if note else []),
    )
    return saved.rowcount == 1
