"""Outcomes: all that the mill has made of its inputs, without what differs from run to run.

Rows are named by what they say (content keys, locations), never by an id, and come in the order
of these names. Left out, for each run has its own: ids; moments of storing, polling and being due;
cursors and rhythms of sources, names that a person gave them; times and costs of readings, and
which of several equal texts was the one that was read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

PORTION = 500
"""Rows that are held at a time."""

_ARTICLES = """
SELECT article.content_key, source.kind AS source_kind, source.location AS source,
    article.external_id,
    article.title, article.text, article.url, article.address_key, article.revision,
    article.published_at, article.author, article.language, article.links, article.metadata,
    article.notes, first.content_key AS story, article.story_similarity,
    coalesce((
        SELECT jsonb_agg(jsonb_build_object('number', number, 'title', revision.title,
            'text', revision.text, 'content_key', revision.content_key) ORDER BY number)
        FROM revision WHERE revision.article_id = article.id
    ), '[]') AS revisions
FROM article
JOIN source ON source.id = article.source_id
LEFT JOIN story ON story.id = article.story_id
LEFT JOIN article AS first ON first.id = story.first_article_id
ORDER BY article.content_key COLLATE "C"
"""

_SCREENINGS = """
SELECT content_key AS article, lens, lens_version, decision, rule_id, span_start, span_end,
    matched, audit
FROM screening JOIN article ON article.id = screening.article_id
ORDER BY content_key COLLATE "C", lens COLLATE "C", lens_version
"""

_SOURCES = """
SELECT kind, location, state, failures, last_error, notes,
    (SELECT count(*) FROM article WHERE article.source_id = source.id) AS articles
FROM source
ORDER BY kind COLLATE "C", location COLLATE "C"
"""

_STORIES = """
SELECT first.content_key AS first, story.articles,
    array(SELECT content_key FROM article WHERE story_id = story.id
          ORDER BY content_key COLLATE "C") AS members
FROM story LEFT JOIN article AS first ON first.id = story.first_article_id
ORDER BY first.content_key COLLATE "C"
"""

_ANALYSES = """
SELECT content_key AS article, analysis.lens, lens_version, status, reason, values, confidences,
    analysis.notes, score, tier, analysis.effort, analysis.postponed, completion.build,
    completion.contract_version, completion.stream
FROM analysis
JOIN article ON article.id = analysis.article_id
LEFT JOIN completion ON completion.id = analysis.completion_id
ORDER BY content_key COLLATE "C", analysis.lens COLLATE "C", lens_version
"""

QUERIES = {
    "analysis": _ANALYSES,
    "article": _ARTICLES,
    "screening": _SCREENINGS,
    "source": _SOURCES,
    "story": _STORIES,
}
"""By the kind of row, in the order in which the kinds are given."""


def read_outcomes(session: Session) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every row with its kind, a portion at a time."""
    connection = session.connection(execution_options={"yield_per": PORTION})
    for kind, query in QUERIES.items():
        for row in connection.execute(text(query)).mappings():
            yield kind, dict(row)
