"""Redirectors that keep their target to themselves: no article's address."""

from __future__ import annotations

import pytest

from ingest.batches import Refused
from ingest.drafting import OPAQUE_NOTE, RawItem, make_draft
from ingest.feeds import parse_feed
from ingest.mail import read_mail
from ingest.opaque_links import is_opaque
from ingest.text import ReadText
from schemas.articles import ArticleDraft
from tests.paths import DATA
from tests.unit.ingest.golden import NOW

CASES = [
    ("https://link.paper.example/click/31.2/aHx9zQ8/b2", True, "a sender under the paper's name"),
    ("https://click.e.paper.example/?qs=5f0e1a77", True, "nothing but a number in the query"),
    ("https://email.paper.example/c/eJxVjk0Ogy", True, "Mailgun, encrypted"),
    ("https://links.paper.example/ls/click?upn=u001", True, "words that only senders use"),
    ("https://tracking.paper.example/CL0/8fA2/1", True, "Amazon's, without the address"),
    ("https://track.paper.example/8f0a2c4e6b", True, "a host for tracking, and a token"),
    ("https://paper.us9.list-manage.com/track/click?u=5f&id=9", True, "Mailchimp"),
    ("https://d2v.eu1.hubspotlinks.com/Ctc/W+113/d2v-04", True, "HubSpot"),
    ("https://u55.ct.sendgrid.net/ls/click?upn=u001.x", True, "SendGrid"),
    ("https://substack.com/redirect/8f-44?j=x", True, "Substack, by number"),
    ("http://feedproxy.google.com/~r/paper/~3/-vHhfcwC74U/", True, "FeedBurner"),
    ("https://t.co/AbC123dEf", True, "a shortener"),
    ("https://bit.ly/", False, "a shortener's own page"),
    ("https://substack.com/home/post/p-1", False, "a page of a host that redirects elsewhere"),
    ("https://link.springer.com/article/10.1007/s00221-4", False, "a publisher named Link"),
    ("https://link.paper.example/storm-damage-repaired", False, "words in place of a token"),
    ("https://paper.example/c/8f0a2c4e6b", False, "a section of that name"),
    ("https://track.example/8f0a2c4e6b", False, "a site of that name"),
    ("https://paper.example/click?id=4", False, "an article on clicks, for all one can tell"),
    ("https://click.paper.example/", False, "a home page"),
    ("https://[broken", False, "what cannot be split"),
    ("", False, "nothing"),
]


@pytest.mark.parametrize(("url", "expected", "reason"), CASES)
def test_redirector_is_known_by_its_host_and_path(url: str, expected: bool, reason: str) -> None:
    assert is_opaque(url) is expected, reason


def draft(url: str) -> ArticleDraft:
    made = make_draft(RawItem("entry 1", ReadText("Fog."), title="Fog", url=url), NOW)
    assert not isinstance(made, Refused)
    return made


def test_redirector_is_kept_to_be_opened_and_identifies_nothing() -> None:
    made = draft("https://link.paper.example/click/31.2/aHx9zQ8")
    assert made.url == "https://link.paper.example/click/31.2/aHx9zQ8"
    assert made.address_key is None
    assert made.notes == (OPAQUE_NOTE,)
    assert draft("https://paper.example/fog").address_key == "paper.example/fog"


def test_address_that_feedburner_replaced_is_taken_where_the_feed_still_tells_it() -> None:
    body = """<rss version='2.0' xmlns:feedburner='http://rssnamespace.org/feedburner/ext/1.0'>
    <channel><item><title>Fog</title><link>http://feedproxy.google.com/~r/paper/~3/x1y2z3</link>
    <feedburner:origLink>https://paper.example/fog</feedburner:origLink></item></channel></rss>"""
    (made,) = parse_feed(body.encode(), url="https://a.example/feed", now=NOW).drafts
    assert (made.url, made.address_key) == ("https://paper.example/fog", "paper.example/fog")


def test_newsletters_item_says_that_its_link_is_a_redirectors() -> None:
    raw = (DATA / "newsletters" / "plain_bullets.eml").read_bytes()
    link = "https://link.larkgate.example/click/31.2/aHx9zQ8"
    raw = raw.replace(b"https://larkgate.example/survey", link.encode())
    items = [item for item in read_mail(raw, "a.eml", NOW) if isinstance(item, ArticleDraft)]
    marked = [item for item in items if item.metadata.get("link_is_redirector")]
    assert [item.metadata["link"] for item in marked] == [link]
    assert all(item.url is None and item.address_key is None for item in items)
