"""GGUF files for tests: a header that says sizes, and no weights."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

SIZES: dict[str, int | str | list[str]] = {
    "general.architecture": "gemma3",
    "gemma3.block_count": 2,
    "gemma3.embedding_length": 128,
    "gemma3.feed_forward_length": 512,
    "gemma3.attention.head_count": 4,
    "gemma3.attention.head_count_kv": 1,
    "gemma3.attention.key_length": 64,
    "gemma3.attention.value_length": 64,
    "gemma3.context_length": 512,
    "tokenizer.ggml.tokens": ["a", "b", "c"],
}


def make_header(values: Mapping[str, int | str | list[str]] = SIZES, version: int = 3) -> bytes:
    """Write metadata as the GGUF specification has it."""
    entries = b"".join(_string(key) + _value(value) for key, value in values.items())
    return b"GGUF" + struct.pack("<IQQ", version, 0, len(values)) + entries


def write_model(path: Path, **changes: int | str | list[str]) -> Path:
    """Write a file with these sizes."""
    path.write_bytes(make_header({**SIZES, **changes}))
    return path


def _value(value: int | str | list[str]) -> bytes:
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _string(value)
    return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_string, value))


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()
