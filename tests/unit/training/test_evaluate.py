"""One command scores and calibrates a build that is there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from inference.builds import Build, load_build
from inference.calibration import Temperature
from schemas.lens import Lens
from tests.paths import ROOT
from training.card import CARD_FILE, PLOT_FILE
from training.dataset import build_dataset
from training.evaluate import Evaluation, evaluate_build, main, record_evaluation
from training.reliability import Certainty, Reliability

LENSES = ROOT / "lenses"


@pytest.fixture
def copied(starter_build: Build, tmp_path: Path) -> Path:
    """The shipped build in a folder that may be written to, with no evaluation."""
    folder = tmp_path / "starter"
    shutil.copytree(starter_build.folder, folder)
    (folder / PLOT_FILE).unlink(missing_ok=True)
    manifest = json.loads((folder / "build.json").read_text())
    manifest |= {"scores": {}, "calibration": {}, "reliability": {}}
    (folder / "build.json").write_text(json.dumps(manifest))
    return folder


def make_reliability(name: str, *, fitted_here: bool = True) -> Reliability:
    sure, right = np.linspace(0.3, 0.9, 50), np.tile([1.0, 0.0], 25)
    side = Certainty(sure, right, -np.log(sure))
    return Reliability(name, Temperature(temperature=1.5, rows=60), fitted_here, side, side)


def test_evaluation_is_written_into_manifest_plot_and_card(copied: Path, corpora: Path) -> None:
    found = [
        make_reliability("editorial.category"),
        make_reliability("editorial.category on other news", fitted_here=False),
    ]
    record_evaluation(copied, Evaluation({}, found), build_dataset(corpora, 7))
    manifest = load_build(copied).manifest
    assert manifest.calibration == {
        "editorial": {"category": Temperature(temperature=1.5, rows=60)}
    }
    card = (copied / CARD_FILE).read_text()
    assert "| editorial.category | temperature 1.50 | 60 | 50 |" in card
    assert "| editorial.category on other news | as above | – | 50 |" in card
    assert f"({PLOT_FILE})" in card
    assert (copied / PLOT_FILE).read_text().count("on 50 rows") == 1


def test_build_without_labels_enough_is_not_calibrated_and_has_no_plot(
    copied: Path, corpora: Path
) -> None:
    (copied / PLOT_FILE).write_text("of an evaluation before")
    record_evaluation(copied, Evaluation({}, []), build_dataset(corpora, 7))
    assert load_build(copied).manifest.calibration == {}
    assert not (copied / PLOT_FILE).exists()
    card = (copied / CARD_FILE).read_text()
    assert "Not calibrated" in card
    assert PLOT_FILE not in card


def test_command_scores_a_build_and_a_calibration_that_was_there_changes_nothing(
    copied: Path, corpora: Path, lenses: Mapping[str, Lens], capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = json.loads((copied / "build.json").read_text())
    manifest["dataset"] = build_dataset(corpora, 7).digest
    (copied / "build.json").write_text(json.dumps(manifest))
    arguments = ["--build", str(copied), "--data", str(corpora), "--lenses", str(LENSES)]
    assert main(arguments) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["scores"]["editorial.biased"]["accuracy"]["rows"] > 0
    calibrated = {"editorial": {"biased": {"method": "temperature", "temperature": 9, "rows": 30}}}
    (copied / "build.json").write_text(json.dumps(manifest | {"calibration": calibrated}))
    again = evaluate_build(copied, build_dataset(corpora, 7), lenses, corpora)
    assert again.facts() == first


def test_rows_that_the_build_may_have_been_trained_on_are_refused_in_one_line(
    copied: Path, corpora: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (copied / "build.json").read_text()
    assert main(["--build", str(copied), "--data", str(corpora), "--lenses", str(LENSES)]) == 2
    message = capsys.readouterr().err
    assert "may have been trained on" in message
    assert message.count("\n") == 1
    assert (copied / "build.json").read_text() == before


def test_folder_without_a_build_is_one_line(
    tmp_path: Path, corpora: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--build", str(tmp_path / "none"), "--data", str(corpora)]) == 2
    assert "build.json: cannot be read" in capsys.readouterr().err
