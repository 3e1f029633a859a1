"""Our products of 4-bit weights with 8-bit activations are what arithmetic says.

They are asked for as llama.cpp does it, and held against NumPy with the same weights and with
activations rounded as docs/decisions/0012 says.
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.kernels import NO_WIDE, SWITCH, WIDE, find_width, list_kernels
from schemas.settings import ROOT
from tests.ggml import IQ4_NL, Q4_0, Ggml

BLOCK, SPAN = 32, 128
VALUES = {
    IQ4_NL: (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113),
    Q4_0: tuple(range(-8, 8)),
}
STORED = np.dtype([("scale", "<f2"), ("nibbles", "u1", BLOCK // 2)])
"""A block of 32 weights: a byte has one of the first and one of the last half."""

pytestmark = pytest.mark.skipif("four_bit" not in list_kernels(), reason="the CPU has no AVX2")
kinds = pytest.mark.parametrize("kind", [IQ4_NL, Q4_0], ids=["IQ4_NL", "Q4_0"])


@pytest.fixture(scope="module")
def ggml() -> Ggml:
    return Ggml()


def make_weights(
    kind: int, outputs: int, width: int, seed: int = 1
) -> tuple[bytes, NDArray[np.float64]]:
    """Give random weights as a file has them, and the numbers that they stand for."""
    chance = np.random.default_rng(seed)
    stored = np.zeros((outputs, width // BLOCK), STORED)
    stored["scale"] = chance.uniform(-0.02, 0.02, stored.shape)
    codes = chance.integers(0, 16, (*stored.shape, 2, BLOCK // 2))
    stored["nibbles"] = codes[..., 0, :] | codes[..., 1, :] << 4
    values = np.array(VALUES[kind], np.float64)[codes.reshape(*stored.shape, BLOCK)]
    return stored.tobytes(), (values * stored["scale"][..., None]).reshape(outputs, width)


def make_rows(count: int, width: int, seed: int = 2) -> NDArray[np.float32]:
    """Rows whose spans are of very different size."""
    chance = np.random.default_rng(seed)
    sizes = np.repeat(10.0 ** chance.uniform(-3, 3, (count, -(-width // SPAN))), SPAN, axis=1)
    return (chance.standard_normal((count, width)) * sizes[:, :width]).astype(np.float32)


def round_rows(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Round each span to 127 steps of its largest magnitude."""
    rounded = np.zeros(rows.shape)
    for first in range(0, rows.shape[1], SPAN):
        span = rows[:, first : first + SPAN]
        largest = np.abs(span).max(axis=1, keepdims=True)
        # What is as small as that counts as nothing.
        factor = np.where(largest < 1e-10, 0, np.float32(127) / np.maximum(largest, 1e-10))
        rounded[:, first : first + SPAN] = np.rint(span * factor) * (largest / 127)
    return rounded


def find_errors(
    found: NDArray[np.float32], rows: NDArray[np.float32], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give errors by the sum of magnitudes, which rounding in float32 goes by."""
    rounded = round_rows(rows)
    errors: NDArray[np.float64] = np.abs(found - rounded @ weights.T) / (
        np.abs(rounded) @ np.abs(weights).T
    )
    return errors


@kinds
@pytest.mark.parametrize("width", [32, 128, 288, 1152])
@pytest.mark.parametrize(
    ("rows", "outputs"), [(1, 16), (3, 8), (4, 72), (13, 136), (16, 64), (45, 1032)]
)
def test_products_are_those_of_the_rounded_numbers(
    ggml: Ggml, kind: int, width: int, rows: int, outputs: int
) -> None:
    stored, weights = make_weights(kind, outputs, width)
    given = make_rows(rows, width)
    found = ggml.multiply(kind, stored, outputs, given, threads=2)
    assert find_errors(found, given, weights).max() < 2e-6


def test_spans_of_nothing_count_as_nothing(ggml: Ggml) -> None:
    stored, weights = make_weights(IQ4_NL, 16, 384)
    rows = make_rows(4, 384)
    rows[0, :128] = 1e-12
    rows[1, 128:256] = 0
    rows[2, 256:] = -1e-30
    rows[3, :256] = 0
    found = ggml.multiply(IQ4_NL, stored, 16, rows, threads=1)
    assert find_errors(found, rows, weights).max() < 2e-6


def test_a_row_of_zeros_gives_zeros(ggml: Ggml) -> None:
    stored, _ = make_weights(IQ4_NL, 16, 256)
    rows = make_rows(2, 256)
    rows[1] = 0
    assert not ggml.multiply(IQ4_NL, stored, 16, rows, threads=1)[1].any()


@kinds
def test_a_row_has_the_same_bits_in_any_company(ggml: Ggml, kind: int) -> None:
    stored, _ = make_weights(kind, 72, 1152)
    rows = make_rows(45, 1152)
    together = ggml.multiply(kind, stored, 72, rows, threads=2)
    for first, count in ((0, 1), (1, 2), (7, 5), (20, 16), (44, 1)):
        some = ggml.multiply(kind, stored, 72, rows[first : first + count], threads=1)
        assert some.tobytes() == together[first : first + count].tobytes()


SHAPES = ((IQ4_NL, 1152, 45, 1032), (Q4_0, 1152, 45, 1032), (IQ4_NL, 288, 3, 8), (Q4_0, 32, 1, 72))
WRITE = "from tests.integration.test_products import write_products; write_products()"


def write_products() -> None:
    """Write the products of some shapes to the standard output."""
    for kind, width, rows, outputs in SHAPES:
        stored, _ = make_weights(kind, outputs, width)
        found = Ggml().multiply(kind, stored, outputs, make_rows(rows, width), threads=2)
        sys.stdout.buffer.write(found.tobytes())


@pytest.mark.skipif(find_width() != WIDE, reason="the CPU has no AVX-512 VNNI")
def test_narrow_products_have_the_bits_of_the_wide_ones() -> None:
    def run(less: str) -> bytes:
        command = [sys.executable, "-c", WRITE]
        env = {**os.environ, SWITCH: less}
        return subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True).stdout

    wide, narrow = run(""), run(NO_WIDE)
    assert len(wide) == 4 * sum(rows * outputs for _, _, rows, outputs in SHAPES)
    assert wide == narrow
