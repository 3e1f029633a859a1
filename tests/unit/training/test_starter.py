"""The whole recipe on a tiny shape, and the build that is shipped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from inference.builds import load_build
from schemas.lens import Lens
from tests.paths import ROOT
from training.export import build_facts
from training.recipe import RECIPES, Recipe, RecipeError
from training.starter import main

STARTER = ROOT / "models" / "starter"


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((STARTER / "build.json").read_text())
    return manifest


def test_one_command_makes_a_build_and_a_second_run_trains_no_more(
    corpora: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe = yaml.safe_load((RECIPES / "starter.yaml").read_text())
    recipe["tokeniser"] = {"pieces": 1024, "sample_chars": 20_000, "alphabet": 100}
    recipe["model"] |= {
        "width": 32, "layers": 2, "heads": 2, "head_width": 16, "feed_forward": 32,
    }  # fmt: skip
    recipe["pretrain"] |= {"steps": 2, "rows": 2, "sequence": 64}
    recipe["sft"] |= {"steps": 2, "tokens": 600}
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    arguments = [
        "--data", str(corpora), "--out", str(tmp_path / "build"), "--recipe", str(path),
        "--work", str(tmp_path / "work"), "--lenses", str(ROOT / "lenses"),
    ]  # fmt: skip
    assert main(arguments) == 0, capfd.readouterr().err
    first = json.loads((tmp_path / "build" / "build.json").read_text())
    assert main(arguments) == 0
    again = json.loads((tmp_path / "build" / "build.json").read_text())
    assert again["sha256"] == first["sha256"]
    assert first["scores"]["editorial.biased"]["accuracy"]["rows"] > 0
    assert "| editorial.biased | accuracy |" in (tmp_path / "build" / "README.md").read_text()


def test_missing_data_folder_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(tmp_path / "nowhere"), "--work", str(tmp_path / "work")]
    assert main([*arguments, "--lenses", str(ROOT / "lenses")]) == 2
    assert "allsides.jsonl.xz" in capsys.readouterr().err


def test_recipe_with_an_unknown_key_names_file_and_key(tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text("name: odd\nsped: 3\n")
    with pytest.raises(RecipeError, match=r"odd\.yaml.*(?s:.*)sped"):
        Recipe.load(path)


def test_manifest_asks_in_the_words_of_the_recipe(lenses: Mapping[str, Lens]) -> None:
    recipe = Recipe.load(RECIPES / "starter.yaml").model_copy(update={"prompt": "tag"})
    facts = build_facts(recipe, lenses, "digest", 1)
    assert (facts["prompt"], facts["chat"]) == ("tag", "starter")


def test_shipped_file_is_the_one_that_the_manifest_names(shipped: dict[str, Any]) -> None:
    raw = (STARTER / "model.gguf").read_bytes()
    assert hashlib.sha256(raw).hexdigest() == shipped["sha256"]
    assert len(raw) <= 16_000_000


def test_shipped_build_knows_the_contracts_of_the_shipped_lenses(
    shipped: dict[str, Any], lenses: Mapping[str, Lens]
) -> None:
    known = {name: contract["version"] for name, contract in shipped["contracts"].items()}
    assert known == {name: lens.contract.version for name, lens in lenses.items()}


@pytest.mark.parametrize("field", ["category", "sentiment", "biased"])
def test_shipped_build_clearly_beats_the_baseline(shipped: dict[str, Any], field: str) -> None:
    score = shipped["scores"][f"editorial.{field}"]["accuracy"]
    assert score["ci95"][0] > score["baseline"]


def test_shipped_recipe_is_the_one_in_the_manifest(shipped: dict[str, Any]) -> None:
    recipe = Recipe.load(RECIPES / "starter.yaml")
    assert recipe.model_dump(mode="json") == shipped["recipe"]


def test_shipped_build_is_calibrated_where_its_lenses_have_labels_and_shows_it(
    shipped: dict[str, Any], lenses: Mapping[str, Lens]
) -> None:
    manifest = load_build(STARTER).manifest
    assert {"category", "sentiment", "biased", "bias_scale"} <= set(
        manifest.calibration["editorial"]
    )
    card = (STARTER / "README.md").read_text()
    for lens, fields in manifest.calibration.items():
        for field in fields:
            assert lenses[lens].contract.field(field).name == field
            assert shipped["reliability"][f"{lens}.{field}"]["rows"] > 0
            assert f"| {lens}.{field} | temperature" in card
    drawn = ElementTree.parse(STARTER / "reliability.svg").getroot()
    panels = [text for text in drawn.itertext() if text.startswith("error ")]
    assert len(panels) == sum(map(len, manifest.calibration.values()))


@pytest.mark.parametrize("field", ["editorial.category", "editorial.bias_scale"])
def test_shipped_calibration_lessens_the_error_clearly(shipped: dict[str, Any], field: str) -> None:
    found = shipped["reliability"][field]
    assert found["after"]["ece"]["value"] < found["before"]["ece"]["value"]
    assert found["after"]["nll"]["ci95"][1] < found["before"]["nll"]["value"]
