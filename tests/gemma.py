"""Gemma 3 in NumPy, straight from its description: what the engine's logits are held against.

Reads an F16 or F32 GGUF file and computes in float64, one whole sequence at a time. Shares nothing
with llama.cpp, with our kernels or with PyTorch but the file. Slow, and for tiny models only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GLOBAL_LAYER_EVERY = 6
"""All other layers see a window of the tokens only."""
LOCAL_ROPE_BASE = 10_000.0
"""Of the layers with a window; that of the others stands in the file."""


class Gemma:
    """A model from a file."""

    def __init__(self, path: Path) -> None:
        reader = gguf.GGUFReader(path)
        self._weights: dict[str, Floats] = {
            tensor.name.removesuffix(".weight"): np.array(tensor.data, dtype=np.float64)
            for tensor in reader.tensors
        }

        def key(name: str) -> Any:
            return reader.fields[f"gemma3.{name}"].contents()

        self._layers = int(key("block_count"))
        self._heads = int(key("attention.head_count"))
        self._kv_heads = int(key("attention.head_count_kv"))
        self._window = int(key("attention.sliding_window"))
        self._rope_base = float(key("rope.freq_base"))
        self._epsilon = float(key("attention.layer_norm_rms_epsilon"))

    def logits(self, tokens: Sequence[int]) -> Floats:
        """Give the logits after each token, (tokens, vocabulary)."""
        embeddings = self._weights["token_embd"]
        x = embeddings[list(tokens)] * np.sqrt(embeddings.shape[1])
        for layer in range(self._layers):
            attended = self._attend(layer, self._norm(f"blk.{layer}.attn_norm", x))
            x = x + self._norm(f"blk.{layer}.post_attention_norm", attended)
            fed = self._feed_forward(layer, self._norm(f"blk.{layer}.ffn_norm", x))
            x = x + self._norm(f"blk.{layer}.post_ffw_norm", fed)
        return self._norm("output_norm", x) @ embeddings.T

    def _norm(self, name: str, x: Floats) -> Floats:
        square = np.mean(x**2, axis=-1, keepdims=True)
        return np.asarray(x / np.sqrt(square + self._epsilon) * self._weights[name])

    def _attend(self, layer: int, x: Floats) -> Floats:
        """(tokens, width) → (tokens, width)."""
        is_global = (layer + 1) % GLOBAL_LAYER_EVERY == 0
        base = self._rope_base if is_global else LOCAL_ROPE_BASE
        window = len(x) if is_global else self._window
        queries = self._project(layer, "q", x, self._heads)
        keys = self._project(layer, "k", x, self._kv_heads)
        values = self._project(layer, "v", x, self._kv_heads)
        queries = turn(self._norm(f"blk.{layer}.attn_q_norm", queries), base)
        keys = turn(self._norm(f"blk.{layer}.attn_k_norm", keys), base)
        shared = self._heads // self._kv_heads
        keys, values = np.repeat(keys, shared, axis=1), np.repeat(values, shared, axis=1)
        scores = np.einsum("thd,shd->hts", queries, keys) / np.sqrt(queries.shape[2])
        distances = np.subtract.outer(np.arange(len(x)), np.arange(len(x)))
        scores = np.where((distances >= 0) & (distances < window), scores, -np.inf)
        powers = np.exp(scores - scores.max(axis=2, keepdims=True))
        shares = powers / powers.sum(axis=2, keepdims=True)
        together = np.einsum("hts,shd->thd", shares, values).reshape(len(x), -1)
        return np.asarray(together @ self._weights[f"blk.{layer}.attn_output"].T)

    def _project(self, layer: int, name: str, x: Floats, heads: int) -> Floats:
        projected = x @ self._weights[f"blk.{layer}.attn_{name}"].T
        return np.asarray(projected.reshape(len(x), heads, -1))

    def _feed_forward(self, layer: int, x: Floats) -> Floats:
        up, gate, down = (
            self._weights[f"blk.{layer}.ffn_{part}"] for part in ("up", "gate", "down")
        )
        return np.asarray((gelu(x @ gate.T) * (x @ up.T)) @ down.T)


def turn(x: Floats, base: float) -> Floats:
    """Rotate each head's halves against each other by angles that grow with the place.

    (tokens, heads, width) → the same.
    """
    tokens, _, width = x.shape
    speeds = base ** (-np.arange(0, width, 2) / width)
    angles = np.outer(np.arange(tokens), speeds)[:, None, :]
    first, second = x[..., : width // 2], x[..., width // 2 :]
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def gelu(x: Floats) -> Floats:
    """GELU by way of tanh, as Gemma was trained with."""
    return np.asarray(0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))))
