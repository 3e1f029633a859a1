"""Signatures: by what articles are found to tell the same news, for a window of days.

Hashes and keys are ingest's; here they are only held and looked up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from store.statements import execute

NEIGHBOURS_PER_KEY = 20
"""Articles looked at for one key, the nearest first: the others are connected through these.
Boilerplate that thousands share must not make every newcomer meet them all."""


@dataclass(frozen=True)
class ArticleSignature:
    """As ingest makes it."""

    hashes: bytes
    keys: tuple[int, ...]


@dataclass(frozen=True)
class StoredSignature:
    """What is needed of an article to find who tells the same."""

    told_at: datetime
    signature: bytes
    story_id: int | None


_SAVE = """
WITH added AS (
    INSERT INTO signature (article_id, told_at, hashes, keys)
    SELECT article.id, coalesce(article.published_at, article.created_at), given.hashes,
           CAST(given.keys AS bigint[])
    FROM unnest(CAST(:content_keys AS text[]), CAST(:hashes AS bytea[]), CAST(:keys AS text[]))
        AS given (content_key, hashes, keys)
    JOIN article USING (content_key)
    WHERE article.id = ANY(:article_ids)
    ON CONFLICT (article_id) DO NOTHING
    RETURNING article_id, keys
)
INSERT INTO band (key, article_id)
SELECT DISTINCT unnest(keys), article_id FROM added
ON CONFLICT DO NOTHING
"""


def save(
    session: Session,
    article_ids: Collection[int],
    signatures: Mapping[str, ArticleSignature],
) -> None:
    """Store the signatures, by content key, of those articles that were new."""
    if not article_ids or not signatures:
        return
    given = list(signatures.values())
    execute(
        session,
        _SAVE,
        article_ids=list(article_ids),
        content_keys=list(signatures),
        hashes=[each.hashes for each in given],
        keys=["{" + ",".join(map(str, each.keys)) + "}" for each in given],
    )


_OLDER = "< mine.article_id ORDER BY band.article_id DESC"
_NEWER = "> mine.article_id ORDER BY band.article_id"

_CANDIDATES = """
SELECT DISTINCT least(other.article_id, mine.article_id),
    greatest(other.article_id, mine.article_id)
FROM (
    SELECT article_id, unnest(keys) AS key FROM signature WHERE article_id = ANY(:article_ids)
) AS mine
CROSS JOIN LATERAL (
    SELECT article_id FROM band
    WHERE band.key = mine.key AND band.article_id {nearest}
    LIMIT :limit
) AS other
ORDER BY 1, 2
"""


def find_candidates(
    session: Session, article_ids: Collection[int], *, newer: bool = False
) -> list[tuple[int, int]]:
    """Give the pairs of one of these articles and an older (or newer) one that share a key.

    The older one of a pair stands first.
    """
    nearest = _NEWER if newer else _OLDER
    rows = execute(
        session,
        _CANDIDATES.format(nearest=nearest),
        article_ids=list(article_ids),
        limit=NEIGHBOURS_PER_KEY,
    )
    return [(one, other) for one, other in rows]


_LOAD = """
SELECT article_id, told_at, hashes, story_id
FROM signature JOIN article ON article.id = article_id
WHERE article_id = ANY(:article_ids)
"""


def load(session: Session, article_ids: Collection[int]) -> dict[int, StoredSignature]:
    """Read signatures by article; those that are gone are left out."""
    rows = execute(session, _LOAD, article_ids=list(article_ids))
    return {row[0]: StoredSignature(row[1], bytes(row[2]), row[3]) for row in rows}


_OPENINGS = """
SELECT id, title, left(text, :chars) FROM article WHERE id = ANY(:article_ids)
"""


def load_openings(
    session: Session, article_ids: Collection[int], chars: int
) -> dict[int, tuple[str, str]]:
    """Read title and first characters of articles."""
    rows = execute(session, _OPENINGS, article_ids=list(article_ids), chars=chars)
    return {article_id: (title, text) for article_id, title, text in rows}


_DELETE = """
, gone AS (
    DELETE FROM signature USING old WHERE signature.article_id = old.article_id
    RETURNING signature.article_id, keys
), unfolded AS (
    SELECT article_id, unnest(keys) AS key FROM gone
), bands AS (
    DELETE FROM band USING unfolded
    WHERE (band.key, band.article_id) = (unfolded.key, unfolded.article_id)
)
SELECT count(*) FROM gone
"""

_THIN = """
WITH old AS (
    SELECT article_id FROM signature WHERE created_at < now() - :window
    ORDER BY created_at  -- By the index, whatever the planner knows of the table.
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
"""

_FORGET = """
WITH old AS (
    SELECT article_id FROM signature WHERE article_id = ANY(:article_ids) FOR UPDATE
)
"""


def thin(session: Session, window: timedelta, limit: int = 5_000) -> int:
    """Delete signatures older than the window, a portion at a time; returns how many."""
    return int(execute(session, _THIN + _DELETE, window=window, limit=limit).scalar_one())


def forget(session: Session, article_ids: Collection[int]) -> None:
    """Delete the signatures of articles that say something else now."""
    if article_ids:
        execute(session, _FORGET + _DELETE, article_ids=list(article_ids))
