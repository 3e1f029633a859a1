"""From new articles to their stories: moves rows; what is alike, `ingest.stories` decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Protocol

from sqlalchemy.orm import Session

from ingest.minhash import list_keys
from ingest.stories import (
    JUDGED_CHARS,
    JoinStory,
    Opening,
    StartStory,
    decide_stories,
    find_alike,
    part_templates,
    sign_article,
)
from schemas.settings import IngestSettings
from store import signatures, stories
from store.signatures import ArticleSignature
from store.sources import StoredSource
from store.stories import Membership


class Signable(Protocol):
    """A draft or an article."""

    @property
    def title(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def content_key(self) -> str: ...


def is_compared(source: StoredSource, ingest: IngestSettings) -> bool:
    """Whether a source's articles are compared with others; its settings may say no."""
    return ingest.stories and bool(source.settings.get("stories", True))


def sign_drafts(drafts: Iterable[Signable]) -> dict[str, ArticleSignature]:
    """Sign drafts, by content key, outside of any transaction; short ones are left out."""
    signed = {}
    for draft in drafts:
        hashes = sign_article(draft.title, draft.text)
        if hashes is not None:
            signed[draft.content_key] = ArticleSignature(hashes, tuple(list_keys(hashes)))
    return signed


def place_in_stories(
    session: Session,
    article_ids: Sequence[int],
    signed: dict[str, ArticleSignature],
    window: timedelta,
    *,
    edited_ids: Sequence[int] = (),
) -> int:
    """Find who tells what new or edited articles tell, in the transaction that stores them.

    Returns how many of them came to be in a story. An edited article that was in one stays there.
    """
    signatures.forget(session, edited_ids)
    article_ids = [*article_ids, *edited_ids]
    if not article_ids or not signed:
        return 0
    signatures.save(session, article_ids, signed)
    candidates = signatures.find_candidates(session, article_ids)
    if edited_ids:
        candidates += signatures.find_candidates(session, edited_ids, newer=True)
    if not candidates:
        return 0
    found = signatures.load(session, {each for pair in candidates for each in pair})
    candidates = [pair for pair in candidates if pair[0] in found and pair[1] in found]
    alike = find_alike(found, candidates, window)
    read = signatures.load_openings(
        session, {each for pair in alike for each in pair[:2]}, JUDGED_CHARS
    )
    openings = {article_id: Opening(*parts) for article_id, parts in read.items()}
    pairs = part_templates(alike, openings)
    decisions = decide_stories(pairs, {each: found[each].story_id for each in openings})
    _carry_out(session, decisions)
    new = set(article_ids)
    return len({each for pair in pairs for each in pair[:2] if each in new})


def _carry_out(session: Session, decisions: Sequence[JoinStory | StartStory]) -> None:
    """Write what was decided, with as few statements as there are kinds of it."""
    if not decisions:
        return
    started = iter(stories.start(session, sum(isinstance(each, StartStory) for each in decisions)))
    story_ids, memberships = [], []
    for decision in decisions:
        story_id = next(started) if isinstance(decision, StartStory) else decision.story_id
        story_ids.append(story_id)
        memberships += [
            Membership(article_id, story_id, similarity)
            for article_id, similarity in decision.similarities.items()
        ]
        if isinstance(decision, JoinStory) and decision.merged:
            stories.merge(session, story_id, decision.merged)
    stories.join(session, memberships)
    stories.recount(session, story_ids)
