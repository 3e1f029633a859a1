"""The feeds that a web page names: `<link rel="alternate">`, best first. Fetches nothing."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urljoin

from lxml import etree, html  # type: ignore[import-untyped]

from ingest.text import one_line

MAX_PAGE_BYTES = 1_000_000
MAX_FEEDS = 20
FEED_TYPES = {
    "application/rss+xml": 0,
    "application/atom+xml": 0,
    "application/rdf+xml": 1,
    "application/feed+json": 1,
    "application/xml": 2,
    "text/xml": 2,
}
"""With their rank: what says outright that it is a feed comes first. Plain `application/json` is
left out: WordPress names its programming interface so on every page."""


@dataclass(frozen=True)
class FeedLink:
    """A feed as a page names it."""

    url: str
    title: str = ""


def find_feed_links(body: bytes, base_url: str) -> list[FeedLink]:
    """Give the feeds that a page names, those of comments last, each address once."""
    parser = html.HTMLParser(remove_comments=True, remove_pis=True, no_network=True)
    try:
        tree = html.document_fromstring(body[:MAX_PAGE_BYTES], parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, AssertionError, ValueError):
        return []
    base = next((each.get("href") for each in tree.iter("base") if each.get("href")), "")
    found = [
        (_rank(link), FeedLink(url, one_line(link.get("title") or "")))
        for link in tree.iter("link", "a")
        if _is_feed(link) and (url := _absolute(link.get("href"), base_url, base))
    ]
    ordered = [link for _, link in sorted(found, key=lambda pair: pair[0])]
    return list({link.url: link for link in reversed(ordered)}.values())[::-1][:MAX_FEEDS]


def _is_feed(link: html.HtmlElement) -> bool:
    relations = (link.get("rel") or "").lower().split()
    is_named = "alternate" in relations or "feed" in relations
    return is_named and _type(link) in FEED_TYPES


def _type(link: html.HtmlElement) -> str:
    return (link.get("type") or "").partition(";")[0].strip().lower()


def _rank(link: html.HtmlElement) -> tuple[bool, int]:
    told = f"{link.get('href')} {link.get('title')}".lower()
    return "comment" in told, FEED_TYPES[_type(link)]


def _absolute(href: str | None, base_url: str, base: str) -> str | None:
    try:
        url = urljoin(urljoin(base_url, base), (href or "").strip()) if href else ""
    except ValueError:
        return None
    return url if url.lower().startswith(("http://", "https://")) else None
