"""Real and nasty feeds, mails, pages and corpora, where the folder of public data is present."""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from ingest.batches import Refused
from ingest.corpora import read_corpus
from ingest.feeds import parse_feed
from ingest.mail import decode_bytes, read_mail
from ingest.markup import read_html
from tests.paths import SHARED
from tests.unit.ingest.golden import NOW
from tests.unit.ingest.test_any_bytes import assert_storable

pytestmark = pytest.mark.skipif(
    not (SHARED / "data").is_dir(), reason="the folder of public data is not here"
)

MAX_ROWS = 1_000
MISCOUNTED = {"test-rdf.xml"}
"""Its index counts the `content:item` elements within one item."""


def members_of(archive: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive) as files:
        for member in files:
            content = files.extractfile(member)
            if content is not None:
                yield member.name, content.read()


def index_of(path: Path) -> dict[str, dict[str, object]]:
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return {row["path"]: row for row in rows}


def test_every_feed_gives_its_entries_or_a_reason() -> None:
    folder = SHARED / "data" / "feeds"
    index = index_of(folder / "index.jsonl")
    for name, body in members_of(folder / "feeds.tar.xz"):
        feed = parse_feed(body, url="https://a.example/feed", now=NOW)
        assert_storable([*feed.drafts, *feed.refused])
        assert feed.drafts or feed.refused or feed.notes, name
        is_counted = index[name].get("kind") in {"rss", "atom", "rdf", "jsonfeed"}
        if is_counted and name.rpartition("/")[2] not in MISCOUNTED:
            read = len(feed.drafts) + len([each for each in feed.refused if each.where != "feed"])
            assert read == index[name]["items"], name


def test_every_mail_gives_an_article_or_a_reason() -> None:
    outcomes = [
        outcome
        for name, raw in members_of(SHARED / "data" / "mail" / "mail.tar.xz")
        for outcome in read_mail(raw, name, NOW)
    ]
    assert_storable(outcomes)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert len(refused) < len(outcomes) / 6  # Parts of mails, which have no headers of one.


def test_every_tenth_page_gives_text() -> None:
    pages = members_of(SHARED / "data" / "pages" / "pages.tar.xz")
    sources = [
        body for name, body in pages if name.endswith(".html.gz") and "expected" not in name
    ][::10]
    texts = [read_html(decode_bytes(gzip.decompress(body), None)).text for body in sources]
    assert len([text for text in texts if len(text) > 200]) > 0.9 * len(texts)


def test_every_corpus_is_read_without_refusal() -> None:
    for path in sorted((SHARED / "data").glob("*/*.jsonl.gz")):
        with gzip.open(path) as stream:
            items = islice(read_corpus(stream, 0, NOW), MAX_ROWS)  # type: ignore[arg-type]
            outcomes = [item.outcome for item in items]
        assert outcomes
        assert_storable(outcomes[:200])
        assert not [each for each in outcomes if isinstance(each, Refused)], path
