"""Plain text: what is stored must be storable, and spans found later must still hold."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, strategies as st

from ingest.text import MAX_TEXT_CHARS, clean_text, one_line, read_plain

CASES = [
    ("a\r\nb\rc", "a\nb\nc", "line ends of three systems"),
    ("one\n\n\n \n two", "one\n\ntwo", "paragraphs are parted by one blank line"),
    ("a  b\t\tc\u00a0d", "a b c d", "blanks of all kinds are one space"),
    ("a\x00b\x1bc", "a b c", "control characters, which Postgres refuses"),
    ("a\ud800b", "a b", "half a surrogate pair, which UTF-8 refuses"),
    ("Cafe\u0301", "Café", "one code point for a letter and its accent"),
    ("e\u200b\u0301", "é", "also when padding stood between them"),
    ("soft\u00adhyphen \u200c\u200c\ufeff!", "softhyphen !", "padding of mail previews"),
]


@pytest.mark.parametrize(("raw", "clean", "reason"), CASES)
def test_text_is_cleaned(raw: str, clean: str, reason: str) -> None:
    assert clean_text(raw) == (clean, None), reason


def test_long_text_is_cut_with_a_note() -> None:
    text, note = clean_text("x" * (MAX_TEXT_CHARS + 1))
    assert len(text) == MAX_TEXT_CHARS
    assert note == "the text was cut at 200,000 characters"


@given(st.text(st.characters()))
def test_any_text_becomes_storable_and_stays_as_it_is_when_cleaned_again(raw: str) -> None:
    text, _ = clean_text(raw)
    assert text.encode("utf-8").decode("utf-8") == text
    assert "\x00" not in text
    assert unicodedata.is_normalized("NFC", text)
    assert clean_text(text)[0] == text
    assert "\n" not in one_line(raw)


def test_addresses_in_plain_text_are_links_once() -> None:
    text = "See https://a.example/x, (https://a.example/y) and https://a.example/x."
    assert [link.url for link in read_plain(text).links] == [
        "https://a.example/x",
        "https://a.example/y",
    ]
