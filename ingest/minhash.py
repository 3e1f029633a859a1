"""MinHash: a short signature by which the likeness of two texts can be told.

Bytes and numbers only; what likeness means is `ingest/stories.py`'s. The same text gives the same
signature on every machine and in every process.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

SHINGLE_WORDS = 3
"""Of 2 words, more than half of the shingles are common phrases: 3,100 pairs of market news with a
similarity over 0.4 became 2,000 with 3."""
LEAST_WORDS = 8
"""Fewer have fewer than 6 shingles: one common phrase would make them alike."""
MAX_WORDS = 400
"""Copies differ most at their ends, where outlets add and cut. Also bounds the cost: 0.2 ms."""
HASHES = 64
"""The estimate's standard error is then at most 1/16."""
BAND_ROWS = 3
BANDS = 12
"""Found with a chance of 1 − (1 − s³)¹²: 0.55 at a similarity of 0.4, 0.80 at 0.5, 0.94 at 0.6,
0.99 at 0.7; by chance, at 0.02, once in 10,000. A row for each band is written, so few."""

_Words = Sequence[bytes]
_Hashes = npt.NDArray[np.uint64]

_ALONE = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])"
)
"""Letters of scripts that put no space between words: each counts as one."""
_PUNCTUATION = re.compile(b"\xe2[\x80\x81].|\xc2.|\xe3\x80.", re.DOTALL)
"""In UTF-8: typographic quotes, dashes, dots and spaces (U+2000 to U+207F), the signs of Latin-1,
the punctuation of Chinese and Japanese."""
_TABLE = bytes(
    code if code >= 0x80 else ord(chr(code).lower()) if chr(code).isalnum() else 0x20
    for code in range(256)
)
"""ASCII letters in lower case, all else of ASCII a space; other bytes stay."""
_SHIFT = np.uint64(32)


def _draw(count: int, seed: int) -> _Hashes:
    """Draw odd 64-bit numbers by SplitMix64, which no library's next version can change."""
    mask, numbers, state = 2**64 - 1, [], seed
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & mask
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
        numbers.append((mixed ^ (mixed >> 31)) | 1)
    return np.array(numbers, dtype=np.uint64)


_FACTORS = _draw(HASHES, 1)[:, None]
_SUMMANDS = _draw(HASHES, 2)[:, None]
_PLACES = _draw(SHINGLE_WORDS + 1, 3)
_BAND_PLACES = _draw(BAND_ROWS, 4)
_BAND_SEEDS = _draw(BANDS, 5)


def split_words(text: str) -> list[str]:
    """Split a text into words in lower case, without punctuation."""
    return [word.decode("utf-8", "replace") for word in _split(text)]


def sign(text: str) -> bytes | None:
    """Give a text's signature, 256 bytes; None for one of too few words."""
    words = _split(text)[:MAX_WORDS]
    if len(words) < LEAST_WORDS:
        return None
    # (HASHES, shingles) uint64: each row orders the shingles anew, and its least one is kept.
    ordered = _FACTORS * _hash_shingles(words) + _SUMMANDS
    least: npt.NDArray[np.uint32] = (ordered.min(axis=1) >> _SHIFT).astype("<u4")
    return least.tobytes()


def list_keys(signature: bytes) -> list[int]:
    """Give the keys of a signature's bands, signed 64-bit: alike texts have one in common."""
    least = np.frombuffer(signature, dtype="<u4").astype(np.uint64)
    bands = least[: BANDS * BAND_ROWS].reshape(BANDS, BAND_ROWS)
    mixed = (bands * _BAND_PLACES).sum(axis=1, dtype=np.uint64) + _BAND_SEEDS
    keys: list[int] = _mix(mixed).view(np.int64).tolist()
    return keys


def compare(ones: Sequence[bytes], others: Sequence[bytes]) -> list[float]:
    """Estimate for each pair of signatures what share of shingles their texts have in common."""
    # (pairs, HASHES) bool
    equal = _stack(ones) == _stack(others)
    shares: list[float] = equal.mean(axis=1).tolist()
    return shares


def _stack(signatures: Sequence[bytes]) -> npt.NDArray[np.uint32]:
    return np.frombuffer(b"".join(signatures), dtype="<u4").reshape(-1, HASHES)


def _split(text: str) -> list[bytes]:
    if text.isascii():
        return text.encode().translate(_TABLE).split()
    text = _ALONE.sub(r" \1 ", text.casefold())
    encoded = text.encode("utf-8", "replace")
    return _PUNCTUATION.sub(b" ", encoded).translate(_TABLE).split()


def _hash_shingles(words: _Words) -> _Hashes:
    """Hash every run of three words, (shingles,) uint64."""
    hashed = np.fromiter(map(zlib.crc32, words), dtype=np.uint64, count=len(words))
    count = len(words) - SHINGLE_WORDS + 1
    shingles: _Hashes = np.zeros(count, dtype=np.uint64)
    for place in range(SHINGLE_WORDS):
        shingles += hashed[place : place + count] * _PLACES[place]
    return _mix(shingles)


def _mix(numbers: _Hashes) -> _Hashes:
    """Let every bit depend on every other, near enough."""
    numbers = (numbers ^ (numbers >> _SHIFT)) * _PLACES[-1]
    return numbers ^ (numbers >> _SHIFT)
