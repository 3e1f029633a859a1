"""Our own kernels give what llama.cpp's own give, only sooner."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.random_gemma import GemmaShape, write_random_gemma
from inference.cpu import parse_features
from inference.engine import system_info
from inference.kernels import KERNELS, NARROW, NO_WIDE, SWITCH, WIDE, find_width, list_kernels
from schemas.settings import ROOT
from training.quantising import RECIPES, quantise

ODD = GemmaShape(2, 96, 288, 3, 64, 1, 20_488, 4_096, 128)
"""The widths are multiples of 32, as the types want; one half of them, and the vocabulary, are none
of 16, the columns that our products compute at once. Three heads share a key; four would fit."""

SLIM = GemmaShape(2, 96, 288, 4, 48, 2, 20_488, 4_096, 128)
"""Heads that are no multiple of 64 wide, and two of them to a key."""

READ = """
import sys
from pathlib import Path
import numpy as np
from inference.engine import Engine, EngineShape
with Engine(Path(sys.argv[1]), EngineShape(4, 512, int(sys.argv[2]), True)) as engine:
    rows = []
    for slot, length in enumerate((1, 4, 7, 21, 40, 250)):
        engine.trim(slot % 4, 0)
        tokens = [300 + token for token in range(length)]
        rows.append(engine.prefill(slot % 4, tokens).copy())
    for _ in range(3):
        found = engine.step({slot: 400 + slot for slot in range(4)}, frozenset(range(4)))
        rows += [found[slot].copy() for slot in range(4)]
    np.save(sys.argv[3], np.stack(rows))
"""

needs_kernels = pytest.mark.skipif(not list_kernels(), reason="the CPU has no AVX2")
widths = pytest.mark.parametrize(
    "less",
    ["", pytest.param(NO_WIDE, marks=pytest.mark.skipif(find_width() != WIDE, reason="as above"))],
    ids=["widest", "narrow"],
)


def make_model(folder: Path, shape: GemmaShape, recipe: str | None = None) -> Path:
    path = folder / "f16.gguf"
    write_random_gemma(path, shape, ["Nobody reads this."])
    if recipe is None:
        return path
    quantise(path, folder / "model.gguf", RECIPES[recipe])
    return folder / "model.gguf"


def read_logits(model: Path, off: str, threads: int = 2) -> NDArray[np.float32]:
    """Read prompts and steps in a process of its own, since the switch is looked at once."""
    found = model.with_suffix(".npy")
    subprocess.run(
        [sys.executable, "-c", READ, str(model), str(threads), str(found)],
        cwd=ROOT,
        env={**os.environ, SWITCH: off},
        check=True,
    )
    rows: NDArray[np.float32] = np.load(found)
    return rows


def test_kernels_are_there_where_the_cpu_has_their_instructions() -> None:
    has = parse_features(system_info())
    has_avx2 = has >= {"AVX2", "FMA", "F16C"}
    assert list_kernels() == (KERNELS if has_avx2 else ())
    assert find_width() == (WIDE if "AVX512_VNNI" in has else NARROW if has_avx2 else "")


@needs_kernels
@widths
@pytest.mark.parametrize(("recipe", "threads"), [("fast", 1), ("fast", 2), ("compact", 2)])
def test_products_of_four_bits_differ_by_the_rounding_of_activations_only(
    tmp_path: Path, recipe: str, threads: int, less: str
) -> None:
    model = make_model(tmp_path, ODD, recipe)
    ours = read_logits(model, f"attention elementwise {less}", threads)
    theirs = read_logits(model, " ".join(KERNELS), threads)
    assert np.any(ours != theirs)
    # A scale for 128 activations here, for 32 there, in a small model whose weights are chance.
    # What each product must be is tested in test_products.py.
    errors = np.sqrt(np.mean((ours - theirs) ** 2, axis=1))
    assert errors.max() < 0.08 * theirs.std()


@needs_kernels
@widths
@pytest.mark.parametrize("shape", [ODD, SLIM], ids=["odd", "slim"])
@pytest.mark.parametrize("kernel", ["attention", "elementwise"])
def test_attention_and_elementwise_functions_differ_by_rounding_only(
    tmp_path: Path, shape: GemmaShape, kernel: str, less: str
) -> None:
    # With weights in float16 nothing is rounded coarsely on the way.
    model = make_model(tmp_path, shape)
    theirs = read_logits(model, " ".join(KERNELS))
    ours = read_logits(model, " ".join([less, *(name for name in KERNELS if name != kernel)]))
    assert np.any(ours != theirs)
    # llama.cpp adds up, and looks up, in float16.
    errors = np.sqrt(np.mean((ours - theirs) ** 2, axis=1))
    assert errors.max() < 0.005 * theirs.std()


@needs_kernels
@widths
def test_bits_do_not_depend_on_the_number_of_threads(tmp_path: Path, less: str) -> None:
    model = make_model(tmp_path, ODD, "fast")
    assert read_logits(model, less, 1).tobytes() == read_logits(model, less, 2).tobytes()
