"""Identity: one spelling per address, one key per content."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from ingest.identity import canonical_url, content_key, text_key

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
    ("https://a.example/x?at_medium=RSS&at_campaign=rss", "https://a.example/x", "the BBC's feeds"),
    ("https://a.example/x?CMP=share_btn_tw", "https://a.example/x", "the Guardian's buttons"),
    ("https://a.example/x?srsltid=Af&gad_source=1", "https://a.example/x", "Google's new marks"),
    ("https://a.example/x;jsessionid=F00?a=1", "https://a.example/x?a=1", "a Java session"),
    ("https://a.example/x?PHPSESSID=9", "https://a.example/x", "a PHP session"),
    ("https://a.example/x?cid=17&ref=2", "https://a.example/x?cid=17&ref=2", "may be an article's"),
    (
        "https://a-example.cdn.ampproject.org/c/s/a.example/x/amp",
        "https://a.example/x/amp",
        "out of the AMP cache, https by its s",
    ),
    ("https://www.google.com/amp/s/a.example/x", "https://a.example/x", "out of the AMP viewer"),
    (
        "https://www.google.com/url?q=https%3A%2F%2Fa.example%2Fx%3Futm_source%3Dg&sa=D",
        "https://a.example/x",
        "out of a redirector, then as any other",
    ),
    (
        "https://l.facebook.com/l.php?u=https%3A%2F%2Fa.example%2Fx&h=AT0",
        "https://a.example/x",
        "out of a social network",
    ),
    (
        "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fa.example%2Fx&data=05",
        "https://a.example/x",
        "out of a mail scanner",
    ),
    (
        "https://www.google.com/url?q=https%3A%2F%2Fl.facebook.com%2Fl.php%3Fu%3D"
        "https%253A%252F%252Fa.example%252Fx",
        "https://a.example/x",
        "wrapped twice",
    ),
    (
        "https://www.google.com/url?q=javascript:alert(1)",
        "https://www.google.com/url?q=javascript%3Aalert%281%29",
        "what leads nowhere stays",
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


LONG = "The council voted on its budget on Monday. " * 8
AGREE = [
    ("A title", "A text.", "A title", "A text.", True, "the very same"),
    (
        "A Title.",
        LONG,
        "A title",
        LONG,
        True,
        "case and last dot of a title are the outlet's style",
    ),
    ("“A” title’s", "It’s — 5", '"A" title\'s', "It's - 5", True, "quotes and dashes"),
    ("T", "One  two\n\nthree", "T", "One two three", True, "spacing"),
    ("Town votes | The Harbour Post", LONG, "Town votes", LONG, True, "an outlet's name"),
    ("Town votes - Reuters", LONG, "Town votes", LONG, True, "an outlet's name"),
    ("Weather - Monday", "Read on.", "Weather - Friday", "Read on.", False, "no text to vouch"),
    ("Prices - up 5", LONG, "Prices - up 7", LONG, False, "a number is no outlet's name"),
    ("Town votes", LONG, "Town is up in arms", LONG, False, "another title may say another thing"),
    ("T", "It fell by 5 %.", "T", "It fell by 6 %.", False, "another number"),
    ("T", "It moved by -5 %.", "T", "It moved by 5 %.", False, "another sign"),
    ("T", "It cost $5.", "T", "It cost €5.", False, "another currency"),
    ("T", "3.5 tons", "T", "35 tons", False, "a decimal point"),
    ("T", "10² km", "T", "102 km", False, "a power"),
    ("T", "They told US.", "T", "They told us.", False, "case in a text has a meaning"),
]


@pytest.mark.parametrize(("title", "text", "other_title", "other_text", "agree", "reason"), AGREE)
def test_texts_agree_only_where_a_model_would_read_the_same(
    title: str, text: str, other_title: str, other_text: str, agree: bool, reason: str
) -> None:
    assert (text_key(title, text) == text_key(other_title, other_text)) == agree, reason


def test_articles_without_text_agree_by_their_titles() -> None:
    assert text_key("Comments", "") == text_key("COMMENTS", "")
    assert text_key("Comments", "") != text_key("Comment", "")


@given(st.text(max_size=40), st.text(max_size=200))
def test_any_text_has_a_key_of_32_digits(title: str, text: str) -> None:
    assert len(text_key(title, text)) == 32


@pytest.mark.parametrize(
    "title",
    ["Ferries - " + "p" * 200_000 + " a b c d", "a - " * 50_000 + "1", " | a" * 50_000 + " 1"],
    ids=["one word", "dashes", "bars"],
)
def test_endless_title_is_keyed_as_fast_as_any(title: str) -> None:
    assert text_key(title, LONG) != text_key("Ferries", LONG)
