"""Our own kernels give the bits that llama.cpp's own give, only sooner."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.random_gemma import GemmaShape, write_random_gemma
from inference.cpu import parse_features
from inference.engine import system_info
from inference.kernels import name_kernels
from schemas.settings import ROOT
from training.quantising import RECIPES, quantise

SHAPE = GemmaShape(2, 96, 288, 3, 64, 1, 20_488, 4_096, 128)
"""The widths are multiples of 32, as the types want; one half of them, and the vocabulary, are none
of 16, the columns that our kernels compute at once."""

READ = """
import hashlib, sys
from pathlib import Path
from inference.engine import Engine, EngineShape
with Engine(Path(sys.argv[1]), EngineShape(4, 512, threads=int(sys.argv[2]))) as engine:
    for length in (1, 4, 7, 21, 40, 250):
        row = engine.prefill(0, [300 + token for token in range(length)])
        print(length, hashlib.sha256(row.tobytes()).hexdigest())
    rows = engine.step({slot: 400 + slot for slot in range(4)}, frozenset(range(4)))
    print([hashlib.sha256(rows[slot].tobytes()).hexdigest() for slot in range(4)])
"""


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("random") / "f16.gguf"
    write_random_gemma(path, SHAPE, ["Nobody reads this."])
    return path


def read_digests(model: Path, threads: int, switch: str) -> str:
    """Read prompts in a process of its own: the switch is looked at once."""
    return subprocess.run(
        [sys.executable, "-c", READ, str(model), str(threads)],
        cwd=ROOT,
        env={**os.environ, "GGML_CPU_FOUR_BIT": switch},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def test_kernels_are_there_where_the_cpu_has_their_instructions() -> None:
    has_vnni = "AVX512_VNNI" in parse_features(system_info())
    assert name_kernels() == ("AVX-512 VNNI" if has_vnni else "")


@pytest.mark.skipif(not name_kernels(), reason="the CPU has no AVX-512 VNNI")
@pytest.mark.parametrize("recipe", ["fast", "compact"])
@pytest.mark.parametrize("threads", [1, 2])
def test_logits_are_those_of_llama_cpps_own_kernels_bit_for_bit(
    random_model: Path, tmp_path: Path, recipe: str, threads: int
) -> None:
    model = tmp_path / "model.gguf"
    quantise(random_model, model, RECIPES[recipe])
    ours, theirs = (read_digests(model, threads, switch) for switch in ("1", "0"))
    assert ours.count("\n") == 7
    assert ours == theirs
