"""Next-token pretraining on article texts, in packed rows.

Half the documents are plain text, half stand in the form of a serving prompt with numbered
sentences, so that markers and titles are familiar before fine-tuning. Knows documents and tokens;
knows no labels.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from training.loop import Batch
from training.rendering import Renderer
from training.tokeniser import Tokeniser

# Leads carry the news, and short documents show more stories for the same number of tokens.
DOCUMENT_TOKENS = 448


@dataclass(frozen=True)
class Document:
    title: str
    text: str


def encode_documents(
    documents: Iterable[Document],
    tokeniser: Tokeniser,
    renderer: Renderer,
    prompt_share: float,
    seed: int,
) -> Iterator[list[int]]:
    """Tokenise each document as plain text or, for `prompt_share` of them, as a prompt's article."""
    chance = random.Random(seed)
    for document in documents:
        if chance.random() < prompt_share:
            yield renderer.article(document.title, document.text)[:DOCUMENT_TOKENS]
        else:
            tokens = tokeniser.encode(f"{document.title}\n{document.text[: DOCUMENT_TOKENS * 6]}")
            yield [renderer.bos, *tokens[: DOCUMENT_TOKENS - 1]]


def pack(encoded: Iterable[list[int]], path: Path) -> NDArray[np.uint16]:
    """Write all documents end to end as uint16 to a .npy file, once; give them memory-mapped."""
    if not path.exists():
        fresh = path.with_suffix(".new.npy")
        arrays = [np.asarray(tokens, dtype=np.uint16) for tokens in encoded]
        np.save(fresh, np.concatenate(arrays))
        fresh.replace(path)
    packed: NDArray[np.uint16] = np.load(path, mmap_mode="r")
    return packed


class PackedRows:
    """Gives batches of (rows, length) consecutive tokens; every epoch in its own random order."""

    def __init__(self, packed: NDArray[np.uint16], rows: int, length: int, seed: int) -> None:
        self._packed, self._rows, self._length, self._seed = packed, rows, length, seed
        self._per_epoch = len(packed) // length // rows
        if self._per_epoch == 0:
            raise ValueError(f"{len(packed)} tokens do not fill one batch of {rows} x {length}")

    def batch(self, step: int) -> Batch:
        """Give the batch of a step: the same step always gives the same batch."""
        epoch, place = divmod(step, self._per_epoch)
        order = np.random.default_rng((self._seed, epoch)).permutation(self._per_epoch * self._rows)
        chosen = order[place * self._rows : (place + 1) * self._rows]
        rows = [self._packed[row * self._length : (row + 1) * self._length] for row in chosen]
        tokens = torch.from_numpy(np.stack(rows).astype(np.int64))
        return Batch(tokens, torch.ones(tokens.shape))
