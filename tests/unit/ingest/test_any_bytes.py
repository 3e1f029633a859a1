"""Any bytes to any parser: drafts that can be stored, or reasons; never an exception."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from contextlib import suppress

from hypothesis import given, settings, strategies as st

from ingest.batches import Refused
from ingest.corpora import read_corpus
from ingest.discovery import find_feed_links
from ingest.extraction import answer_page
from ingest.feeds import parse_feed
from ingest.mail import read_mail
from ingest.mailboxes import read_mbox
from ingest.markup import read_all_html, read_html
from ingest.opml import read_opml, write_opml
from schemas.articles import ArticleDraft
from schemas.errors import ConfigError
from tests.unit.ingest.golden import NOW, inputs


def broken_copies_of(folder: str, pattern: str) -> st.SearchStrategy[bytes]:
    """Take a real input, and cut it or write over a piece of it."""
    originals = st.sampled_from([path.read_bytes() for path in inputs(folder, pattern)])

    def damage(parts: tuple[bytes, int, bytes]) -> bytes:
        original, place, graft = parts
        place %= len(original) + 1
        return original[:place] + graft + original[place + len(graft) :]

    grafts = st.binary(max_size=12) | st.sampled_from(
        [b"&#0;", b"&#xD800;", b"]]>", b"\xed\xa0\x80"]
    )
    return st.tuples(originals, st.integers(0), grafts).map(damage) | st.binary(max_size=300)


def assert_storable(outcomes: Iterable[ArticleDraft | Refused]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, Refused):
            assert outcome.reason
            continue
        assert outcome.title
        row = json.dumps(outcome.model_dump(mode="json"), ensure_ascii=False)
        row.encode("utf-8")
        assert "\\u0000" not in row
        assert ArticleDraft.model_validate(outcome.model_dump()) == outcome


@settings(max_examples=150, deadline=None)
@given(broken_copies_of("feeds", "*.xml"), st.none() | st.text(max_size=30))
def test_any_bytes_are_a_feed_or_a_reason(body: bytes, content_type: str | None) -> None:
    feed = parse_feed(body, url="https://a.example/f", now=NOW, content_type=content_type)
    assert_storable([*feed.drafts, *feed.refused])
    assert feed.drafts or feed.refused or feed.notes


@settings(max_examples=150, deadline=None)
@given(broken_copies_of("mails", "*.eml"))
def test_any_bytes_are_a_mail_or_a_reason(raw: bytes) -> None:
    assert_storable(read_mail(raw, "any.eml", NOW))
    assert_storable(item.outcome for item in read_mbox(io.BytesIO(raw), 0, NOW))


PIECES = (
    b"Content-Type: multipart/mixed; boundary=b\n\n",
    b"Content-Type: multipart/digest; boundary=c\n\n",
    b"Content-Type: message/rfc822\n\n",
    b"Content-Type: text/html; charset=utf-16\n",
    b"Content-Transfer-Encoding: base64\n",
    b"Content-Transfer-Encoding: uuencode\n",
    b"Content-Disposition: attachment\n",
    b"Subject: =?x?b?=\n",
    *(b"--b\n", b"--c\n", b"--b--\n", b"--c--\n", b"\n", b"text\n", b"\x80\n"),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join))
def test_any_nesting_of_parts_is_a_mail_or_a_reason(raw: bytes) -> None:
    assert_storable(read_mail(b"Subject: x\n" + raw, "any.eml", NOW))


MARKUP_PIECES = [
    *(b"<link rel=alternate type=text/xml href=", b"<base href=", b"//[", b"'", b">", b"<opml>"),
    *(b"<outline xmlUrl='", b"' text='", b"'/>", b"</outline>", b"<!DOCTYPE a [", b"\xff", b"&#0;"),
]
MARKUP = st.lists(st.sampled_from(MARKUP_PIECES) | st.binary(max_size=8), max_size=25).map(b"".join)


@settings(max_examples=100, deadline=None)
@given(MARKUP)
def test_any_bytes_name_feeds_or_none(body: bytes) -> None:
    for link in find_feed_links(body, "https://a.example/"):
        assert link.url.startswith(("http://", "https://"))
    with suppress(ConfigError):
        assert read_opml(write_opml(read_opml(body))) is not None


@settings(max_examples=60, deadline=None)
@given(MARKUP, st.none() | st.text(max_size=30))
def test_any_bytes_are_a_page(body: bytes, content_type: str | None) -> None:
    answer = answer_page(body, url="https://a.example/", content_type=content_type)
    json.dumps(answer)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(), max_size=30),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values),
    max_leaves=8,
)
NAMES = "id title content text description published_date source url language tags author".split()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.binary(max_size=80)
        | st.dictionaries(st.sampled_from(NAMES), JSON_VALUES).map(lambda r: json.dumps(r).encode())
    ).map(b"\n".join)
)
def test_any_lines_are_articles_or_reasons(data: bytes) -> None:
    assert_storable(item.outcome for item in read_corpus(io.BytesIO(data), 0, NOW))


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(), max_size=300) | st.text("<>/!&;#=\"' \nabdhiprtvy0x", max_size=300))
def test_any_markup_is_read(markup: str) -> None:
    page = f"<html><body>{markup}"
    for read in (read_html(markup), read_html(page), read_all_html(page)):
        read.text.encode("utf-8")
        for link in read.links:
            link.url.encode("utf-8")
