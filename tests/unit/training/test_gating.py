"""Gates that are calibrated through the starter build: found, refused, written down."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from inference.analyst import Analyst, Request
from inference.builds import Build, load_build
from schemas.lens import Lens
from schemas.settings import InferenceSettings
from tests.unit.training.conftest import SENTENCES, article
from training.corpora import LabelledArticle
from training.gating import calibrate, main
from training.thresholds import FLOOR, bound_rate

LENS = "ai_industry"
LONG = " ".join(f"In ward {ward}: {sentence}" for ward in range(4) for sentence in SENTENCES)


def label(number: int, score: int, text: str = LONG) -> LabelledArticle:
    """Give an article about AI where the score says so, else one that the starter knows is not."""
    return article(
        str(number),
        lens=LENS,
        title=f"{'Nvidia chips and OpenAI' if score > 5 else 'Honda and Nissan merge'} {number}",
        text=f"Part {number}. {text}",
        values={"relevance_score": score},
    )


def test_calibrated_gate_stops_what_calibration_said(
    starter_build: Build, lenses: Mapping[str, Lens]
) -> None:
    lens = lenses[LENS]
    rows = [label(number, 1 if number % 3 else 9) for number in range(36)]
    finding = calibrate(starter_build, lens, rows, accepted=0.25)
    gate = finding.gate
    assert gate is not None
    assert (gate.articles, gate.threshold) == (36, FLOOR)
    assert gate.expected_stop_rate == pytest.approx(24 / 36, abs=1e-3)
    assert gate.expected_false_negative_rate == pytest.approx(1 / 13, abs=1e-3)
    assert gate.false_negative_bound == pytest.approx(bound_rate(0, 12), abs=1e-3)
    manifest = starter_build.manifest.model_copy(update={"gates": {LENS: gate}})
    settings = InferenceSettings(gate_misses=0.25)
    with Analyst(replace(starter_build, manifest=manifest), settings) as analyst:
        asked = [Request(row.key, row.title, row.text, lens) for row in rows]
        stopped = {request.key for request, c in analyst.analyse(asked) if c.stopped}
    assert stopped == {row.key for row in rows if row.values["relevance_score"] == 1}


def test_gate_that_catches_next_to_nothing_is_refused(
    starter_build: Build, lenses: Mapping[str, Lens]
) -> None:
    rows = [label(number, 9) for number in range(12)]
    rows += [replace(row, key=f"no{row.key}", values={"relevance_score": 1}) for row in rows]
    finding = calibrate(starter_build, lenses[LENS], rows, accepted=0.25)
    assert finding.gate is None
    assert "it would stop 0 of 12 articles that their labels reject" in finding.verdict


def test_too_few_labels_are_refused_with_their_number(
    starter_build: Build, lenses: Mapping[str, Lens]
) -> None:
    rows = [label(1, 9), label(2, 1), label(3, 9, text="Short."), article("b")]
    finding = calibrate(starter_build, lenses[LENS], rows)
    assert finding.gate is None
    assert finding.labelled == 3
    assert "1 held-out articles that a label keeps are long enough" in finding.verdict


def test_gate_behind_other_fields_is_refused_for_a_build_that_knows_one_question(
    starter_build: Build, lenses: Mapping[str, Lens]
) -> None:
    lens = lenses["sustainability_tech"]
    assert lens.gate is not None
    gate = lens.gate.model_copy(update={"field": "proof_of_impact"})
    finding = calibrate(starter_build, lens.model_copy(update={"gate": gate}), [])
    assert finding.verdict == "no gate: the build is not asked for proof_of_impact first"


@pytest.fixture
def copied_build(starter_build: Build, tmp_path: Path) -> Path:
    return Path(shutil.copytree(starter_build.folder, tmp_path / "starter"))


def test_command_prints_the_trade_off_and_writes_manifest_and_card(
    corpora: Path, copied_build: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = json.loads((copied_build / "build.json").read_text())
    assert main(["--build", str(copied_build), "--data", str(corpora)]) == 0
    after = json.loads((copied_build / "build.json").read_text())
    assert set(after["gate_trials"]) == {"ai_industry", "sustainability_tech"}
    assert {**before, "gates": {}, "gate_trials": after["gate_trials"]} == after
    assert load_build(copied_build).manifest.gates == {}
    card = (copied_build / "README.md").read_text()
    assert f"- `ai_industry`: {after['gate_trials']['ai_industry']}." in card
    output = capsys.readouterr().out
    assert "ai_industry: no gate: " in output
    assert "95 % bound" in output


def test_command_refuses_a_lens_without_a_gate(
    corpora: Path, copied_build: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--build", str(copied_build), "--data", str(corpora), "--lens", "editorial"]
    assert main(given) == 2
    assert "no lens 'editorial' with a gate; there are ai_industry" in capsys.readouterr().err
