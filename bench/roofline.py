"""What the machine could do at best: int8 arithmetic and memory, measured with small programs.

A prompt is bound by arithmetic, a step of decoding by reading the weights once. Both limits leave
out attention, sampling and everything else, so no engine reaches them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

ROWS, WIDTH, OUTPUTS = 512, 1152, 6912
"""The largest product of Gemma-3-1B, for a prompt of 512 tokens."""
READ_BYTES = 512 << 20
"""Far more than any cache."""
TRIES = 5


@dataclass(frozen=True)
class Roofline:
    """The machine's limits, at the best of some tries."""

    int8_ops: float
    """Multiplications and additions a second."""
    int8_how: str
    read_bytes: float
    """A second."""

    def article_s(
        self, weights: int, model_bytes: int, prompt: float, steps: float, sequences: int
    ) -> float:
        """Give the least seconds for an article of `prompt` tokens and `steps` of decoding."""
        arithmetic = 2 * weights * prompt / self.int8_ops
        return arithmetic + steps * model_bytes / self.read_bytes / sequences


def measure_roofline() -> Roofline:
    """Measure both limits, with all cores."""
    rate, how = _measure_int8()
    block = np.ones((READ_BYTES // 4 // 8192, 8192), dtype=np.float32)
    vector = np.ones(8192, dtype=np.float32)
    return Roofline(rate, how, READ_BYTES / _best(lambda: block @ vector))


def _measure_int8() -> tuple[float, str]:
    operations = 2.0 * ROWS * WIDTH * OUTPUTS
    if find_spec("torch"):
        import torch  # noqa: PLC0415 - only the training stack has it

        left = torch.ones((ROWS, WIDTH), dtype=torch.int8)
        right = torch.ones((WIDTH, OUTPUTS), dtype=torch.int8)
        return operations / _best(lambda: torch._int_mm(left, right)), "oneDNN int8"
    floats = np.ones((ROWS, WIDTH), np.float32), np.ones((WIDTH, OUTPUTS), np.float32)
    # One VNNI instruction multiplies four times as many int8 numbers as an FMA does floats.
    return 4 * operations / _best(lambda: floats[0] @ floats[1]), "4 x float32 of BLAS"


def _best(act: Callable[[], object]) -> float:
    act()
    spent = []
    for _ in range(TRIES):
        began = time.perf_counter()
        act()
        spent.append(time.perf_counter() - began)
    return min(spent)
