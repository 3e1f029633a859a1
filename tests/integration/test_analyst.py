"""Whole answers of the starter build on the real llama.cpp: any article, lens and company."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psutil
import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

from inference.analyst import Analyst, Request
from inference.builds import Build
from inference.calibration import Monotone, Temperature, calibrate
from inference.decoder import choose_postponed
from schemas.analyses import rebuild
from schemas.contract import DELIMITER, Contract
from schemas.effort import EFFORTS, POSTPONED, Effort
from schemas.errors import PermanentError
from schemas.fields import (
    AnyField,
    NamesField,
    ParseContext,
    ScoreOptions,
    ScoreSet,
)
from schemas.lens import Lens
from schemas.settings import InferenceSettings
from tests.integration.readings import (
    HOSTILE,
    SEQUENCES,
    analyse_one,
    check,
    requests,
    with_manifest,
    write_article,
)


@pytest.fixture(scope="module")
def analyst(starter_build: Build) -> Iterator[Analyst]:
    with Analyst(starter_build, InferenceSettings(sequences=SEQUENCES)) as analyst:
        yield analyst


def test_every_value_is_valid_whatever_the_article_says(
    analyst: Analyst, lenses: dict[str, Lens]
) -> None:
    for request, completion in analyst.analyse(requests(range(24), list(lenses.values()))):
        check(completion, request.lens, request.title, request.text)


@pytest.mark.parametrize("name", ["editorial", "newsletter", "ai_industry", "sustainability_tech"])
@hypothesis_settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=st.text(max_size=80), text=st.text(max_size=600))
def test_every_value_is_valid_for_any_characters(
    analyst: Analyst, lenses: dict[str, Lens], name: str, title: str, text: str
) -> None:
    completion = analyse_one(analyst, title, text, lenses[name])
    assert len(completion.stream.split(DELIMITER)) == len(lenses[name].contract.asked)
    for field in lenses[name].contract.asked:
        value = field.parse(completion.readings[field.name].text, ParseContext()).value
        # Only a text may fall below its minimum: nothing can be pointed at in an empty article.
        assert (value is None and field.kind == "text") or field.validate_value(value) is None


def test_hostile_article_moves_no_value_into_another_field(
    analyst: Analyst, lenses: dict[str, Lens]
) -> None:
    lens = lenses["editorial"]
    completion = analyse_one(analyst, HOSTILE, HOSTILE, lens)
    check(completion, lens, HOSTILE, HOSTILE)
    assert list(completion.readings) == [field.name for field in lens.contract.asked]
    assert "<end_of_turn>" not in completion.readings["category"].text


def test_answers_are_the_same_alone_and_in_any_batch(
    analyst: Analyst, starter_build: Build, lenses: dict[str, Lens]
) -> None:
    chosen = [lenses["editorial"], lenses["newsletter"]]
    seeds = list(range(10))
    together = {r.key: c for r, c in analyst.analyse(requests(seeds, chosen))}
    mixed = {r.key: c for r, c in analyst.analyse(requests(seeds[::-1], chosen[::-1]))}
    for request in requests(seeds, chosen):
        alone = analyse_one(analyst, request.title, request.text, request.lens)
        for other in (together[request.key], mixed[request.key]):
            assert alone.stream == other.stream
            assert alone.readings == other.readings
    with Analyst(starter_build, InferenceSettings(sequences=SEQUENCES)) as fresh:
        request = next(requests([5], chosen))
        again = analyse_one(fresh, request.title, request.text, request.lens)
        assert again.readings == together[request.key].readings


def test_completions_come_while_requests_are_still_pulled(
    analyst: Analyst, lenses: dict[str, Lens]
) -> None:
    pulled = 0

    def count(each: Iterator[Request]) -> Iterator[Request]:
        nonlocal pulled
        for request in each:
            pulled += 1
            yield request

    answers = analyst.analyse(count(requests(range(30), [lenses["editorial"]])))
    next(answers)
    assert pulled <= SEQUENCES + 1
    answers.close()
    assert analyse_one(analyst, "A title", "Some text.", lenses["editorial"]).stream


def test_no_requests_give_no_completions(analyst: Analyst) -> None:
    assert list(analyst.analyse([])) == []


def test_error_while_requests_are_pulled_leaves_the_analyst_usable(
    analyst: Analyst, lenses: dict[str, Lens]
) -> None:
    def broken() -> Iterator[Request]:
        yield from requests([1, 2], [lenses["editorial"]])
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        list(analyst.analyse(broken()))
    assert analyse_one(analyst, "A title", "Some text.", lenses["editorial"]).stream


def test_cost_is_counted(analyst: Analyst, lenses: dict[str, Lens]) -> None:
    title, text = write_article(1)
    completion = analyse_one(analyst, title, text, lenses["editorial"])
    assert set(completion.timings_ms) == {"read", "prefill", "decode"}
    assert all(spent > 0 for spent in completion.timings_ms.values())
    assert completion.cpu_s > 0
    assert completion.prompt_tokens > completion.completion_tokens > 0
    assert len(completion.prompt_hash) == 16


def test_calibrated_build_writes_the_same_stream_with_other_confidences(
    starter_build: Build, lenses: dict[str, Lens]
) -> None:
    calibration: dict[str, dict[str, Temperature | Monotone]] = {
        "editorial": {
            "sentiment": Temperature(temperature=2.5, rows=100),
            "summary": Monotone(points=((0.0, 0.2), (1.0, 0.3)), rows=100),
        }
    }
    raw_build = with_manifest(starter_build, calibration={})
    build = with_manifest(starter_build, calibration=calibration)
    chosen = [lenses["editorial"], lenses["newsletter"]]
    with (
        Analyst(raw_build, InferenceSettings(sequences=SEQUENCES)) as raw_analyst,
        Analyst(build, InferenceSettings(sequences=SEQUENCES)) as analyst,
    ):
        raw = {r.key: c for r, c in raw_analyst.analyse(requests(range(5), chosen))}
        for request, completion in analyst.analyse(requests(range(5), chosen)):
            check(completion, request.lens, request.title, request.text)
            before = raw[request.key]
            assert completion.stream == before.stream
            of_lens = calibration.get(request.lens.name, {})
            for name, reading in completion.readings.items():
                assert reading == calibrate(before.readings[name], of_lens.get(name))
                assert reading.calibrated == (name in of_lens)
                if name in of_lens:
                    assert reading.confidence != before.readings[name].confidence


GATE_FIELDS = {
    "editorial": "category",
    "newsletter": "sentiment",
    "ai_industry": "relevance_score",
    "sustainability_tech": "deployment_maturity",
}


@pytest.mark.parametrize("name", GATE_FIELDS)
@pytest.mark.parametrize("effort", EFFORTS)
def test_effort_decides_what_is_read_and_what_is_left_for_later(
    analyst: Analyst, lenses: dict[str, Lens], name: str, effort: Effort
) -> None:
    lens, (title, text) = lenses[name], write_article(7)
    text = f"{text}. " * 4
    [(_, completion)] = analyst.analyse([Request(0, title, text, lens, effort)])
    plans = {field.name: field.decode_plan() for field in lens.contract.asked}
    read = {
        Effort.CLOSED: {n for n, p in plans.items() if isinstance(p, ScoreOptions | ScoreSet)},
        Effort.GATE: {GATE_FIELDS[name]},
    }.get(effort, set(plans))
    assert set(plans) - set(completion.postponed) == read
    assert completion.left_out == completion.postponed
    assert completion.effort is effort
    assert {n for n, reading in completion.readings.items() if reading.text} == read
    assert len(completion.stream.split(DELIMITER)) == len(plans)
    postponed = {completion.readings[n].note for n in completion.postponed}
    assert postponed <= {POSTPONED}
    assert rebuild(completion, lens, ParseContext.of_article(title, text)).status != "rejected"


def test_closed_field_behind_a_text_is_read_without_it(
    starter_build: Build, lenses: dict[str, Lens]
) -> None:
    build = with_manifest(starter_build, contracts=None)
    lens = lenses["editorial"]
    backwards = lens.model_copy(update={"contract": Contract(fields=lens.contract.fields[::-1])})
    with Analyst(build, InferenceSettings(sequences=1)) as analyst:
        [(_, found)] = analyst.analyse([Request(0, *write_article(2), backwards, Effort.CLOSED)])
    assert found.postponed == ("bias_analysis", "summary")
    assert found.readings["category"].confidence


def test_lens_without_closed_fields_is_read_for_its_first_one(lenses: dict[str, Lens]) -> None:
    lens = lenses["editorial"]
    texts = lens.model_copy(update={"contract": Contract(fields=lens.contract.fields[-2:])})
    for effort in (Effort.CLOSED, Effort.GATE):
        assert choose_postponed(texts, ("summary", "bias_analysis"), effort) == ("bias_analysis",)


def test_written_text_keeps_to_its_limits(starter_build: Build, lenses: dict[str, Lens]) -> None:
    build = with_manifest(starter_build, text_mode="generate", text_tokens=24)
    with Analyst(build, InferenceSettings(sequences=SEQUENCES)) as analyst:
        for request, completion in analyst.analyse(requests(range(6), list(lenses.values()))):
            check(completion, request.lens, request.title, request.text)


def test_answer_without_room_keeps_the_fields_that_were_read(
    starter_build: Build, lenses: dict[str, Lens]
) -> None:
    lens = lenses["newsletter"]
    build = with_manifest(starter_build, n_ctx_train=256)
    with Analyst(build, InferenceSettings(sequences=1)) as analyst:
        completion = analyse_one(analyst, *write_article(4), lens)
    assert len(completion.stream.split(DELIMITER)) == len(lens.contract.asked)
    assert completion.readings["sentiment"].text


def with_fields(lens: Lens, fields: Sequence[AnyField]) -> Lens:
    return lens.model_copy(update={"contract": Contract(fields=tuple(fields))})


def test_many_long_lists_leave_room_for_the_article(
    starter_build: Build, lenses: dict[str, Lens]
) -> None:
    lists = [NamesField(name=f"people_{n}", max_items=50) for n in range(8)]
    lens = with_fields(lenses["editorial"], [*lenses["editorial"].contract.fields[:1], *lists])
    build = with_manifest(starter_build, contracts=None)
    with Analyst(build, InferenceSettings(sequences=1, budget_tokens=500)) as analyst:
        text = " ".join(f"Speaker {n} asked for report {n * 3} in full." for n in range(90))
        completion = analyse_one(analyst, "Reports", text, lens)
    check(completion, lens, "Reports", text)
    assert completion.prompt_tokens > 400


def test_what_cannot_be_asked_is_told_and_its_neighbours_are_read(
    starter_build: Build, lenses: dict[str, Lens]
) -> None:
    editorial = lenses["editorial"]
    many = [NamesField(name=f"a_rather_long_name_{n}") for n in range(40)]
    asked = [
        *requests(range(3), [editorial]),
        Request("x", *write_article(9), with_fields(editorial, many)),
    ]
    told: list[tuple[object, str]] = []
    build = with_manifest(starter_build, contracts=None, n_ctx_train=512)
    with Analyst(build, InferenceSettings(sequences=SEQUENCES)) as analyst:
        answers = analyst.analyse(
            asked[::-1], refuse=lambda request, error: told.append((request.key, str(error)))
        )
        assert len(list(answers)) == 3
        [(key, error)] = told
        assert key == "x"
        assert "leaves no room for an article" in error
        with pytest.raises(PermanentError, match="leaves no room"):
            list(analyst.analyse(asked))


def test_memory_stays_flat_over_many_articles(analyst: Analyst, lenses: dict[str, Lens]) -> None:
    process = psutil.Process()
    editorial = [lenses["editorial"]]
    for _ in analyst.analyse(requests(range(40), editorial)):
        pass
    before = process.memory_info().rss
    # Something left behind by each article adds up over short ones too, and they are read soon.
    short = [seed for seed in range(1_000) if len(write_article(seed)[1]) < 400][:300]
    for _ in analyst.analyse(requests([*short, *range(40)], editorial)):
        pass
    assert process.memory_info().rss - before < 8_000_000
