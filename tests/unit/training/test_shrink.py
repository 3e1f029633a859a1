"""What a smaller file costs: builds of every recipe, compared with the F16 build."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from inference.builds import MANIFEST_FILE, Build, hash_file, load_build
from schemas.completions import Completion, FieldReading
from schemas.lens import Lens
from tests.unit.training.conftest import SENTENCES, Tiny
from training import shrink
from training.shrink import compare


@pytest.fixture
def build(tiny: Tiny, tmp_path: Path, starter_build: Build) -> Build:
    """The tiny F16 model, as a build that is asked as the starter is."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "model.gguf").write_bytes(tiny.path.read_bytes())
    manifest = json.loads((starter_build.folder / MANIFEST_FILE).read_text())
    facts = {"name": "tiny", "sha256": hash_file(tiny.path), "n_ctx_train": 512}
    (folder / MANIFEST_FILE).write_text(json.dumps({**manifest, **facts, "budget_tokens": 64}))
    return load_build(folder)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.jsonl"
    rows = [{"id": str(n), "title": f"Vote {n}", "content": " ".join(SENTENCES)} for n in range(4)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def completion(answer: str, yes: float) -> Completion:
    probabilities = {"yes": yes, "no": 1 - yes}
    readings = {"biased": FieldReading(text=answer, probabilities=probabilities)}
    return Completion(
        lens="editorial",
        contract_version="0",
        build="b",
        stream=answer,
        readings=readings,
        prompt_tokens=1,
        completion_tokens=1,
        timings_ms={},
        cpu_s=0,
        prompt_hash="",
        left_out=(),
    )


def test_agreement_counts_answers_and_moved_probability() -> None:
    before = [completion("yes", 0.9), completion("no", 0.4)]
    after = [completion("yes", 0.7), completion("yes", 0.6)]
    agreement = compare(before, after)["biased"]
    assert agreement.articles == 2
    assert agreement.same == 0.5
    assert agreement.moved == pytest.approx(0.2)


def test_command_makes_builds_and_tells_their_cost(
    build: Build,
    corpus: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    lenses: Mapping[str, Lens],
) -> None:
    out = tmp_path / "out"
    command = f"shrink --build {build.folder} --corpus {corpus} --out {out} --vocabulary 960"
    monkeypatch.setattr(sys, "argv", [*command.split(), "--recipes", "reference", "compact"])
    shrink.main()
    costs = json.loads(capsys.readouterr().out)
    assert list(costs) == ["reference", "compact"]
    closed = {"category", "sentiment", "biased", "bias_scale"}
    assert all(set(fields) == closed for fields in costs.values())
    assert all(0 <= f["moved"] <= 1 for fields in costs.values() for f in fields.values())
    assert costs["reference"]["biased"]["moved"] < 0.05
    made = load_build(out / "compact")
    assert made.manifest.sha256 == hash_file(made.model_path)
    assert made.manifest.contracts == build.manifest.contracts
