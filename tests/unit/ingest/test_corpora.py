"""JSONL corpora: the documented shape, tolerance, reasons with line numbers, resuming."""

from __future__ import annotations

import gzip
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest import corpora
from ingest.batches import Item, Refused
from ingest.corpora import read_corpus, read_record
from schemas.articles import ArticleDraft
from tests.unit.ingest.golden import NOW

RECORD = {
    "id": "agg-1",
    "title": "Harbour opens",
    "content": "<p>Boats came.</p><p>People <a href='https://b.example/'>cheered</a>.</p>",
    "description": "A day at the quay",
    "published_date": "2026-11-01T08:00:00",
    "source": "harbour_post",
    "url": "https://harbour.example/1?utm_source=x",
    "language": "en-GB",
    "tags": ["city", "port"],
}


def read(data: bytes, position: int = 0) -> list[Item]:
    return list(read_corpus(io.BytesIO(data), position, NOW))


def draft_of(record: dict[str, Any]) -> ArticleDraft:
    outcome = read_record(json.dumps(record).encode(), 1, NOW)
    assert isinstance(outcome, ArticleDraft)
    return outcome


def test_record_of_the_documented_shape_gives_every_part() -> None:
    draft = draft_of(RECORD)
    assert draft.external_id == "agg-1"
    assert draft.title == "Harbour opens"
    assert draft.text == "Boats came.\n\nPeople cheered."
    assert draft.url == "https://harbour.example/1"
    assert draft.published_at == datetime(2026, 11, 1, 8, tzinfo=UTC)
    assert draft.language == "en"
    assert [link.url for link in draft.links] == ["https://b.example/"]
    assert draft.metadata == {
        "source": "harbour_post",
        "description": "A day at the quay",
        "tags": ["city", "port"],
    }
    assert draft.notes == ()


def test_draft_is_one_that_full_validation_would_make_too() -> None:
    draft = draft_of(RECORD)
    assert ArticleDraft.model_validate(draft.model_dump()) == draft


@pytest.mark.parametrize(
    ("record", "title", "text"),
    [
        ({"title": "T", "text": "body"}, "T", "body"),
        ({"title": "T", "content": "", "text": "body"}, "T", "body"),
        ({"title": "T", "description": "only that"}, "T", "only that"),
        ({"id": 7, "title": 8, "content": None}, "8", ""),
        ({"text": "A first line\nand a second"}, "A first line", "A first line\nand a second"),
        ({"url": "https://a.example/x"}, "https://a.example/x", ""),
        ({"title": "A <b>bold</b> title", "text": "x"}, "A bold title", "x"),
        ({"title": "lone \ud800 and \x00", "text": "x"}, "lone and", "x"),
    ],
)
def test_record_with_parts_missing_is_an_article_still(
    record: dict[str, Any], title: str, text: str
) -> None:
    draft = draft_of(record)
    assert (draft.title, draft.text) == (title, text)


def test_unreadable_date_is_left_out_with_a_note() -> None:
    draft = draft_of({"title": "T", "published_date": "soon"})
    assert draft.published_at is None
    assert draft.notes == ("the date 'soon' cannot be read",)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{not json}", "not JSON: Expecting property name enclosed in double quotes at column 2"),
        (b"\xff\xfe", "not JSON"),
        (b"[1, 2]", "not a JSON object"),
        (b'{"id": 1}', "neither title, text nor link"),
        (b'{"a":' * 100_000, "not JSON"),
    ],
)
def test_bad_line_is_refused_with_its_number(line: bytes, reason: str) -> None:
    outcome = read_record(line, 12, NOW)
    assert isinstance(outcome, Refused)
    assert outcome.where == "line 12"
    assert reason in outcome.reason


def test_bad_lines_do_not_cost_the_good_ones() -> None:
    items = read(b'{"title": "a"}\n\n{bad\n{"title": "b"}\r\n')
    assert [type(item.outcome) for item in items] == [ArticleDraft, Refused, ArticleDraft]
    assert [item.outcome.where for item in items if isinstance(item.outcome, Refused)] == ["line 3"]


def test_reading_on_from_any_position_given_loses_and_doubles_nothing() -> None:
    data = b"".join(b'{"title": "t%d"}\n' % n for n in range(7))
    whole = read(data)
    for done, item in enumerate(whole, start=1):
        rest = read(data, item.position)
        assert [one.outcome for one in rest] == [one.outcome for one in whole[done:]]


def test_line_numbers_stay_right_after_resuming() -> None:
    data = b'{"title": "a"}\n{"title": "b"}\nbad\n'
    (item,) = read(data, read(data)[1].position)
    assert isinstance(item.outcome, Refused)
    assert item.outcome.where == "line 3"


def test_unfinished_last_line_is_read_once_it_is_whole() -> None:
    begun = b'{"title": "a"}\n{"title": "b", "te'
    first, cut = read(begun)
    assert isinstance(cut.outcome, Refused)
    assert cut.position == first.position
    (grown,) = read(begun + b'xt": "more"}\n', cut.position)
    assert isinstance(grown.outcome, ArticleDraft)
    assert grown.outcome.text == "more"


def test_last_line_without_line_end_is_an_article() -> None:
    (item,) = read(b'{"title": "a"}')
    assert isinstance(item.outcome, ArticleDraft)
    assert item.position == 14


def test_oversized_line_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "MAX_LINE_BYTES", 100)
    data = b'{"title": "' + b"x" * 5_000 + b'"}\n{"title": "after"}\n'
    long, after = read(data)
    assert isinstance(long.outcome, Refused)
    assert "longer than 100 bytes" in long.outcome.reason
    assert isinstance(after.outcome, ArticleDraft)
    assert after.position == len(data)


def test_damaged_gzip_gives_what_it_holds_and_a_reason() -> None:
    whole = gzip.compress(b"".join(b'{"title": "t%d"}\n' % n for n in range(50_000)))
    stream = gzip.GzipFile(fileobj=io.BytesIO(whole[: len(whole) // 2]))
    items = list(read_corpus(stream, 0, NOW))  # type: ignore[arg-type]
    last = items[-1].outcome
    assert isinstance(last, Refused)
    assert "damaged" in last.reason
    assert len(items) > 1
