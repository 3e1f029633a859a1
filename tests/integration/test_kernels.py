"""Our own kernels give what llama.cpp's own give, only sooner."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
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


class Workshop:
    """Models, and what was read with them: each is made once, and nobody changes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cache  # noqa: B019  # It lives as long as the module's tests.
    def make_model(self, shape: GemmaShape, recipe: str | None = None) -> Path:
        path = self._folder / f"{shape.heads}-{recipe}.gguf"
        if recipe is None:
            write_random_gemma(path, shape, ["Nobody reads this."])
        else:
            quantise(self.make_model(shape), path, RECIPES[recipe])
        return path

    @cache  # noqa: B019
    def read_logits(self, model: Path, off: str, threads: int = 2) -> NDArray[np.float32]:
        """Read prompts and steps in a process of its own, since the switch is looked at once."""
        found = self._folder / "found.npy"
        subprocess.run(
            [sys.executable, "-c", READ, str(model), str(threads), str(found)],
            cwd=ROOT,
            env={**os.environ, SWITCH: off},
            check=True,
        )
        rows: NDArray[np.float32] = np.load(found)
        return rows


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("models"))


def test_kernels_are_there_where_the_cpu_has_their_instructions() -> None:
    has = parse_features(system_info())
    has_avx2 = has >= {"AVX2", "FMA", "F16C"}
    assert list_kernels() == (KERNELS if has_avx2 else ())
    assert find_width() == (WIDE if "AVX512_VNNI" in has else NARROW if has_avx2 else "")


@needs_kernels
@widths
@pytest.mark.parametrize(("recipe", "threads"), [("fast", 1), ("fast", 2), ("compact", 2)])
def test_products_of_four_bits_differ_by_the_rounding_of_activations_only(
    workshop: Workshop, recipe: str, threads: int, less: str
) -> None:
    model = workshop.make_model(ODD, recipe)
    ours = workshop.read_logits(model, f"attention elementwise {less}", threads)
    theirs = workshop.read_logits(model, " ".join(KERNELS), threads)
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
    workshop: Workshop, shape: GemmaShape, kernel: str, less: str
) -> None:
    # With weights in float16 nothing is rounded coarsely on the way.
    model = workshop.make_model(shape)
    theirs = workshop.read_logits(model, " ".join(KERNELS))
    ours = workshop.read_logits(
        model, " ".join([less, *(name for name in KERNELS if name != kernel)])
    )
    assert np.any(ours != theirs)
    # llama.cpp adds up, and looks up, in float16.
    errors = np.sqrt(np.mean((ours - theirs) ** 2, axis=1))
    assert errors.max() < 0.005 * theirs.std()


@needs_kernels
@widths
def test_bits_do_not_depend_on_the_number_of_threads(workshop: Workshop, less: str) -> None:
    model = workshop.make_model(ODD, "fast")
    one, two = (workshop.read_logits(model, less, threads) for threads in (1, 2))
    assert one.tobytes() == two.tobytes()
