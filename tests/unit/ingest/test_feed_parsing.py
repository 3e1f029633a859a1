"""Large feeds are parsed by the helper, to the same result and within a limit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingest.feed_parsing import SMALL_BYTES, FeedParser
from ingest.feeds import parse_feed
from ingest.helper import Helper
from tests.paths import DATA
from tests.unit.ingest.golden import NOW

URL = "https://feeds.example/rss"
FEED = (DATA / "feeds" / "rss.xml").read_bytes()
PADDING = b"<!--" + b"x" * SMALL_BYTES + b"-->"


@pytest.fixture(scope="module")
def helper() -> Iterator[Helper]:
    """One process for all: none of them leaves anything behind in it, or it is killed."""
    helper = Helper()
    yield helper
    helper.close()


@pytest.mark.parametrize("name", ["rss.xml", "atom.xml", "page.xml", "broken.xml"])
def test_large_feed_gives_the_same_as_a_small_one(helper: Helper, name: str) -> None:
    body = (DATA / "feeds" / name).read_bytes() + PADDING
    assert FeedParser(helper)(body, url=URL, now=NOW) == parse_feed(body, url=URL, now=NOW)


def test_small_feed_needs_no_helper() -> None:
    helper = Helper()
    assert len(FeedParser(helper)(FEED, url=URL, now=NOW).drafts) == 3
    assert helper._process is None


def test_feed_that_takes_too_long_is_refused_and_costs_no_other(helper: Helper) -> None:
    trap = b"<rss version='2.0'><channel><item>" + b"<zz>" * 600_000
    feed = FeedParser(helper, limit_s=0.5)(trap, url=URL, now=NOW)
    assert feed.is_unreadable
    assert feed.refused[0].reason == "it could not be read within 0.5 s"
    assert len(FeedParser(helper, limit_s=60)(FEED + PADDING, url=URL, now=NOW).drafts) == 3
