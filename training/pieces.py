"""The pieces of a starter build's vocabulary: which token has which id, kind and merge score.

Knows the order of pieces only. How they were learned is tokeniser.py's matter, how they are stored
export.py's. The layout follows Gemma (SentencePiece, byte fallback, no space prefix), so that
llama.cpp reads it with the tokeniser that it uses for Gemma.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Self

from inference.spelling import END_OF_TURN, MAX_MARKERS
from schemas.contract import DELIMITER

SPACE = "▁"  # SentencePiece's stand-in for a blank.


class PieceKind(IntEnum):
    """Token types, numbered as GGUF does."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    BYTE = 6


@dataclass(frozen=True)
class Piece:
    text: str
    kind: PieceKind
    score: float


# Each step is the last plus one character, so that merging from the left reaches " ||| ".
_DELIMITER = DELIMITER.replace(" ", SPACE)
_DELIMITER_STEPS = tuple(_DELIMITER[:length] for length in range(2, len(_DELIMITER) + 1))
_FIXED = (*_DELIMITER_STEPS, "10")
_CONTROL = (
    "<start_of_turn>",
    END_OF_TURN,
    *(f"<s{number}>" for number in range(1, MAX_MARKERS + 1)),
)


@dataclass(frozen=True)
class PieceTable:
    """All pieces in id order."""

    rows: tuple[Piece, ...]

    @classmethod
    def lay_out(cls, learned: Sequence[str], size: int) -> Self:
        """Put the learned pieces, best first, behind the fixed ones; cut to `size`."""
        fixed = list(_fixed_pieces())
        taken = {piece.text for piece in fixed}
        room = size - len(fixed)
        fresh = [text for text in learned if text not in taken][:room]
        # llama.cpp merges the pair with the highest score first: rank order is merge order.
        ranked = [
            Piece(text, PieceKind.NORMAL, -float(len(_FIXED) + rank))
            for rank, text in enumerate(fresh)
        ]
        return cls((*fixed, *ranked))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def digest(self) -> str:
        """Short hash of the whole layout, to tell caches of tokenised text apart."""
        rows = [(piece.text, int(piece.kind), piece.score) for piece in self.rows]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]

    def save(self, path: Path) -> None:
        rows = [[piece.text, int(piece.kind), piece.score] for piece in self.rows]
        path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return cls(tuple(Piece(text, PieceKind(kind), score) for text, kind, score in rows))


def _fixed_pieces() -> Iterator[Piece]:
    for text in ("<pad>", "<eos>", "<bos>"):
        yield Piece(text, PieceKind.CONTROL, 0.0)
    yield Piece("<unk>", PieceKind.UNKNOWN, 0.0)
    for text in _CONTROL:
        yield Piece(text, PieceKind.CONTROL, 0.0)
    for value in range(256):
        yield Piece(f"<0x{value:02X}>", PieceKind.BYTE, 0.0)
    for rank, text in enumerate(_FIXED):
        yield Piece(text, PieceKind.NORMAL, -float(rank))
