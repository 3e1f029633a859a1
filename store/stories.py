"""Stories: which articles tell the same news, who had it first, and what people see of it.

Who belongs together is decided elsewhere; the numbers of a story are always counted anew from
its articles, so that deciding twice changes nothing. Callers hold the lock of
`store.articles.insert_new`: two workers never make two stories of one pair.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from store.statements import execute

_START = """
INSERT INTO story (articles) SELECT 0 FROM generate_series(1, :number) RETURNING id
"""

_JOIN = """
UPDATE article SET story_id = given.story_id, story_similarity = given.similarity
FROM unnest(CAST(:article_ids AS bigint[]), CAST(:story_ids AS bigint[]),
            CAST(:similarities AS float[])) AS given (article_id, story_id, similarity)
WHERE article.id = given.article_id
"""

_MERGE = "UPDATE article SET story_id = :story_id WHERE story_id = ANY(:merged)"

_DROP = "DELETE FROM story WHERE id = ANY(:merged)"

_RECOUNT = """
UPDATE story
SET articles = counted.articles, first_article_id = counted.first_article_id,
    first_seen_at = counted.first_seen_at, last_seen_at = counted.last_seen_at
FROM (
    SELECT story_id, count(*) AS articles, min(created_at) AS first_seen_at,
        max(created_at) AS last_seen_at,
        (array_agg(id ORDER BY coalesce(published_at, created_at), id))[1] AS first_article_id
    FROM article
    WHERE story_id = ANY(:story_ids)
    GROUP BY story_id
) AS counted
WHERE story.id = counted.story_id
"""


@dataclass(frozen=True)
class Membership:
    """An article in a story, with its similarity to its nearest neighbour there."""

    article_id: int
    story_id: int
    similarity: float


def start(session: Session, number: int) -> list[int]:
    """Make so many stories, to be joined and then recounted; returns their ids."""
    return list(execute(session, _START, number=number).scalars())


def join(session: Session, memberships: Sequence[Membership]) -> None:
    """Let articles join stories."""
    execute(
        session,
        _JOIN,
        article_ids=[each.article_id for each in memberships],
        story_ids=[each.story_id for each in memberships],
        similarities=[each.similarity for each in memberships],
    )


def merge(session: Session, story_id: int, merged: Collection[int]) -> None:
    """Let whole stories go up in another one."""
    execute(session, _MERGE, story_id=story_id, merged=list(merged))
    execute(session, _DROP, merged=list(merged))


def recount(session: Session, story_ids: Collection[int]) -> None:
    """Count a story's articles, and find anew who had it first."""
    if story_ids:
        execute(session, _RECOUNT, story_ids=list(story_ids))


@dataclass(frozen=True)
class ShownStory:
    """A story in one line."""

    story_id: int
    articles: int
    sources: int
    first_article_id: int | None
    title: str | None
    source: str | None
    """Name of the source that had it first."""
    told_at: datetime | None
    """When the first was published or, where it does not say, seen."""
    last_seen_at: datetime


_LIST = """
SELECT story.id, story.articles,
    (SELECT count(DISTINCT source_id) FROM article WHERE story_id = story.id),
    story.first_article_id, first.title, source.name,
    coalesce(first.published_at, first.created_at), story.last_seen_at
FROM story
LEFT JOIN article AS first ON first.id = story.first_article_id
LEFT JOIN source ON source.id = first.source_id
ORDER BY story.last_seen_at DESC, story.id DESC
LIMIT :limit
"""


def list_latest(session: Session, limit: int = 50) -> list[ShownStory]:
    """Read the stories that grew last, the very last one first."""
    return [ShownStory(*row) for row in execute(session, _LIST, limit=limit)]


@dataclass(frozen=True)
class StoryArticle:
    """One telling of a story."""

    article_id: int
    told_at: datetime
    source: str
    title: str
    url: str | None
    similarity: float | None


_ARTICLES = """
SELECT article.id, coalesce(article.published_at, article.created_at), source.name, article.title,
    article.url, article.story_similarity
FROM article JOIN source ON source.id = article.source_id
WHERE article.story_id = :story_id
ORDER BY 2, 1
"""


def list_articles(session: Session, story_id: int) -> list[StoryArticle]:
    """Read who tells a story, in order: the first had it first. Empty: there is no such story."""
    return [StoryArticle(*row) for row in execute(session, _ARTICLES, story_id=story_id)]
