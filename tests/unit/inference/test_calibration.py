"""Calibration changes how sure a reading is, never what it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pydantic import TypeAdapter, ValidationError

from inference.builds import Manifest
from inference.calibration import (
    COLDEST,
    HOTTEST,
    Calibration,
    Monotone,
    Temperature,
    calibrate,
    temper,
)
from inference.fieldreader import FieldReader
from inference.prompt import Prompt
from inference.reading import Reading
from inference.spelling import Spelling
from inference.tape import Tape
from schemas.completions import FieldReading
from schemas.fields import AnyField, ChoiceField, NamesField, ScaleField
from tests.toys import Run, ToyVocabulary, dicing, drive

VOCABULARY = ToyVocabulary()
SPELLING = Spelling.learn(VOCABULARY)
MANIFEST = Manifest.model_validate(
    {
        "name": "toy",
        "sha256": "0" * 64,
        "created": "2026-01-01T00:00:00Z",
        "base": "scratch",
        "prompt": "brief",
        "chat": "starter",
        "text_mode": "pointers",
        "n_ctx_train": 1024,
    }
)
FIELDS: tuple[AnyField, ...] = (
    ChoiceField(name="tone", options=("good", "bad", "neither")),
    ScaleField(name="weight", low=0, high=10),
    NamesField(name="makers"),
)
CALIBRATION: dict[str, Temperature | Monotone] = {
    "tone": Temperature(temperature=2.0, rows=100),
    "weight": Temperature(temperature=0.5, rows=100),
    "makers": Monotone(points=((0.0, 0.1), (1.0, 0.2)), rows=100),
}
temperatures = st.floats(COLDEST, HOTTEST)
raw_shares = st.lists(st.floats(0, 1), min_size=2, max_size=12).filter(lambda parts: sum(parts) > 0)


def scored(parts: list[float]) -> FieldReading:
    """Make the reading of a scale from parts of any sum."""
    shares = {str(place): part / sum(parts) for place, part in enumerate(parts)}
    best = max(shares, key=lambda option: shares[option])
    return FieldReading(
        text=best,
        confidence=shares[best],
        probabilities=shares,
        expected=sum(int(option) * share for option, share in shares.items()),
    )


@given(parts=raw_shares, temperature=temperatures)
def test_calibrated_shares_sum_to_one_in_the_same_order(
    parts: list[float], temperature: float
) -> None:
    raw = scored(parts)
    reading = calibrate(raw, Temperature(temperature=temperature, rows=50))
    assert reading.text == raw.text
    assert raw.probabilities is not None
    shares = reading.probabilities
    assert shares is not None
    assert sum(shares.values()) == pytest.approx(1.0)
    assert reading.confidence == shares[raw.text] == max(shares.values())
    by_raw = sorted(shares, key=lambda option: raw.probabilities[option])  # type: ignore[index]
    calibrated = [shares[option] for option in by_raw]
    assert calibrated == pytest.approx(sorted(calibrated), abs=1e-12)
    assert reading.expected is not None
    assert 0 <= reading.expected <= len(parts) - 1


@given(parts=raw_shares)
def test_temperature_one_changes_no_number(parts: list[float]) -> None:
    raw = scored(parts)
    same = calibrate(raw, Temperature(temperature=1.0, rows=50))
    assert same == raw.model_copy(update={"calibrated": True, "expected": same.expected})
    assert same.expected == pytest.approx(raw.expected)


@given(parts=raw_shares)
def test_reading_stays_raw_without_a_calibration_or_with_one_of_another_kind(
    parts: list[float],
) -> None:
    raw = scored(parts)
    assert calibrate(raw, None) is raw
    assert calibrate(raw, CALIBRATION["makers"]) is raw
    listed = FieldReading(text="Acme", confidence=0.5)
    assert calibrate(listed, CALIBRATION["tone"]) is listed


def test_temperature_above_one_makes_less_sure_and_below_one_surer() -> None:
    shares = {"a": 0.8, "b": 0.2}
    assert temper(shares, 2.0)["a"] == pytest.approx(2 / 3)
    assert temper(shares, 0.5)["a"] == pytest.approx(16 / 17)


def test_confidence_of_a_list_follows_the_points_and_is_level_outside() -> None:
    chart = Monotone(points=((0.4, 0.2), (0.8, 0.6)), rows=40)
    given_to = {raw: FieldReading(text="Acme", confidence=raw) for raw in (0.1, 0.6, 0.95)}
    found = {raw: calibrate(reading, chart).confidence for raw, reading in given_to.items()}
    assert found == {0.1: 0.2, 0.6: pytest.approx(0.4), 0.95: 0.6}


def test_reading_that_decided_nothing_stays_without_confidence() -> None:
    empty = FieldReading(text="", note="no room left in the model's context")
    for calibration in CALIBRATION.values():
        assert calibrate(empty, calibration) is empty


@pytest.mark.parametrize("calibration", CALIBRATION.values(), ids=list(CALIBRATION))
def test_calibration_comes_back_from_json_as_it_was(calibration: Temperature | Monotone) -> None:
    adapter: TypeAdapter[Calibration] = TypeAdapter(Calibration)
    assert adapter.validate_json(adapter.dump_json(calibration)) == calibration


@pytest.mark.parametrize(
    "points",
    [(), ((0.5, 0.5), (0.5, 0.6)), ((0.2, 0.6), (0.4, 0.5)), ((0.2, 1.2),), ((0.2, float("nan")),)],
    ids=["none", "one raw value twice", "falling", "above one", "no number"],
)
def test_points_that_are_no_rising_map_are_refused(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValidationError):
        Monotone(points=points, rows=30)


def read_fields(manifest: Manifest, seed: int) -> tuple[dict[str, FieldReading], list[int]]:
    """Let a toy model that wants anything answer all fields; give the readings and the tokens."""
    think = dicing(VOCABULARY, seed)
    run = Run()
    tape = Tape(think([]), 400)
    texts = ("Apple Inc said Google", "Google said Apple")
    article = Reading("Apple Inc", texts, (0, 1), 2, 20, is_whole=True)
    reader = FieldReader(
        tape,
        Prompt((), (), article, article.sentences, ""),
        spelling=SPELLING,
        vocabulary=VOCABULARY,  # type: ignore[arg-type]
        manifest=manifest,
        lens="press",
    )
    readings: dict[str, FieldReading] = {}
    for field in FIELDS:
        readings[field.name] = drive(reader.read(field, SPELLING.delimiter[0]), think, run)
        tape.force(SPELLING.delimiter)
    return readings, run.tokens


@pytest.mark.parametrize("seed", range(6))
def test_calibrated_build_gives_other_numbers_and_the_same_answers(seed: int) -> None:
    calibrated = MANIFEST.model_copy(update={"calibration": {"press": CALIBRATION}})
    elsewhere = MANIFEST.model_copy(update={"calibration": {"other": CALIBRATION}})
    raw, tokens = read_fields(MANIFEST, seed)
    read, same_tokens = read_fields(calibrated, seed)
    assert tokens == same_tokens
    assert read_fields(elsewhere, seed) == (raw, tokens)
    for name, reading in read.items():
        assert reading.text == raw[name].text
        assert (reading.calibrated, raw[name].calibrated) == (True, False)
        assert reading.confidence != raw[name].confidence
        assert reading == calibrate(raw[name], CALIBRATION[name])
    shares = np.array(list((read["weight"].probabilities or {}).values()))
    assert read["weight"].expected == pytest.approx(shares @ np.arange(11))
