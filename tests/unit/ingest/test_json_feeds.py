"""JSON Feed: what it gives, and what it may not do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from ingest.feeds import parse_feed
from ingest.parsed_feeds import MAX_ITEMS, ParsedFeed
from tests.unit.ingest.golden import NOW
from tests.unit.ingest.test_any_bytes import JSON_VALUES, assert_storable

VERSION = "https://jsonfeed.org/version/1.1"


def parse(items: Any, **more: Any) -> ParsedFeed:
    feed = {"version": VERSION, "title": "The Harbour Post", "items": items, **more}
    return parse_feed(json.dumps(feed).encode(), url="https://a.example/feed.json", now=NOW)


def test_item_gives_all_its_parts() -> None:
    item = {
        "id": 7,
        "url": "https://harbour.example/ferry?utm_source=feed",
        "title": "Ferry line opens",
        "content_html": "<p>Two piers &amp; a bridge.</p><p><a href='/fares'>Fares</a> stay.</p>",
        "date_published": "2026-11-02T08:15:00+01:00",
        "authors": [{"name": "Ada Quay"}, {"url": "https://b.example"}, {"name": "Bo Pier"}],
        "tags": ["Transport", 5, "City"],
        "language": "en-GB",
    }
    feed = parse([item])
    (draft,) = feed.drafts
    assert (draft.external_id, draft.title, draft.language) == ("7", "Ferry line opens", "en")
    assert draft.url == "https://harbour.example/ferry"
    assert draft.text == "Two piers & a bridge.\n\nFares stay."
    assert draft.links[0].url == "https://harbour.example/fares"
    assert draft.published_at is not None
    assert draft.published_at.isoformat() == "2026-11-02T07:15:00+00:00"
    assert draft.author == "Ada Quay, Bo Pier"
    assert draft.metadata == {"feed_title": "The Harbour Post", "tags": ["Transport", "City"]}
    assert feed.title == "The Harbour Post"


@pytest.mark.parametrize(
    "item",
    [
        {"content_text": "Fog closed the harbour."},
        {"id": "x", "summary": "Fog closed the harbour.", "title": None, "date_published": "soon"},
        {"title": "Fog", "tags": "none", "authors": "Ada", "content_html": 5},
    ],
)
def test_item_with_parts_missing_is_still_an_article(item: dict[str, Any]) -> None:
    assert len(parse([item]).drafts) == 1


def test_bad_items_cost_only_themselves() -> None:
    feed = parse([None, "text", {}, {"title": "Fog"}])
    assert [draft.title for draft in feed.drafts] == ["Fog"]
    assert [refused.where for refused in feed.refused] == ["entry 1", "entry 2", "entry 3"]


def test_endless_list_is_cut_with_a_note() -> None:
    items: list[Any] = [{"title": f"Item {n}"} for n in range(MAX_ITEMS + 2)]
    feed = parse([*items, {"title": "Newest", "date_published": "2026-10-01T10:00:00Z"}, 7])
    assert [len(feed.drafts), feed.drafts[-1].title] == [MAX_ITEMS, "Newest"]
    assert feed.notes == ("the feed has 2,004 entries: the newest 2,000 were taken",)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "begins like JSON but is none"),
        (b'{"a":' * 100_000, "begins like JSON but is none"),
        (b'{"error": "no such feed"}', "no list of items"),
        (b'{"items": []}', "names no version"),
        (b"\xef\xbb\xbf {}", "no list of items"),
    ],
)
def test_json_that_is_no_feed_says_why(body: bytes, reason: str) -> None:
    feed = parse_feed(body, url="https://a.example/", now=NOW)
    assert feed.is_unreadable
    assert reason in feed.refused[0].reason


NAMES = "id url title content_html content_text summary date_published authors tags".split()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), JSON_VALUES), max_size=4))
def test_any_values_are_articles_or_reasons(items: list[dict[str, Any]]) -> None:
    feed = parse(items)
    assert_storable([*feed.drafts, *feed.refused])
    assert len(feed.drafts) + len(feed.refused) == len(items)
