"""What is secret in an address is left out; what names it stays."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from ingest.recordings.masking import is_masked, mask_text, mask_url

# address, as it is recorded, why
ADDRESSES = [
    ("https://a.example/feed.xml", "https://a.example/feed.xml", "nothing secret"),
    ("https://ada:pw@a.example/feed", "https://a.example/feed", "a password"),
    ("https://a.example/f?token=abc", "https://a.example/f?token=masked", "a token"),
    ("https://a.example/f?page=2&auth_key=x#y", "https://a.example/f?page=2&auth_key=masked#y", ""),
    ("https://a.example/f?apiKey=1&id=7", "https://a.example/f?apiKey=masked&id=7", "in one word"),
    ("https://a.example/f?AccessToken=1", "https://a.example/f?AccessToken=masked", "in capitals"),
    ("https://a.example/f?X-Amz-Signature=1", "https://a.example/f?X-Amz-Signature=masked", ""),
    ("https://a.example/f?author=ada", "https://a.example/f?author=ada", "no word of it is auth"),
    ("https://a.example/f?monkey=1", "https://a.example/f?monkey=1", "no word of it is key"),
    ("https://a.example/f?token=", "https://a.example/f?token=", "empty"),
    ("https://a.example/f?a&b?my?token=1", "https://a.example/f?a&b?my?token=masked", "odd marks"),
    ("imaps://me@example.org@mail.example.org/INBOX", None, "it names the account"),
    ("gmail://me@gmail.com?label=News", None, "it names the account"),
]


@pytest.mark.parametrize(("url", "masked", "why"), ADDRESSES)
def test_secrets_of_an_address_are_left_out(url: str, masked: str | None, why: str) -> None:
    assert mask_url(url) == (masked or url), why


@given(st.text())
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask_url(f"https://a.example/{text}")
    assert mask_url(once) == once


@pytest.mark.parametrize("row", ["?" * 200_000, "&a" * 100_000, "?a=" * 70_000])
def test_endless_address_is_masked_as_fast_as_any(row: str) -> None:
    assert mask_url(f"https://a.example/{row}#?key=1") == f"https://a.example/{row}#?key=masked"


def test_masked_address_is_known_as_such_and_left_out_of_texts() -> None:
    url = "https://a.example/f?token=abc"
    assert is_masked(mask_url(url))
    assert not is_masked(url)
    assert mask_text(f"{url}: no answer", url) == "https://a.example/f?token=masked: no answer"
