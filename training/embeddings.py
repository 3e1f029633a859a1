"""First embeddings from counts: factorised co-occurrence, so that training starts with word senses.

Positive pointwise mutual information of neighbouring tokens, reduced by a truncated SVD (Levy and
Goldberg 2014, "Neural word embedding as implicit matrix factorization"). Costs seconds; what it
saves is stated in docs/experiments.md. Knows token ids only.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

WINDOW = 6
EMBEDDING_DEVIATION = 0.05  # Of single entries; the blocks begin on a residual stream of about one.
CONTEXT_SMOOTHING = 0.75  # Levy, Goldberg and Dagan 2015: damps rare contexts.


def count_neighbours(tokens: NDArray[np.uint16], pieces: int, window: int = WINDOW) -> Tensor:
    """Count (pieces, pieces) how often two tokens stand within `window`; nearer counts more."""
    counts = np.zeros(pieces * pieces, dtype=np.float32)
    for distance in range(1, window + 1):
        pairs = tokens[:-distance].astype(np.int64) * pieces + tokens[distance:]
        np.add.at(counts, pairs, np.float32(1.0 / distance))
    square = torch.from_numpy(counts.reshape(pieces, pieces))
    return square + square.T


def factorise(counts: Tensor, width: int, deviation: float, seed: int) -> Tensor:
    """Reduce counts to (pieces, width) vectors whose entries have the given standard deviation."""
    rows = counts.sum(dim=1)
    contexts = rows.pow(CONTEXT_SMOOTHING)
    contexts = contexts / contexts.sum()
    expected = (rows[:, None] * contexts[None, :]).clamp(min=1e-9)
    information = torch.log((counts / expected).clamp(min=1.0))
    torch.manual_seed(seed)
    left, strength, _ = torch.svd_lowrank(information, q=width, niter=3)
    vectors: Tensor = left * strength.sqrt()
    # Tokens that never occur keep small random vectors instead of zeros.
    vectors[rows == 0] = torch.randn(int((rows == 0).sum()), width) * vectors.std()
    # All tokens alike in length: the norm layers expect it, and frequent ones do not drown rare.
    vectors = vectors / vectors.norm(dim=1, keepdim=True).clamp(min=1e-6)
    scaled: Tensor = vectors * (deviation * width**0.5)
    return scaled
