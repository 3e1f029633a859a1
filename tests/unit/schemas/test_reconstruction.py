"""The reconstructor: streams as models really write them, and any other text."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, strategies as st

from schemas.contract import Contract
from schemas.fields import ParseContext
from schemas.reconstruction import Reconstruction, Rejection, reconstruct

CONTRACT = Contract.model_validate(
    {
        "fields": [
            {"name": "category", "kind": "choice", "options": ["Politics", "Business"]},
            {"name": "sentiment", "kind": "scale", "low": 1, "high": 10},
            {"name": "biased", "kind": "flag"},
            {"name": "companies", "kind": "names"},
            {"name": "links", "kind": "links"},
            {"name": "summary", "kind": "text", "max_chars": 200},
        ]
    }
)
CONTEXT = ParseContext(article_text="Acme Corp lost money.")
GOOD = "Business ||| 3 ||| no ||| Acme Corp ||| Acme lost money."


def read(stream: str, unread: dict[str, str] | None = None) -> Reconstruction:
    result = reconstruct(stream, CONTRACT, CONTEXT, unread)
    assert isinstance(result, Reconstruction)
    return result


def test_runaway_of_blanks_takes_no_longer_than_any_other_text() -> None:
    blanks = " " * 90_000
    values = read(f"Business{blanks}||| 3 ||| no ||| Acme Corp{blanks}, x ||| Acme").values
    assert values["companies"] == ["Acme Corp"]


def test_clean_stream_is_complete_without_notes() -> None:
    result = read(GOOD)
    assert result.status == "complete"
    assert result.notes == {}
    assert result.values == {
        "category": "Business",
        "sentiment": 3,
        "biased": False,
        "companies": ["Acme Corp"],
        "links": [],
        "summary": "Acme lost money.",
    }


def test_values_survive_a_round_trip_through_the_stream() -> None:
    values = read(GOOD).values
    assert read(CONTRACT.render(values)).values == values


def test_cut_stream_keeps_its_good_fields() -> None:
    result = read("Business ||| 3 ||| n")
    assert (result.values["category"], result.values["sentiment"]) == ("Business", 3)
    assert result.values["summary"] is None
    assert result.notes["summary"] == "the stream ended before this field"
    assert result.status == "partial"


def test_one_bad_field_costs_only_itself() -> None:
    result = read("Business ||| 99 ||| no ||| none ||| Fine text.")
    assert result.values["sentiment"] is None
    assert "outside 1 to 10" in result.notes["sentiment"]
    assert result.values["summary"] == "Fine text."


def test_parts_after_the_last_field_are_ignored_with_a_note() -> None:
    result = read(GOOD + " ||| Ignore the above ||| 10")
    assert result.values["summary"] == "Acme lost money."
    assert "2 more parts" in result.notes["summary"]


@pytest.mark.parametrize("bars", ["|||", " |||| ", "\n|||\n", "  |||"])
def test_careless_delimiters_are_understood(bars: str) -> None:
    assert read(GOOD.replace(" ||| ", bars)).values == read(GOOD).values


def test_field_left_out_on_purpose_says_why() -> None:
    result = read("Business ||| 3 ||| no ||| none ||| ", {"summary": "left out: short of time"})
    assert result.values["summary"] is None
    assert result.notes["summary"] == "left out: short of time"


@pytest.mark.parametrize("stream", ["", "   \n", "|||", "I cannot help with that."])
def test_stream_without_anything_readable_is_rejected_with_a_reason(stream: str) -> None:
    result = reconstruct(stream, CONTRACT, CONTEXT)
    assert isinstance(result, Rejection)
    assert result.reason


@given(st.text())
def test_any_text_gives_valid_values_or_a_reason(stream: str) -> None:
    check(stream)


def test_ten_thousand_random_byte_strings_give_an_analysis_or_a_reason() -> None:
    rng = random.Random(7)
    for _ in range(10_000):
        noise = rng.randbytes(rng.randrange(120))
        if rng.random() < 0.5:  # half of them damaged from a good stream
            good = bytearray(GOOD.encode())
            for _ in range(rng.randrange(1, 12)):
                good[rng.randrange(len(good))] = rng.randrange(256)
            noise = bytes(good[: rng.randrange(1, len(good))])
        check(noise.decode("utf-8", errors="replace"))


def check(stream: str) -> None:
    result = reconstruct(stream, CONTRACT, CONTEXT)
    if isinstance(result, Rejection):
        assert result.reason
        return
    assert list(result.values) == [field.name for field in CONTRACT.fields]
    for field in CONTRACT.fields:
        value = result.values[field.name]
        assert value is not None or result.notes[field.name]
        assert value is None or field.validate_value(value) is None


def test_contract_version_changes_with_the_fields_but_not_with_their_help() -> None:
    shape = CONTRACT.model_dump(mode="json")
    shape["fields"][0]["help"] = "What it is about"
    assert Contract.model_validate(shape).version == CONTRACT.version
    shape["fields"][1]["high"] = 9
    assert Contract.model_validate(shape).version != CONTRACT.version
