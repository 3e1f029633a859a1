"""The demo's sample against the shipped lenses: most of it is noise, and what matters goes on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache

import pytest

from ingest.batches import SourceState
from ingest.http import Fetched, NotModified
from ingest.reading_sources import read_source
from ingest.screening import Screener
from ingest.sources import recognise_source
from newsmill.demo.sources import SAMPLE, SOURCE_SUFFIXES
from schemas.articles import ArticleDraft
from schemas.lens import load_lenses
from tests.paths import ROOT

NOW = datetime(2025, 3, 10, 6, tzinfo=UTC)


class NoNetwork:
    """Feeds are read as files here."""

    def fetch(self, url: str, **_: object) -> Fetched | NotModified:
        raise AssertionError(url)


@cache
def drafts() -> tuple[ArticleDraft, ...]:
    return tuple(_read_all())


def _read_all() -> Iterator[ArticleDraft]:
    for file in sorted(SAMPLE.iterdir()):
        if file.suffix in SOURCE_SUFFIXES:
            spec = recognise_source(str(file))
            outcome = read_source(spec, SourceState(), now=NOW, client=NoNetwork())
            for batch in outcome.batches:
                assert not batch.refused
                yield from batch.drafts


@cache
def keeping_lenses() -> dict[str, set[str]]:
    """Title → the lenses that keep it."""
    screeners = [Screener([lens]) for lens in load_lenses(ROOT / "lenses").values()]
    return {
        draft.title: {
            decision.lens
            for screener in screeners
            for decision in screener.screen(draft)
            if decision.decision == "keep"
        }
        for draft in drafts()
    }


def test_every_item_is_read_without_a_note() -> None:
    assert len(drafts()) == 110
    assert not [draft.notes for draft in drafts() if draft.notes]


def test_five_items_are_the_same_news_again() -> None:
    urls: set[str] = set()
    keys: set[str] = set()
    again = 0
    for draft in drafts():
        again += draft.content_key in keys or draft.url in urls
        keys.add(draft.content_key)
        urls.update({draft.url} if draft.url else ())
    assert again == 5


def test_rules_drop_most_articles_for_every_lens() -> None:
    dropped = [title for title, lenses in keeping_lenses().items() if not lenses]
    assert len(dropped) > len(keeping_lenses()) / 2


def test_full_articles_go_on_and_short_noise_does_not() -> None:
    for draft in drafts():
        words = len(draft.text.split())
        if words > 100:
            assert keeping_lenses()[draft.title], f"{draft.title!r} is news and was dropped"


@pytest.mark.parametrize(
    ("title", "lens"),
    [
        ("Parliament passes water law after all-night sitting", "editorial"),
        ("How the water barons nearly drowned the people's law", "editorial"),
        ("All eleven miners brought out alive after nine days", "editorial"),
        ("Town hall website defaced with commands for machines", "editorial"),
        ("Patch now: attackers use flaw in Larkgate mail gateways", "newsletter"),
        ("Wickerbase 5 skips what it need not read", "newsletter"),
        ("The lab that gave its model away", "newsletter"),
        ("A licence for novels", "ai_industry"),
        (
            "Orrery opens weights of its 90-billion model and halves the price of the hosted one",
            "ai_industry",
        ),
        ("Watchdog fines Lumenforge 38 million over hiring software", "ai_industry"),
        ("Insurer lets agents handle claims and cuts 600 posts", "ai_industry"),
        (
            "Grid battery on old coal site has carried the evening peak for a year",
            "sustainability_tech",
        ),
        ("What two winters of electric ferries have taught Vesterhavn", "sustainability_tech"),
        ("Gemeenteraad stemt in met uitbreiding warmtenet", "sustainability_tech"),
    ],
)
def test_article_reaches_the_lens_it_was_written_for(title: str, lens: str) -> None:
    assert lens in keeping_lenses()[title]


@pytest.mark.parametrize(
    "title",
    [
        "Start-up emerges from stealth with battery that changes everything",
        "Port wants to be climate-neutral by 2045",
        "Researchers have developed a membrane that splits seawater in the lab",
    ],
)
def test_promises_and_laboratory_work_do_not_reach_the_sustainability_lens(title: str) -> None:
    assert "sustainability_tech" not in keeping_lenses()[title]


def test_hostile_article_keeps_its_marks_as_text() -> None:
    (draft,) = [draft for draft in drafts() if "defaced" in draft.title]
    for mark in (" ||| ", "<end_of_turn>", "<start_of_turn>model", "Ignore the above"):
        assert mark in draft.text
