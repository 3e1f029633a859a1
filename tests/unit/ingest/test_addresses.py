"""Addresses: one key for all forms of one, and none for two articles."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from ingest.addresses import address_key, choose_address
from ingest.identity import canonical_url

SAME = [
    ("http://a.example/x", "https://a.example/x", "http and https"),
    ("https://www.a.example/x", "https://a.example/x", "www"),
    ("https://m.a.example/x", "https://www.a.example/x", "the mobile site"),
    ("https://mobile.a.example/x", "https://a.example/x", "the mobile site"),
    ("https://en.m.a.example/x", "https://en.a.example/x", "Wikipedia's mobile site"),
    ("https://amp.a.example/x", "https://a.example/x", "the AMP site"),
    ("https://a.example/x/amp", "https://a.example/x", "the AMP page"),
    ("https://a.example/x/amp/", "https://a.example/x/", "the AMP page, with a slash"),
    ("https://a.example/amp/x", "https://a.example/x", "the AMP folder"),
    ("https://a.example/x.amp", "https://a.example/x", "the AMP suffix"),
    ("https://a.example/x.amp.html", "https://a.example/x.html", "the AMP suffix"),
    ("https://a.example/x?amp=1", "https://a.example/x", "the AMP parameter"),
    ("https://a.example/x?amp", "https://a.example/x", "the AMP parameter without value"),
    ("https://a.example/x?outputType=amp", "https://a.example/x", "the AMP output"),
    ("https://a.example/x?m=1", "https://a.example/x", "Blogger's mobile page"),
    ("https://a.example/x/", "https://a.example/x", "the last slash"),
    ("https://a.example/x/index.html", "https://a.example/x", "the folder's page"),
    ("https://a.example/%7Ejo/x", "https://a.example/~jo/x", "an escape that none needs"),
    ("https://a.example/%c3%a4", "https://a.example/%C3%A4", "an escape in small letters"),
]
DIFFERENT = [
    ("https://a.example/x", "https://b.example/x", "another site"),
    ("https://a.example/x", "https://blog.a.example/x", "another part of a site"),
    ("https://a.example/x", "https://a.example:8443/x", "another port"),
    ("https://a.example/X", "https://a.example/x", "paths know case"),
    ("https://a.example/?p=1", "https://a.example/?p=2", "a question is an address"),
    ("https://a.example/x?m=2", "https://a.example/x", "a parameter that only looks like it"),
    ("https://a.example/x?output=pdf", "https://a.example/x", "another output"),
    ("https://a.example/amplifier", "https://a.example/lifier", "amp at the start of a word"),
    ("https://m.co.uk/x", "https://amp.co.uk/x", "a label that is the site itself"),
    ("https://m.example/x", "https://amp.example/x", "a label that is the site itself"),
]


@pytest.mark.parametrize(("one", "other", "reason"), SAME)
def test_forms_of_one_address_have_one_key(one: str, other: str, reason: str) -> None:
    assert address_key(canonical_url(one)) == address_key(canonical_url(other)), reason


@pytest.mark.parametrize(("one", "other", "reason"), DIFFERENT)
def test_addresses_of_two_articles_have_two_keys(one: str, other: str, reason: str) -> None:
    assert address_key(canonical_url(one)) != address_key(canonical_url(other)), reason


@given(st.text(max_size=200).map("https://a.example/".__add__) | st.text(max_size=200))
def test_any_address_has_an_ascii_key_or_none(url: str) -> None:
    canonical = canonical_url(url)
    key = address_key(canonical)
    assert (key is None) == (canonical is None)
    assert key is None or (key.isascii() and key.isprintable())


DECLARED = [
    ("https://a.example/n?id=1", "https://a.example/x", "https://a.example/x", "its own page"),
    ("https://a.example/x?id=1", "https://a.example/x", "https://a.example/x?id=1", "no question"),
    ("https://m.a.example/x", "https://www.a.example/y", "https://www.a.example/y", "same site"),
    ("https://a.example/x", "https://news.a.example/x", "https://news.a.example/x", "its part"),
    (None, "https://a.example/x", "https://a.example/x", "nothing else is known"),
    ("https://a.example/x", None, "https://a.example/x", "nothing is declared"),
    ("https://a.example/x", "https://b.example/x", "https://a.example/x", "another's page"),
    ("https://a.example/x", "https://nota.example/x", "https://a.example/x", "another's, alike"),
    ("https://a.example/news/x", "https://a.example/news", "https://a.example/news/x", "section"),
    ("https://a.example/x/amp", "https://a.example/x", "https://a.example/x", "no section"),
    (None, None, None, "nothing at all"),
]


@pytest.mark.parametrize(("stated", "declared", "chosen", "reason"), DECLARED)
def test_page_speaks_for_its_own_site_only(
    stated: str | None, declared: str | None, chosen: str | None, reason: str
) -> None:
    assert choose_address(stated, declared) == chosen, reason
