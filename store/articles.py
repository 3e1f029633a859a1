"""Articles: kept once each, and read in the portions that a stage needs.

Identity is decided by ingest; here it is only held: one row per content key and per address key.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from schemas.articles import ArticleDraft, Link
from schemas.tables import Article
from store.clean import clean_optional, clean_text, to_json
from store.statements import copy_rows, execute

URL_BYTES_MAX = 2_000
"""A B-tree holds keys of up to 2,704 bytes; a longer address identifies nothing worth it."""

_INSERT_LOCK = 7_231_001
"""Any number that is nobody else's advisory lock in this database."""
LONGEST_SILENCE_MS = 60_000
"""Between two statements of one turn; what is worked out there takes a second at the most."""

LONGEST_WAIT_MS = 20_000
"""For a row that somebody holds who has not this turn: they hold it for a second at the most."""

_LOCK = """
SELECT pg_advisory_xact_lock(:lock),
    set_config('idle_in_transaction_session_timeout', :silence_ms, true),
    set_config('lock_timeout', :wait_ms, true)
"""


TextState = tuple[int, bool]
"""Of an article: its revision, and whether the page has taken the place of what the source said."""

_HAS_PAGE = func.coalesce(Article.details["body_from"].astext == "page", False)


@dataclass(frozen=True)
class StoredArticle:
    """What the stages after ingest read of an article."""

    article_id: int
    title: str
    text: str
    content_key: str
    url: str | None
    language: str | None
    links: tuple[Link, ...]
    revision: int
    """Counts the edits by its source."""
    has_page: bool = False
    """Whether the text is its page's, and not what the source gave."""

    @property
    def state(self) -> TextState:
        """What tells this text from another of the same article."""
        return self.revision, self.has_page


_STAGE = """
CREATE TEMP TABLE IF NOT EXISTS draft (
    external_id text, title text, body text, url text, address_key text, content_key text,
    published_at timestamptz, author text, language text, links text, details text, notes text,
    place int
) ON COMMIT DELETE ROWS
"""

_COPY = "COPY pg_temp.draft FROM STDIN"

_INSERT_NEW = """
WITH added AS (
    INSERT INTO article (source_id, external_id, title, text, url, address_key, content_key,
                         published_at, author, language, links, metadata, notes)
    SELECT :source_id, external_id, title, body, url, address_key, content_key, published_at,
           author, language, CAST(links AS jsonb), CAST(details AS jsonb), CAST(notes AS jsonb)
    FROM pg_temp.draft
    -- The newest gets the greatest id, for "newest first" goes by ids; feeds list it first.
    ORDER BY published_at ASC NULLS FIRST, place DESC
    ON CONFLICT DO NOTHING
    RETURNING id
)
INSERT INTO work (stage, subject_id, sent_at)
SELECT 'prefilter', id, now() FROM added
RETURNING subject_id
"""


def insert_new(session: Session, source_id: int, drafts: Sequence[ArticleDraft]) -> list[int]:
    """Store the drafts that are new, with their work for the prefilter; returns their ids.

    A draft is known when its content key or its address key is, in the table or earlier in the
    batch. Transactions that insert articles take turns: two unique keys cannot both be taken
    in one order, so that overlapping batches would else end in deadlocks. Keep what follows
    in the same transaction short.
    """
    if not drafts:
        return []
    # COPY takes a fifth less of both sides' time than arrays do, and it needs no turn.
    execute(session, _STAGE)
    copy_rows(session, _COPY, (_to_row(draft, place) for place, draft in enumerate(drafts)))
    lock_inserts(session)
    rows = execute(session, _INSERT_NEW, source_id=source_id)
    return sorted(rows.scalars(), reverse=True)


def lock_inserts(session: Session) -> None:
    """Wait for one's turn to write articles, until the end of the transaction.

    A turn of which nothing more is heard is ended: its machine may have vanished, which the server
    itself would notice after hours. If it is another who has vanished, and held a row that is
    wanted in this turn, then the turn fails after a while (TransientError) and the next one begins.
    """
    execute(
        session,
        _LOCK,
        lock=_INSERT_LOCK,
        silence_ms=str(LONGEST_SILENCE_MS),
        wait_ms=str(LONGEST_WAIT_MS),
    )


def _to_row(draft: ArticleDraft, place: int) -> tuple[Any, ...]:
    return (
        clean_text(draft.external_id),
        clean_text(draft.title),
        clean_text(draft.text),
        _clean_url(draft.url),
        _clean_url(draft.address_key),
        clean_text(draft.content_key),
        _clean_moment(draft.published_at),
        clean_optional(draft.author),
        clean_optional(draft.language),
        to_json([_dump_link(link) for link in draft.links]),
        to_json(draft.metadata),
        to_json(draft.notes),
        place,
    )


def _dump_link(link: Link) -> dict[str, str]:
    return {"url": link.url, "text": link.text}


def _clean_url(url: str | None) -> str | None:
    url = clean_optional(url)
    return url if url and len(url.encode()) <= URL_BYTES_MAX else None


def _clean_moment(moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)


def load(
    session: Session, article_ids: Collection[int], *, opening: int | None = None
) -> list[StoredArticle]:
    """Read articles, in the order of their ids; ids without a row are left out.

    With `opening`, only that many characters of the text come over the wire.
    """
    body = Article.text if opening is None else func.left(Article.text, opening)
    rows = session.execute(
        select(
            Article.id,
            Article.title,
            body,
            Article.content_key,
            Article.url,
            Article.language,
            Article.links,
            Article.revision,
            _HAS_PAGE,
        )
        .where(Article.id.in_(article_ids))
        .order_by(Article.id)
    )
    return [
        StoredArticle(
            article_id=article_id,
            title=title,
            text=text,
            content_key=content_key,
            url=url,
            language=language,
            links=tuple(Link(**link) for link in links),
            revision=revision,
            has_page=has_page,
        )
        for article_id, title, text, content_key, url, language, links, revision, has_page in rows
    ]


def list_edited(session: Session, states: Mapping[int, TextState]) -> set[int]:
    """Say which of these articles have another text by now: an edit, or their page's."""
    query = select(Article.id, Article.revision, _HAS_PAGE).where(Article.id.in_(list(states)))
    rows = session.execute(query)
    return {article_id for article_id, *state in rows if tuple(state) != states[article_id]}
