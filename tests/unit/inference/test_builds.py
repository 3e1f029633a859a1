import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from inference.builds import (
    Manifest,
    list_builds,
    list_faults,
    load_build,
    resolve_build,
    verify_build,
)
from inference.calibration import Temperature
from schemas.contract import Contract
from schemas.errors import ConfigError
from schemas.fields import FlagField, ScaleField
from schemas.settings import Settings

MODEL = b"GGUF" + (3).to_bytes(4, "little") + b"weights"
CONTRACT = Contract(fields=(FlagField(name="biased"), ScaleField(name="tone", low=1, high=5)))


def make_build(folder: Path, model: bytes = MODEL, **changes: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.gguf").write_bytes(model)
    manifest = {
        "name": folder.name,
        "sha256": hashlib.sha256(model).hexdigest(),
        "created": "2026-01-01T00:00:00Z",
        "base": "scratch",
        "prompt": "brief",
        "chat": "starter",
        "text_mode": "pointers",
        "n_ctx_train": 1024,
        "contracts": {"press": {"version": CONTRACT.version, "fields": ["biased", "tone"]}},
        **changes,
    }
    (folder / "build.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", models_dir=tmp_path / "models", _env_file=None)


def test_shipped_build_is_found_by_name(settings: Settings) -> None:
    make_build(settings.models_dir / "starter")
    assert resolve_build(settings).name == "starter"


def test_pulled_build_goes_before_the_shipped_one(settings: Settings) -> None:
    make_build(settings.models_dir / "starter")
    make_build(settings.home / "models" / "starter")
    assert resolve_build(settings).folder.is_relative_to(settings.home)
    assert [build.folder for build in list_builds(settings)] == [settings.home / "models/starter"]


def test_build_is_found_by_path(settings: Settings, tmp_path: Path) -> None:
    folder = make_build(tmp_path / "elsewhere")
    assert resolve_build(settings, str(folder)).folder == folder


def test_folder_without_a_manifest_is_refused_with_what_a_build_is(
    settings: Settings, tmp_path: Path
) -> None:
    folder = make_build(tmp_path / "elsewhere")
    (folder / "build.json").unlink()
    for named in (folder, folder / "model.gguf"):
        with pytest.raises(ConfigError, match=r"no build: that is a folder with model\.gguf and"):
            resolve_build(settings, str(named))


def test_builds_that_cannot_be_used_are_named_apart(settings: Settings) -> None:
    make_build(settings.models_dir / "starter")
    bad = make_build(settings.home / "models" / "bad", model=b"GGML" + b"\x00" * 8)
    assert [build.name for build in list_builds(settings)] == ["starter"]
    assert list(list_faults(settings)) == [bad]
    assert "not a GGUF file" in list_faults(settings)[bad]


def test_damaged_build_hides_the_shipped_one_of_its_name(settings: Settings) -> None:
    make_build(settings.models_dir / "starter")
    bad = make_build(settings.home / "models" / "starter", model=b"GGML" + b"\x00" * 8)
    assert list_builds(settings) == []
    assert list(list_faults(settings)) == [bad]
    with pytest.raises(ConfigError, match="not a GGUF file"):
        resolve_build(settings)


def test_unknown_build_is_refused_with_those_there_are(settings: Settings) -> None:
    make_build(settings.models_dir / "starter")
    with pytest.raises(ConfigError, match="no build 'other': builds here are starter"):
        resolve_build(settings, "other")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "abc"}, r"build\.json: sha256: "),
        ({"prompt": "long"}, r"build\.json: prompt: "),
        ({"model": b"GGML" + b"\x00" * 8}, r"model\.gguf: not a GGUF file"),
        ({"model": b"GG"}, r"model\.gguf: not a GGUF file"),
        ({"model": b"GGUF" + (1).to_bytes(4, "little")}, r"GGUF version 1 cannot be read"),
    ],
)
def test_build_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    folder = make_build(tmp_path / "bad", **changes)
    with pytest.raises(ConfigError, match=message) as caught:
        load_build(folder)
    assert "\n" not in str(caught.value)


def calibrate_tone(**calibration: Any) -> dict[str, Any]:
    return {"calibration": {"press": {"tone": calibration}}}


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        ({"method": "temperature", "temperature": 0, "rows": 9}, "greater than or equal to 0.05"),
        ({"method": "temperature", "temperature": float("nan"), "rows": 9}, "finite number"),
        ({"method": "temperature", "rows": 9}, r"\.temperature: is missing"),
        ({"method": "isotonic", "points": [[0.5, 0.4], [0.4, 0.6]], "rows": 9}, "must rise"),
        ({"method": "guess"}, "'guess'.*does not match any of the expected tags"),
        ({}, "Unable to extract tag"),
    ],
)
def test_calibration_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, calibration: dict[str, Any], message: str
) -> None:
    folder = make_build(tmp_path / "bad", **calibrate_tone(**calibration))
    with pytest.raises(
        ConfigError, match=rf"build\.json: calibration\.press\.tone.*{message}"
    ) as caught:
        load_build(folder)
    assert "\n" not in str(caught.value)


def test_calibration_is_read_from_the_manifest(tmp_path: Path) -> None:
    given = calibrate_tone(method="temperature", temperature=1.7, rows=120)
    manifest = load_build(make_build(tmp_path / "good", **given)).manifest
    assert manifest.calibration["press"]["tone"] == Temperature(temperature=1.7, rows=120)
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


def test_manifest_that_is_no_json_is_refused(tmp_path: Path) -> None:
    folder = make_build(tmp_path / "bad")
    (folder / "build.json").write_text("{")
    with pytest.raises(ConfigError, match="not JSON"):
        load_build(folder)


def test_damaged_file_is_found(tmp_path: Path) -> None:
    folder = make_build(tmp_path / "good")
    verify_build(load_build(folder))
    (folder / "model.gguf").write_bytes(MODEL + b"!")
    with pytest.raises(ConfigError, match="damaged"):
        verify_build(load_build(folder))


def test_build_is_asked_for_the_fields_that_it_knows_in_its_own_order(tmp_path: Path) -> None:
    known = {"press": {"version": "0", "fields": ["gone", "tone", "biased"]}}
    build = load_build(make_build(tmp_path / "old", contracts=known))
    assert build.known_fields("press", CONTRACT) == ("tone", "biased")
    assert build.known_fields("other", CONTRACT) == ()


@pytest.mark.parametrize("prompt", ["tag", "brief"])
def test_build_is_asked_the_one_question_that_it_has_learned(tmp_path: Path, prompt: str) -> None:
    known = {"press": {"version": "0", "fields": ["gone", "tone", "biased"]}}
    build = load_build(make_build(tmp_path / "old", contracts=known, prompt=prompt))
    assert build.question_fields("press", ("tone",)) == ("gone", "tone", "biased")
    assert build.question_fields("press", ()) == ()
    assert build.question_fields("other", ()) == ()


def test_instruction_asks_only_for_what_can_be_read(tmp_path: Path) -> None:
    known = {"press": {"version": "0", "fields": ["gone", "tone"]}}
    tuned = load_build(make_build(tmp_path / "tuned", contracts=known, prompt="full"))
    untuned = load_build(make_build(tmp_path / "untuned", contracts=None, prompt="full"))
    for build in (tuned, untuned):
        assert build.question_fields("press", ("tone",)) == ("tone",)


def test_tag_without_contracts_is_refused(tmp_path: Path) -> None:
    folder = make_build(tmp_path / "tagged", contracts=None, prompt="tag")
    with pytest.raises(ConfigError, match=r"build\.json: prompt 'tag' needs contracts"):
        load_build(folder)


def test_instruct_model_takes_any_contract(tmp_path: Path) -> None:
    build = load_build(make_build(tmp_path / "gemma", contracts=None))
    assert build.known_fields("anything", CONTRACT) == ("biased", "tone")


GATE = {
    "field": "tone",
    "answers": ["1", "2"],
    "threshold": 0.9,
    "lead_tokens": 128,
    "expected_false_negative_rate": 0.02,
    "false_negative_bound": 0.04,
    "expected_stop_rate": 0.3,
    "articles": 200,
}


def test_gates_of_a_build_are_read(tmp_path: Path) -> None:
    build = load_build(make_build(tmp_path / "gated", gates={"press": GATE}))
    assert build.manifest.gates["press"].answers == ("1", "2")
    assert load_build(make_build(tmp_path / "plain")).manifest.gates == {}


def test_gates_with_leads_of_different_lengths_are_refused(tmp_path: Path) -> None:
    gates = {"press": GATE, "other": {**GATE, "lead_tokens": 96}}
    with pytest.raises(ConfigError, match="need the same lead_tokens"):
        load_build(make_build(tmp_path / "odd", gates=gates))
