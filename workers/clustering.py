"""From new articles to their stories: moves rows; what is alike, `ingest.stories` decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy.orm import Session

from ingest.identity import text_key
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
from schemas.articles import ArticleDraft
from store import signatures, stories
from store.signatures import ArticleSignature
from store.stories import Membership


def sign_drafts(drafts: Iterable[ArticleDraft]) -> dict[str, ArticleSignature]:
    """Sign drafts, by content key, outside of any transaction; short ones are left out."""
    signed = {}
    for draft in drafts:
        hashes = sign_article(draft.title, draft.text)
        if hashes is not None:
            keys = tuple(list_keys(hashes))
            signed[draft.content_key] = ArticleSignature(
                hashes, keys, text_key(draft.title, draft.text)
            )
    return signed


def place_in_stories(
    session: Session,
    article_ids: Sequence[int],
    signed: dict[str, ArticleSignature],
    window: timedelta,
) -> int:
    """Find who tells what the new articles tell, in the transaction that stores them.

    Returns how many of them came to be in a story.
    """
    if not article_ids or not signed:
        return 0
    signatures.save(session, article_ids, signed)
    candidates = signatures.find_candidates(session, article_ids)
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
