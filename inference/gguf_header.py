"""Reads what a GGUF file says of its model, without loading it: sizes, for an estimate of memory.

Follows the GGUF specification, versions 2 and 3 (ggml/docs/gguf.md). Knows nothing of tensors.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from schemas.errors import ConfigError

_MAGIC = b"GGUF"
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q"}
_NUMBERS |= {12: "d"}
_STRING, _ARRAY = 8, 9
_MOST_ENTRIES = 100_000
"""Keys of metadata; files have some dozens."""
_LONGEST_STRING = 1 << 24

Value = str | int | float | bool


@dataclass(frozen=True)
class ModelSizes:
    """The sizes that decide about memory."""

    architecture: str
    layers: int
    width: int
    feed_forward: int
    heads: int
    kv_heads: int
    key_width: int
    """Of one head."""
    value_width: int
    context: int
    vocabulary: int


def read_sizes(path: Path) -> ModelSizes:
    """Read a model's sizes; ConfigError when the file does not say them."""
    try:
        with path.open("rb") as file:
            values = _read_values(file)
        return _find_sizes(values)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (struct.error, UnicodeDecodeError, KeyError, ValueError) as error:
        reason = f"has no {error}" if isinstance(error, KeyError) else f"is damaged: {error}"
        raise ConfigError(f"{path}: its header {reason}") from None


def _find_sizes(values: dict[str, Value]) -> ModelSizes:
    architecture = str(values["general.architecture"])

    def find(name: str, default: int | None = None) -> int:
        key = f"{architecture}.{name}"
        return int(values[key] if default is None else values.get(key, default))

    width, heads = find("embedding_length"), find("attention.head_count")
    head_width = width // max(1, heads)
    return ModelSizes(
        architecture=architecture,
        layers=find("block_count"),
        width=width,
        feed_forward=find("feed_forward_length"),
        heads=heads,
        kv_heads=find("attention.head_count_kv", heads),
        key_width=find("attention.key_length", head_width),
        value_width=find("attention.value_length", head_width),
        context=find("context_length"),
        vocabulary=int(values.get("tokenizer.ggml.tokens", 0)),
    )


def _read_values(file: BinaryIO) -> dict[str, Value]:
    """Read the metadata; of a list, its length."""
    if file.read(4) != _MAGIC:
        raise ValueError("not a GGUF file")
    _version, _tensors, entries = _unpack(file, "<IQQ")
    if entries > _MOST_ENTRIES:
        raise ValueError(f"{entries} entries of metadata")
    values: dict[str, Value] = {}
    for _ in range(entries):
        key = _read_string(file)
        (kind,) = _unpack(file, "<I")
        values[key] = _read_value(file, kind)
    return values


def _read_value(file: BinaryIO, kind: int) -> Value:
    if kind == _STRING:
        return _read_string(file)
    if kind == _ARRAY:
        return _pass_list(file)
    if kind not in _NUMBERS:
        raise ValueError(f"a value of the unknown kind {kind}")
    (value,) = _unpack(file, f"<{_NUMBERS[kind]}")
    assert isinstance(value, int | float)
    return value


def _pass_list(file: BinaryIO) -> int:
    """Pass over a list; give its length."""
    kind, count = _unpack(file, "<IQ")
    if kind in _NUMBERS:
        file.seek(count * struct.calcsize(_NUMBERS[kind]), 1)
    else:
        for _ in range(count):
            if kind != _STRING:
                raise ValueError(f"a list of the kind {kind}")
            (length,) = _unpack(file, "<Q")
            file.seek(_bounded(length), 1)
    return int(count)


def _read_string(file: BinaryIO) -> str:
    (length,) = _unpack(file, "<Q")
    return file.read(_bounded(length)).decode()


def _bounded(length: int) -> int:
    if length > _LONGEST_STRING:
        raise ValueError(f"a string of {length} bytes")
    return length


def _unpack(file: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))
