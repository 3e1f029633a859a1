"""CSV and Parquet corpora: the columns of JSONL, reasons with lines and rows, resuming."""

from __future__ import annotations

import gzip
import io
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from ingest import tabular
from ingest.batches import Item, Refused
from ingest.tabular import read_csv, read_parquet
from schemas.articles import ArticleDraft
from schemas.errors import PermanentError
from tests.unit.ingest.golden import NOW

TABLE = b"""ID,Title,content,Published Date,source,url,mood
a-1,Harbour opens,"<p>Boats came.</p><p>""People"" cheered,
they say.</p>",2026-11-01T08:00:00,post,https://harbour.example/1?utm_source=x,good
a-2,Harbour closes,Boats left.,,post,,bad
"""


def read(data: bytes, position: int = 0) -> list[Item]:
    return list(read_csv(io.BytesIO(data), position, NOW))


def drafts(items: list[Item]) -> list[ArticleDraft]:
    return [item.outcome for item in items if isinstance(item.outcome, ArticleDraft)]


def reasons(items: list[Item]) -> list[tuple[str, str]]:
    refused = [item.outcome for item in items if isinstance(item.outcome, Refused)]
    return [(each.where, each.reason) for each in refused]


def test_columns_are_found_by_name_in_any_case() -> None:
    first, second = drafts(read(TABLE))
    assert (first.external_id, first.title) == ("a-1", "Harbour opens")
    assert first.text == 'Boats came.\n\n"People" cheered, they say.'
    assert first.published_at == datetime(2026, 11, 1, 8, tzinfo=UTC)
    assert first.url == "https://harbour.example/1"
    assert first.metadata == {"source": "post"}
    assert (second.title, second.text, second.url) == ("Harbour closes", "Boats left.", None)


def test_reading_on_from_any_position_loses_and_doubles_nothing() -> None:
    whole = read(TABLE)
    for done, item in enumerate(whole, start=1):
        rest = read(TABLE, item.position)
        assert [each.outcome for each in rest] == [each.outcome for each in whole[done:]]
    assert whole[-1].position == len(TABLE)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_seen_in_the_first_line(delimiter: str) -> None:
    table = f"title{delimiter}text\nOne, two{delimiter}Three; four\n".replace("; ", ", ")
    (draft,) = drafts(read(table.encode()))
    assert (draft.title, draft.text) == ("One, two", "Three, four")


@pytest.mark.parametrize(
    "data",
    ["\ufefftitle,text\nCafé,née\n".encode(), "title,text\nCafé,née\n".encode("cp1252")],
)
def test_what_spreadsheets_write_is_read(data: bytes) -> None:
    (draft,) = drafts(read(data))
    assert (draft.title, draft.text) == ("Café", "née")


def test_bad_records_have_their_lines_and_do_not_cost_the_good_ones() -> None:
    items = read(b'title,text\na,b\none\n\nc,"d\ne"\n"x"y,z\n,\nf,g\nh,"never closed\ni,j\n')
    assert [draft.title for draft in drafts(items)] == ["a", "c", "f"]
    assert [where for where, _ in reasons(items)] == [
        "line 3",
        "line 7",
        "line 8",
        "lines 10 to 11",
    ]
    assert "1 values, and the first line names 2 columns" in reasons(items)[0][1]
    assert "not CSV" in reasons(items)[1][1]
    assert "neither title, text nor link" in reasons(items)[2][1]


def test_field_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabular, "MAX_FIELD_CHARS", 100)
    items = read(b"title,text\na," + b"x" * 200 + b"\nb,c\n")
    assert [draft.title for draft in drafts(items)] == ["b"]
    assert "larger than field limit" in reasons(items)[0][1]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it names no columns; one of them must be: "),
        (b"name,mood\nx,y\n", "none of its columns (name, mood) is one of: "),
    ],
)
def test_table_without_a_telling_column_is_refused_as_a_whole(data: bytes, reason: str) -> None:
    wanted = "body, content, description, link, text, title, url"
    assert reasons(read(data)) == [("line 1", reason + wanted)]


def test_damaged_gzip_gives_what_it_holds_and_a_reason() -> None:
    rows = b"".join(b"t%d,%d\n" % (n, n * 7919) for n in range(20_000))
    whole = gzip.compress(b"title,text\n" + rows)
    stream: Any = gzip.GzipFile(fileobj=io.BytesIO(whole[: len(whole) // 2]))
    items = list(read_csv(stream, 0, NOW))
    assert len(items) > 1
    assert "damaged" in reasons(items)[-1][1]


@given(st.binary(max_size=300))
def test_any_bytes_give_articles_or_reasons(data: bytes) -> None:
    for item in read(b"title,text\n" + data):
        assert isinstance(item.outcome, ArticleDraft | Refused)


def make_parquet(rows: list[dict[str, Any]], group: int = 4) -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    sink = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), sink, row_group_size=group)
    return sink.getvalue()


def test_parquet_rows_are_articles_and_reading_goes_on_from_any_row() -> None:
    rows = [
        {"Title": f"Row {n}", "content": f"Text {n}.", "published": NOW, "mood": 1, "tags": ["a"]}
        for n in range(10)
    ]
    data = make_parquet([*rows, {"Title": None, "content": ""}])
    whole = list(read_parquet(io.BytesIO(data), 0, NOW))
    assert [draft.title for draft in drafts(whole)] == [f"Row {n}" for n in range(10)]
    assert drafts(whole)[0].published_at == NOW
    assert drafts(whole)[0].metadata == {"tags": ["a"]}
    assert reasons(whole) == [("row 11", "it has neither title, text nor link")]
    for done in range(12):
        rest = list(read_parquet(io.BytesIO(data), done, NOW))
        assert [each.outcome for each in rest] == [each.outcome for each in whole[done:]]


def test_parquet_that_is_damaged_or_tells_nothing_has_a_reason() -> None:
    data = make_parquet([{"mood": 1}])
    assert "is one of" in reasons(list(read_parquet(io.BytesIO(data), 0, NOW)))[0][1]
    assert "damaged" in reasons(list(read_parquet(io.BytesIO(data[:-9]), 0, NOW)))[0][1]


def test_without_pyarrow_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(PermanentError, match=r"pip install 'newsmill\[parquet\]'"):
        list(read_parquet(io.BytesIO(b""), 0, NOW))
