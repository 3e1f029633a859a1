"""Reading whole sources: batches, states, and what a second poll finds."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from ingest.batches import Batch, SourceState
from ingest.http import Fetched, NotModified
from ingest.reading_sources import read_source
from ingest.sources import SourceSpec, recognise_source
from schemas.errors import PermanentError
from tests.paths import DATA
from tests.unit.ingest.golden import NOW

FEED = (DATA / "feeds" / "rss.xml").read_bytes()
URL = "https://feeds.example/rss"


@dataclass
class FakeServer:
    """Answers like a server with one page, and keeps what it was asked with."""

    body: bytes = FEED
    etag: str | None = '"v1"'
    asked: list[tuple[str | None, str | None]] = field(default_factory=list)

    def fetch(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Fetched | NotModified:
        self.asked.append((etag, last_modified))
        if etag is not None and etag == self.etag:
            return NotModified(url)
        return Fetched(self.body, url, etag=self.etag)


def poll(spec: SourceSpec, state: SourceState, server: FakeServer | None = None) -> list[Batch]:
    outcome = read_source(spec, state, now=NOW, client=server or FakeServer(), batch_drafts=3)
    return list(outcome.batches)


def titles(batches: list[Batch]) -> list[str]:
    return [draft.title for batch in batches for draft in batch.drafts]


def write_corpus(path: Path, first: int, last: int) -> None:
    with path.open("a") as stream:
        stream.writelines(f'{{"title": "t{n}"}}\n' for n in range(first, last))


def test_unchanged_feed_gives_nothing_the_second_time() -> None:
    server = FakeServer()
    (batch,) = poll(SourceSpec("feed", URL), SourceState(), server)
    assert len(batch.drafts) == 3
    second = read_source(SourceSpec("feed", URL), batch.state, now=NOW, client=server)
    assert not second.is_modified
    assert list(second.batches) == []
    assert server.asked == [(None, None), ('"v1"', None)]


def test_long_feed_comes_in_batches_of_which_the_last_says_that_it_was_read() -> None:
    items = "".join(f"<item><title>Item {n}</title></item>" for n in range(7))
    body = f"<rss version='2.0'><channel>{items}</channel></rss>".encode()
    before = SourceState(etag='"v0"')
    batches = poll(SourceSpec("feed", URL), before, FakeServer(body=body))
    assert [len(batch.drafts) for batch in batches] == [3, 3, 1]
    assert batches[0].drafts[-1].title == "Item 6"
    assert [batch.state.etag for batch in batches] == ['"v0"', '"v0"', '"v1"']


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>gone</html>", "this is an HTML page, not a feed$"),
        (b" ", "the body is empty"),
        (
            b"<html><link rel=alternate type='application/rss+xml' href='/new.xml'></html>",
            "not a feed; it names the feed https://feeds.example/new.xml",
        ),
    ],
)
def test_page_that_is_no_feed_fails_the_poll_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(PermanentError, match=reason):
        poll(SourceSpec("feed", URL), SourceState(), FakeServer(body=body))


def test_feed_tells_its_title_dates_and_wish() -> None:
    server = FakeServer(body=FEED.replace(b"<item>", b"<ttl>90</ttl><item>", 1))
    outcome = read_source(SourceSpec("feed", URL), SourceState(), now=NOW, client=server)
    assert outcome.facts.title == "The Harbour Post"
    assert len(outcome.facts.dates) == 2
    assert outcome.facts.wish == timedelta(minutes=90)


def test_feed_file_is_read_once_and_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "feed.xml"
    path.write_bytes(FEED)
    spec = recognise_source(str(path))
    (batch,) = poll(spec, SourceState())
    assert len(batch.drafts) == 3
    assert poll(spec, batch.state) == []
    path.write_bytes(FEED + b"\n")
    assert len(poll(spec, batch.state)) == 1


@pytest.mark.parametrize("kind", ["plain", "gzipped"])
def test_corpus_comes_in_batches_each_of_which_can_be_resumed_from(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "news.jsonl"
    write_corpus(path, 0, 7)
    if kind == "gzipped":
        data = path.read_bytes()
        path = tmp_path / "news.jsonl.gz"
        path.write_bytes(gzip.compress(data))
    spec = recognise_source(str(path))
    batches = poll(spec, SourceState())
    assert [len(batch.drafts) for batch in batches] == [3, 3, 1]
    assert titles(poll(spec, batches[0].state)) == ["t3", "t4", "t5", "t6"]
    assert poll(spec, batches[-1].state) == []


def test_grown_corpus_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    write_corpus(path, 0, 40)  # more than the head by which a file is known
    spec = recognise_source(str(path))
    state = poll(spec, SourceState())[-1].state
    write_corpus(path, 40, 43)
    assert titles(poll(spec, state)) == ["t40", "t41", "t42"]


def test_replaced_corpus_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    write_corpus(path, 0, 40)
    spec = recognise_source(str(path))
    state = poll(spec, SourceState())[-1].state
    path.unlink()
    write_corpus(path, 100, 150)
    assert len(titles(poll(spec, state))) == 50


def test_corpus_of_bad_lines_only_gives_reasons_and_an_end(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("x\n" * 4)
    batches = poll(recognise_source(str(path)), SourceState())
    assert [len(batch.refused) for batch in batches] == [3, 1]
    assert poll(recognise_source(str(path)), batches[-1].state) == []


@pytest.mark.parametrize("name", ["mail.eml", "box.mbox"])
def test_mail_files_are_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes((DATA / "mails" / "newsletter.eml").read_bytes())
    spec = recognise_source(str(path))
    batches = poll(spec, SourceState())
    assert titles(batches) == ["Wind", "Sun"]
    assert poll(spec, batches[-1].state) == []


def test_newsletters_stay_whole_where_that_is_wanted() -> None:
    spec = recognise_source(str(DATA / "mails" / "newsletter.eml"))
    outcome = read_source(
        spec, SourceState(), now=NOW, client=FakeServer(), split_newsletters=False
    )
    assert titles(list(outcome.batches)) == ["Drei Themen: wind, sun and Köln"]


def test_mailbox_that_is_left_within_a_newsletter_is_read_on_from_that_mail(tmp_path: Path) -> None:
    path = tmp_path / "box.mbox"
    path.write_bytes((DATA / "newsletters" / "german_sections.eml").read_bytes())
    first, second = poll(recognise_source(str(path)), SourceState())
    assert len(titles([first])) == 3
    again = poll(recognise_source(str(path)), first.state)
    assert titles(again) == titles([first, second])


def test_folder_of_mails_is_read() -> None:
    batches = poll(recognise_source(str(DATA / "mails")), SourceState())
    assert len(titles(batches)) == 5
    assert [refused.where for batch in batches for refused in batch.refused] == ["no_mail.eml"]


def test_file_that_has_gone_is_a_permanent_error(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="No such file"):
        poll(SourceSpec("jsonl", str(tmp_path / "gone.jsonl")), SourceState())


def test_feed_file_over_the_limit_is_a_permanent_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.reading_sources.MAX_FEED_FILE_BYTES", 100)
    path = tmp_path / "feed.xml"
    path.write_bytes(FEED)
    with pytest.raises(PermanentError, match="larger than 100 bytes"):
        poll(recognise_source(str(path)), SourceState())
