"""The whole way from a completion to an analysis."""

from __future__ import annotations

from schemas.analyses import NOT_ASKED, rebuild
from schemas.completions import STOPPED, Completion, FieldReading
from schemas.effort import POSTPONED, Effort
from schemas.fields import ParseContext
from schemas.lens import Lens

LENS = Lens.model_validate(
    {
        "name": "demo",
        "version": 2,
        "title": "A lens for tests",
        "prefilter": {"default": "keep"},
        "contract": [
            {"name": "impact", "kind": "scale", "low": 0, "high": 10},
            {"name": "companies", "kind": "names"},
            {"name": "summary", "kind": "text"},
        ],
        "scoring": {
            "weights": {"impact": 1.0},
            "tiers": [{"name": "high", "at_least": 5}, {"name": "low", "at_least": 0}],
        },
    }
)
CONTEXT = ParseContext(article_text="Acme Corp grew.")


def completion(stream: str, **readings: FieldReading) -> Completion:
    return Completion(
        lens="demo",
        contract_version=LENS.contract.version,
        build="starter",
        stream=stream,
        readings=readings,
        prompt_tokens=10,
        completion_tokens=5,
        timings_ms={},
        cpu_s=0.1,
        prompt_hash="0" * 16,
        left_out=tuple(name for name, reading in readings.items() if reading.note),
    )


def test_clean_completion_becomes_a_scored_analysis() -> None:
    made = completion(
        "8 ||| Acme Corp ||| Acme grew.",
        impact=FieldReading(text="8", confidence=0.9),
        summary=FieldReading(text="Acme grew.", confidence=0.5),
    )
    analysis = rebuild(made, LENS, CONTEXT)
    assert (analysis.status, analysis.score, analysis.tier) == ("complete", 8.0, "high")
    assert analysis.confidences == {"impact": 0.9, "summary": 0.5}
    assert (analysis.lens_version, analysis.build, analysis.notes) == (2, "starter", {})


def test_field_that_was_left_out_is_null_and_says_why() -> None:
    made = completion(
        "8 ||| Acme Corp ||| ",
        summary=FieldReading(text="", note="unknown to this build"),
    )
    analysis = rebuild(made, LENS, CONTEXT)
    assert analysis.status == "partial"
    assert analysis.values["summary"] is None
    assert analysis.notes["summary"] == "unknown to this build"


def test_article_that_was_stopped_at_the_gate_is_scored_by_its_field_alone() -> None:
    weights = {"impact": 0.2, "reach": 0.8}
    lens = Lens.model_validate(
        {
            **LENS.model_dump(),
            "contract": [{"name": n, "kind": "scale", "low": 0, "high": 10} for n in weights],
            "gate": {"field": "impact", "reject_below": 2},
            "scoring": {
                "weights": weights,
                "tiers": [{"name": "high", "at_least": 5}, {"name": "low", "at_least": 0}],
            },
        }
    )
    why = f"{STOPPED}: impact is below 2 with probability 0.97"
    made = completion(
        "1 ||| ", impact=FieldReading(text="1"), reach=FieldReading(text="", note=why)
    )
    analysis = rebuild(made, lens, CONTEXT)
    assert made.stopped == why
    assert (analysis.status, analysis.score, analysis.tier) == ("partial", 1.0, "low")
    assert analysis.values == {"impact": 1, "reach": None}
    assert analysis.notes == {"reach": why}
    assert analysis.reason == f"{why}; scored without reach"


def test_field_left_for_later_is_told_apart_from_one_that_could_not_be_read() -> None:
    hasty = completion(
        "8 ||| Nobody Here |||  ",
        summary=FieldReading(text="", note=POSTPONED),
    ).model_copy(update={"effort": Effort.CLOSED, "postponed": ("summary",)})
    analysis = rebuild(hasty, LENS, CONTEXT)
    assert (analysis.status, analysis.effort) == ("partial", Effort.CLOSED)
    assert analysis.postponed == ("summary",)
    assert analysis.notes["summary"] == POSTPONED
    assert analysis.reason == Effort.CLOSED.remark
    assert "companies" in analysis.notes
    assert "companies" not in analysis.postponed


def test_effort_is_told_even_where_no_field_is_missing() -> None:
    short = completion("8 ||| Acme Corp ||| Acme grew.").model_copy(update={"effort": Effort.SHORT})
    analysis = rebuild(short, LENS, CONTEXT)
    assert (analysis.status, analysis.effort, analysis.postponed) == ("complete", "short", ())
    assert analysis.reason == Effort.SHORT.remark


def test_field_that_was_postponed_under_an_older_contract_still_is() -> None:
    hasty = completion("8", impact=FieldReading(text="8")).model_copy(
        update={
            "contract_version": "0ld0ld00",
            "left_out": ("summary", "gone"),
            "postponed": ("summary", "gone"),
            "effort": Effort.GATE,
        }
    )
    assert rebuild(hasty, LENS, CONTEXT).postponed == ("summary",)


def test_unreadable_score_field_gives_a_row_without_a_tier() -> None:
    analysis = rebuild(completion("many ||| Acme Corp ||| Grew."), LENS, CONTEXT)
    assert (analysis.status, analysis.score, analysis.tier) == ("partial", None, None)
    assert analysis.reason == "not scored: no impact"


def test_confidence_of_an_unreadable_field_is_not_kept() -> None:
    made = completion("99 ||| Acme Corp ||| x", impact=FieldReading(text="99", confidence=0.9))
    assert "impact" not in rebuild(made, LENS, CONTEXT).confidences


def test_empty_stream_is_a_rejection_with_its_reason() -> None:
    analysis = rebuild(completion(""), LENS, CONTEXT)
    assert (analysis.status, analysis.values) == ("rejected", {})
    assert analysis.reason == "the stream is empty"


def test_answers_to_an_older_contract_are_found_by_name_and_new_fields_are_null() -> None:
    made = completion(
        "Acme grew. ||| gone ||| 8",
        summary=FieldReading(text="Acme grew.", confidence=0.5),
        mood=FieldReading(text="gone"),
        impact=FieldReading(text="8", confidence=0.9),
    ).model_copy(update={"contract_version": "0ld0ld00"})
    analysis = rebuild(made, LENS, CONTEXT)
    assert analysis.values == {"impact": 8, "companies": None, "summary": "Acme grew."}
    assert (analysis.status, analysis.score) == ("partial", 8.0)
    assert analysis.notes == {"companies": NOT_ASKED}
    assert analysis.contract_version == "0ld0ld00"
