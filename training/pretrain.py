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

from inference.prompt import PromptStyle, encode_segments, number_sentences, render_article
from inference.reading import read_article
from inference.spelling import Encoder
from schemas.errors import ConfigError
from training.loop import Batch

# Leads carry the news, and short documents show more stories for the same number of tokens.
DOCUMENT_TOKENS = 448
_LEAD_CHARS = 6 * DOCUMENT_TOKENS


@dataclass(frozen=True)
class Document:
    title: str
    text: str


def encode_documents(
    documents: Iterable[Document],
    encoder: Encoder,
    style: PromptStyle,
    prompt_share: float,
    seed: int,
) -> Iterator[list[int]]:
    """Tokenise each document's lead as plain text or, for a share of them, as in a prompt."""
    chance = random.Random(seed)
    begin = encoder.encode("<bos>")
    for document in documents:
        lead = document.text[:_LEAD_CHARS]
        if chance.random() < prompt_share:
            tokens = encode_as_prompt(document.title, lead, style, encoder)
        else:
            tokens = begin + encoder.encode_untrusted(f"{document.title}\n{lead}")
        yield tokens[:DOCUMENT_TOKENS]


def encode_as_prompt(title: str, text: str, style: PromptStyle, encoder: Encoder) -> list[int]:
    """Tokenise an article as the first part of a serving prompt, sentences numbered."""
    reading = read_article(title, text, budget_tokens=DOCUMENT_TOKENS)
    segments = render_article(reading, number_sentences(reading), style)
    return encode_segments(segments, encoder)


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
            raise ConfigError(f"{len(packed)} tokens do not fill one batch of {rows} x {length}")

    def batches(self, step: int) -> list[Batch]:
        """Give the batch of a step: the same step always gives the same one."""
        epoch, place = divmod(step, self._per_epoch)
        order = np.random.default_rng((self._seed, epoch)).permutation(self._per_epoch * self._rows)
        chosen = order[place * self._rows : (place + 1) * self._rows]
        rows = [self._packed[row * self._length : (row + 1) * self._length] for row in chosen]
        tokens = torch.from_numpy(np.stack(rows).astype(np.int64))
        return [Batch(tokens, torch.ones(tokens.shape))]
