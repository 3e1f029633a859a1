"""The feeds that a page names, and probing an address for one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ingest.discovery import find_feed_links
from ingest.http import Fetched, NotModified
from ingest.probing import probe_feed
from schemas.errors import PermanentError, TransientError
from tests.paths import DATA
from tests.unit.ingest.golden import NOW

FEED = (DATA / "feeds" / "rss.xml").read_bytes()
PAGE = b"""<!doctype html><html><head><base href="/blog/">
<link rel=alternate type="application/rss+xml" title="Comments feed" href="comments.xml">
<link rel="alternate" type="application/feed+json" href="feed.json">
<link rel="ALTERNATE home" type="application/atom+xml; charset=utf-8" title="All" href="atom.xml">
<link rel="alternate" type="application/json" href="/wp-json/7">
<link rel="alternate" hreflang="de" href="/de/"><link rel="stylesheet" href="x.css">
<link rel="alternate" type="application/rss+xml" href="javascript:alert(1)">
<link rel="alternate" type="application/rss+xml" href="http://[broken">
<link rel="alternate" type="application/atom+xml" href="atom.xml">
</head><body><p>Hello</body></html>"""


@dataclass
class FakeSite:
    """Answers with pages by address."""

    pages: dict[str, bytes]

    def fetch(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Fetched | NotModified:
        if url not in self.pages:
            raise PermanentError(f"{url}: the server answered 404", url=url, status=404)
        return Fetched(self.pages[url], url)


def test_feeds_come_best_first_each_once_and_absolute() -> None:
    links = find_feed_links(PAGE, "https://news.example/index.html")
    assert [link.url for link in links] == [
        "https://news.example/blog/atom.xml",
        "https://news.example/blog/feed.json",
        "https://news.example/blog/comments.xml",
    ]
    assert links[0].title == "All"


@pytest.mark.parametrize("body", [b"", b"\x00\xff", b"<", b"<html></html>", b"plain text"])
def test_page_without_feeds_names_none(body: bytes) -> None:
    assert find_feed_links(body, "https://news.example/") == []


def test_feed_itself_is_taken_as_it_is() -> None:
    probe = probe_feed(
        "https://news.example/rss", FakeSite({"https://news.example/rss": FEED}), NOW
    )
    assert (probe.url, probe.feed.title) == ("https://news.example/rss", "The Harbour Post")


def test_first_readable_feed_of_a_page_is_found() -> None:
    site = FakeSite({"https://news.example/": PAGE, "https://news.example/blog/comments.xml": FEED})
    probe = probe_feed("https://news.example/", site, NOW)
    assert probe.url == "https://news.example/blog/comments.xml"
    assert len(probe.others) == 2


@pytest.mark.parametrize(
    ("page", "reason"),
    [(PAGE, "the feeds that it names cannot be read"), (b"<html></html>", "names no feed")],
)
def test_page_without_a_readable_feed_says_so(page: bytes, reason: str) -> None:
    with pytest.raises((PermanentError, TransientError), match=reason):
        probe_feed("https://news.example/", FakeSite({"https://news.example/": page}), NOW)
