"""Identity: one spelling per address, one key per content."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from ingest.identity import canonical_url, content_key

URLS = [
    ("HTTPS://News.Example/A?b=2&a=1#top", "https://news.example/A?a=1&b=2", "case, order, anchor"),
    ("http://a.example:80/x", "http://a.example/x", "default port"),
    ("https://a.example:443/x", "https://a.example/x", "default port of https"),
    ("https://a.example:8443/x", "https://a.example:8443/x", "another port stays"),
    ("https://me:pw@a.example/x", "https://a.example/x", "credentials"),
    ("https://a.example/x?utm_source=rss&fbclid=1&gclid=2", "https://a.example/x", "tracking"),
    (
        "https://a.example/x?mc_cid=1&mc_eid=2&id=3",
        "https://a.example/x?id=3",
        "only tracking goes",
    ),
    ("https://a.example/x?flag", "https://a.example/x?flag=", "a name without value stays"),
    ("https://a.example/ä b", "https://a.example/%C3%A4%20b", "path of any script"),
    ("https://a.example/%C3%A4%20b", "https://a.example/%C3%A4%20b", "escapes are kept"),
    ("https://bücher.example/x", "https://xn--bcher-kva.example/x", "host of any script"),
    ("https://a.example./x", "https://a.example/x", "the root's dot"),
    ("https://[2001:db8::1]/x", "https://[2001:db8::1]/x", "an address with colons"),
    ("https://a.example/", None, "a home page is no article"),
    ("https://a.example", None, "a home page is no article"),
    ("https://a.example/index.html?utm_medium=x", None, "a home page with tracking"),
    ("https://a.example/?p=17", "https://a.example/?p=17", "a home page with a question is one"),
    ("mailto:a@b.example", None, "no web address"),
    ("ftp://a.example/x", None, "no web address"),
    ("https:///x", None, "no host"),
    ("https://a b.example/x", None, "a broken host"),
    ("https://a\x00b.example/x", None, "a host that cannot be stored"),
    ("https://a.example:port/x", None, "a broken port"),
    ("https://[::1/x", None, "a broken bracket"),
    ("https://a.example/" + "x" * 2000, None, "too long for an index"),
    ("", None, "nothing"),
    (None, None, "nothing"),
]


@pytest.mark.parametrize(("url", "canonical", "reason"), URLS)
def test_address_has_one_spelling(url: str | None, canonical: str | None, reason: str) -> None:
    assert canonical_url(url) == canonical, reason


@given(st.text(max_size=200).map("https://a.example/".__add__) | st.text(max_size=200))
def test_canonical_address_of_any_text_is_ascii_and_canonical(url: str) -> None:
    canonical = canonical_url(url)
    if canonical is not None:
        assert canonical.isascii()
        assert canonical_url(canonical) == canonical


def test_content_key_is_blind_to_case_spacing_and_unicode_form() -> None:
    key = content_key("The Café", "Fine words.\n\nMore.")
    assert key == content_key("THE CAFE\u0301", "fine words. more.")
    assert len(key) == 32
    assert set(key) <= set("0123456789abcdef")


def test_content_key_tells_different_texts_apart() -> None:
    assert content_key("Title", "one") != content_key("Title", "two")


def test_content_key_never_changes_between_releases() -> None:
    # Stored keys would no longer find their articles.
    assert content_key("Title", "Some text.") == "e063a7c1128a272fce6585ef0a674732"


def test_items_without_text_are_told_apart_by_their_address() -> None:
    today = content_key("Weather report", "", "https://a.example/1")
    assert today != content_key("Weather report", "", "https://a.example/2")
    assert content_key("T", "x", "https://a.example/1") == content_key("T", "x", None)
