"""Parsing feeds that could be traps: large ones in the helper process, with a time limit.

feedparser takes minutes for some feeds of two megabytes, such as 600,000 elements one inside the
other. A small feed cannot cost more than about a second, whatever is in it, and is parsed here.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from ingest.batches import Refused
from ingest.feeds import parse_feed
from ingest.helper import Helper
from ingest.parsed_feeds import ParsedFeed, refuse_feed
from schemas.articles import ArticleDraft

SMALL_BYTES = 50_000
LIMIT_S = 30.0
"""Feeds of 5 MB take 5 s on an idle core of 2026."""


class FeedParser:
    """Parses feeds as `ingest.feeds.parse_feed` does, but never for longer than its limit."""

    def __init__(self, helper: Helper, *, limit_s: float = LIMIT_S) -> None:
        self._helper = helper
        self._limit_s = limit_s

    def __call__(
        self, body: bytes, *, url: str, now: datetime, content_type: str | None = None
    ) -> ParsedFeed:
        """Turn any bytes into drafts and reasons."""
        if len(body) <= SMALL_BYTES:
            return parse_feed(body, url=url, now=now, content_type=content_type)
        answer = self._helper.ask(
            "feed",
            body,
            limit_s=self._limit_s,
            url=url,
            now=now.isoformat(),
            content_type=content_type,
        )
        if answer is None:
            return refuse_feed(f"it could not be read within {self._limit_s:g} s")
        return _load_feed(answer)


def answer_feed(body: bytes, *, url: str, now: str, content_type: str | None) -> dict[str, Any]:
    """Parse a feed; runs in the helper."""
    moment = datetime.fromisoformat(now)
    feed = parse_feed(body, url=url, now=moment, content_type=content_type)
    return {
        "drafts": [draft.model_dump(mode="json") for draft in feed.drafts],
        "refused": [asdict(item) for item in feed.refused],
        "notes": feed.notes,
        "is_unreadable": feed.is_unreadable,
        "title": feed.title,
        "ttl_s": feed.ttl.total_seconds() if feed.ttl else None,
    }


def _load_feed(answer: dict[str, Any]) -> ParsedFeed:
    return ParsedFeed(
        drafts=tuple(ArticleDraft.model_validate(draft) for draft in answer["drafts"]),
        refused=tuple(Refused(**item) for item in answer["refused"]),
        notes=tuple(answer["notes"]),
        is_unreadable=answer["is_unreadable"],
        title=answer["title"],
        ttl=timedelta(seconds=answer["ttl_s"]) if answer["ttl_s"] else None,
    )
