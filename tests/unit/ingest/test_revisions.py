"""Edits are told from new articles, whatever feeds do with their ids and addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ingest.addresses import address_key
from ingest.revisions import MAX_REVISIONS, REUSED_URL_NOTE, measure_likeness, sort_drafts
from schemas.articles import ArticleDraft


@dataclass(frozen=True)
class Stored:
    article_id: int = 1
    external_id: str = "a"
    address_key: str | None = "x.example/1"
    title: str = "Storm hits the harbour"
    content_key: str = "old"
    revision: int = 1


def draft(**changes: Any) -> ArticleDraft:
    given: dict[str, Any] = {
        "external_id": "a",
        "url": "https://x.example/1",
        "title": "Storm hits the harbour",
        "text": "…",
        "content_key": "new",
    }
    given |= changes
    return ArticleDraft(**{"address_key": address_key(given["url"]), **given})


# what the entry is now, whether that is an edit, why
CASES: list[tuple[dict[str, Any], bool, str]] = [
    ({}, True, "same id and address: only its text is new"),
    ({"title": "Calm returns"}, True, "same id and address: even with another title"),
    ({"content_key": "old"}, False, "nothing has changed"),
    ({"external_id": "b", "url": "https://x.example/2"}, False, "another article"),
    ({"url": "http://www.x.example/1/", "title": "Calm returns"}, True, "another form of it"),
    ({"url": "https://x.example/storm-2"}, True, "same id, the address follows the title"),
    ({"url": "https://x.example/9", "title": "Fish is dear"}, False, "one id for all entries"),
    ({"external_id": "b"}, True, "the id is made anew at each poll, the address is not"),
    ({"external_id": "b", "title": "Fish is dear"}, False, "one address for all entries"),
    ({"url": None}, True, "same id, no address"),
    ({"url": None, "title": "Fish is dear"}, False, "one id for all, no address"),
]


@pytest.mark.parametrize(("changes", "is_edit", "why"), CASES)
def test_edit_is_told_from_a_new_article(changes: dict[str, Any], is_edit: bool, why: str) -> None:
    plan = sort_drafts([draft(**changes)], [Stored()])
    assert (list(plan.edits) == [1], len(plan.new)) == (is_edit, not is_edit), why


def test_new_article_under_a_reused_address_goes_without_it() -> None:
    plan = sort_drafts([draft(external_id="b", title="Fish is dear")], [Stored()])
    assert (plan.new[0].url, plan.new[0].address_key) == (None, None)
    assert plan.new[0].notes == (REUSED_URL_NOTE,)


def test_edit_under_a_reused_id_is_one_of_the_newest_article_that_has_it() -> None:
    newest = Stored(2, "a", "x.example/2", "Fish is dear")
    edited = draft(url="https://x.example/2", title="Fish is dear")
    for versions in ([Stored(), newest], [newest, Stored()]):
        assert sort_drafts([edited], versions).edits == {2: edited}


def test_endless_edits_end() -> None:
    plan = sort_drafts([draft()], [Stored(revision=MAX_REVISIONS)])
    assert (plan.new, plan.edits, plan.known) == ([], {}, 1)


def test_old_text_that_returns_is_no_edit_of_its_neighbour() -> None:
    plan = sort_drafts(
        [draft(content_key="elsewhere")], [Stored(), Stored(2, "z", None, "t", "elsewhere")]
    )
    assert plan.edits == {}


@pytest.mark.parametrize(
    ("one", "other", "likeness"),
    [("a b c", "A B C", 1.0), ("a b", "b c", 1 / 3), ("a", "b", 0.0), ("", "", 1.0), ("", "a", 0)],
)
def test_likeness_is_the_share_of_common_words(one: str, other: str, likeness: float) -> None:
    assert measure_likeness(one, other) == pytest.approx(likeness)
