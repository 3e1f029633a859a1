"""Whole issues: golden pairs, any bytes at all, and one that means harm."""

from __future__ import annotations

import email
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from ingest.batches import Refused
from ingest.mail import read_mail
from ingest.newsletters.blocks import Block
from ingest.newsletters.html_blocks import FLATTENED_NOTE, read_html_blocks
from ingest.newsletters.issues import MAX_ITEMS, drop_boilerplate, read_issue
from ingest.newsletters.items import make_items
from ingest.newsletters.segments import Segment
from ingest.text import ReadText
from schemas.articles import ArticleDraft, Link
from tests.unit.ingest.golden import NOW, expected, inputs
from tests.unit.ingest.test_any_bytes import assert_storable, broken_copies_of

ISSUES = inputs("newsletters", "*.eml")
SINGLE = {
    "announcement",
    "essay",
    "interview",
    "list_discussion",
    "listicle_essay",
    "order_confirmation",
    "personal_mail",
    "plain_essay",
    "sponsored_essay",
}


def drafts_of(path: Path) -> list[ArticleDraft]:
    outcomes = read_mail(path.read_bytes(), path.name, NOW)
    return [outcome for outcome in outcomes if isinstance(outcome, ArticleDraft)]


@pytest.mark.parametrize("path", ISSUES, ids=lambda path: path.stem)
def test_issue_gives_the_items_of_its_golden_pair(path: Path) -> None:
    items = [
        {
            "section": draft.metadata.get("section", ""),
            "title": draft.title,
            "text": draft.text,
            "link": draft.metadata.get("link"),
            "sponsored": draft.metadata["sponsored"],
        }
        for draft in drafts_of(path)
        if "order" in draft.metadata
    ]
    assert items == expected(path)["items"]


@pytest.mark.parametrize("path", ISSUES, ids=lambda path: path.stem)
def test_no_item_says_how_to_unsubscribe(path: Path) -> None:
    for draft in drafts_of(path):
        if draft.metadata["subject"].startswith("Re:") or "order" not in draft.metadata:
            continue
        assert "nsubscribe" not in draft.text
        assert not [link for link in draft.links if "unsub" in link.url or "prefs" in link.url]


def test_title_is_borrowed_from_a_text_without_blanks() -> None:
    (item,) = make_items([Segment([Block("paragraph", "港口的新桥今天开放，" * 30)])])
    assert item.title.startswith("港口的新桥今天开放，港口")
    assert item.title.endswith("…")


def test_letters_and_essays_stay_whole() -> None:
    assert {path.stem for path in ISSUES if len(drafts_of(path)) == 1} == SINGLE


@settings(max_examples=150, deadline=None)
@given(broken_copies_of("newsletters", "*.eml"))
def test_any_bytes_are_articles_or_a_reason(raw: bytes) -> None:
    outcomes = read_mail(raw, "any.eml", NOW)
    assert outcomes
    assert_storable(outcomes)
    ids = [each.external_id for each in outcomes if not isinstance(each, Refused)]
    assert len(set(ids)) == len(ids)


def sources() -> list[str]:
    """The HTML and plain texts of the golden issues, taken out of their mails."""
    mails = [email.message_from_bytes(path.read_bytes()) for path in ISSUES]
    parts = [part for mail in mails for part in mail.walk() if not part.is_multipart()]
    bodies = [part.get_payload(decode=True) for part in parts]
    return [body.decode() for body in bodies if isinstance(body, bytes)]


PIECES = [
    *(
        "<li>",
        "<h2>",
        "</td><td>",
        "<hr>",
        "<a href='https://a.example/?url=b'>",
        "</a>",
        "<br><br>",
    ),
    *("Sponsored", "1. ", "\n\n", "* ", "[1]", "====\n", "https://a.example/x\n", "Unsubscribe"),
    *("Read more", "<b>", "<p style='font-size:30px'>", "<img alt='Ad'>", "</table>"),
]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES) | st.text(max_size=12), max_size=40).map("".join)
    | st.tuples(st.sampled_from(sources()), st.integers(0), st.sampled_from(PIECES)).map(
        lambda parts: parts[0][: parts[1] % 4_000] + parts[2] + parts[0][parts[1] % 4_000 + 7 :]
    )
)
def test_any_text_is_an_issue_of_some_kind(text: str) -> None:
    # Not through `read_mail`, which would turn a fault of ours into a refusal.
    for issue in (read_issue(text, "html"), read_issue(text, "plain")):
        for item in issue.items:
            assert item.title or item.text
            assert item.link is None or item.links[0].url == item.link


def entry(number: int) -> str:
    link = f"https://a{number}.example/x?utm_source=q"
    return f'<li><a href="{link}">Story number {number}</a> tells what happened there.</li>'


def test_hostile_issue_is_cut_with_a_note() -> None:
    nested = "<table><tr><td>" * 10_000
    items = "".join(map(entry, range(5_000)))
    markup = f"{nested}<ul>{items}</ul>{nested}<p>end</p>"
    raw = f"Subject: too much\nList-Id: <a.example>\nContent-Type: text/html\n\n{markup}"
    drafts = read_mail(raw.encode(), "hostile.eml", NOW)
    assert len(drafts) == MAX_ITEMS
    assert isinstance(drafts[0], ArticleDraft)
    assert drafts[0].notes == ("the issue has more than 100 items: those were taken",)
    assert drafts[0].links[0].url == "https://a0.example/x"


def test_layout_nested_beyond_reason_is_left_aside() -> None:
    blocks, note = read_html_blocks("<div>" * 1_000 + "<h2>Deep</h2><p>down</p>")
    assert note == FLATTENED_NOTE
    assert [(block.kind, block.text) for block in blocks] == [
        ("heading", "Deep"),
        ("paragraph", "down"),
    ]


def test_single_article_loses_its_footer_and_nothing_else() -> None:
    body = ReadText(
        "A story that is long enough to be one.\n\nIt goes on here, and comes to its end.\n\n"
        "© 2026 Paper\n\nUnsubscribe",
        (
            Link(url="https://a.example/1", text="a"),
            Link(url="https://a.example/u", text="Unsubscribe"),
        ),
    )
    kept = drop_boilerplate(body)
    assert kept.text.endswith("comes to its end.")
    assert [link.text for link in kept.links] == ["a"]
