"""Cuts a Gemma-class vocabulary down to the tokens that a corpus needs.

In a small model a third of the weights are embeddings, and all of them are multiplied at every
step to give the logits. The tokens that stay keep their rows, so their logits are what they were.
Bytes and control tokens always stay: any text can still be spelled. Knows pieces and tensors;
where the corpus comes from is the caller's business.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf

from inference.vocabulary import open_vocabulary
from schemas.errors import ConfigError

HEAD_ROWS = 64
"""The vocabulary's size is a multiple of this, so that kernels of any width have no remainder."""

_PREFIX = "tokenizer.ggml."
_PER_TOKEN = tuple(_PREFIX + name for name in ("tokens", "scores", "token_type"))
_EMBEDDINGS = ("token_embd.weight", "output.weight")
_SPARE_KINDS = (gguf.TokenType.NORMAL, gguf.TokenType.UNUSED)
_PLACEHOLDER = re.compile(r"<unused\d+>")
"""Gemma reserves some thousands; files name them control tokens."""


def trim_vocabulary(source: Path, target: Path, texts: Iterable[str], size: int) -> int:
    """Write a GGUF file with at most `size` tokens, chosen by `texts`; give how many there are.

    Raises:
        ConfigError: the vocabulary is of another kind, or `size` is too small for what must stay.
    """
    reader = gguf.GGUFReader(source)
    if reader.fields[f"{_PREFIX}model"].contents() != "llama":
        raise ConfigError(f"{source}: only SentencePiece vocabularies (Gemma's kind) can be cut")
    with open_vocabulary(source) as vocabulary:
        counts = Counter(token for text in texts for token in vocabulary.encode_untrusted(text))
    pieces, scores, kinds = (reader.fields[name].contents() for name in _PER_TOKEN)
    kept = choose_tokens(pieces, scores, kinds, counts, size)
    _write(reader, target, kept)
    return len(kept)


def choose_tokens(
    pieces: Sequence[str],
    scores: Sequence[float],
    kinds: Sequence[int],
    counts: Mapping[int, int],
    size: int,
) -> list[int]:
    """Choose tokens in the order of their ids: what must stay, then the most frequent.

    A token is only of use with the pieces that it is put together from, so these come with it.
    What room is left goes to the lowest ids, which the vocabulary's makers found most frequent.
    """
    size = min(size, len(pieces)) // HEAD_ROWS * HEAD_ROWS
    ids = {piece: token for token, piece in enumerate(pieces)}
    kept = {
        token
        for token, kind in enumerate(kinds)
        if kind not in _SPARE_KINDS and not _PLACEHOLDER.fullmatch(pieces[token])
    }
    if len(kept) > size:
        raise ConfigError(f"{len(kept)} control and byte tokens must stay, more than {size}")
    frequent = sorted(counts, key=lambda token: (-counts[token], token))
    for token in (*frequent, *range(len(pieces))):
        if len(kept) == size:
            break
        if token not in kept:
            needed = {token, *find_ancestors(pieces[token], ids, scores)} - kept
            if len(kept) + len(needed) <= size:
                kept |= needed
    return sorted(kept)


def find_ancestors(piece: str, ids: Mapping[str, int], scores: Sequence[float]) -> Iterator[int]:
    """Give the tokens that the tokeniser puts together on the way to a piece.

    SentencePiece joins the neighbours whose union has the best score, leftmost first, until
    nothing can be joined. A piece comes about in a text as it does alone: had a join crossed its
    border, it would not have come about.
    """
    parts: list[str | None] = list(piece)
    yield from (ids[letter] for letter in piece if letter in ids)
    following = list(range(1, len(piece) + 1))
    previous = list(range(-1, len(piece) - 1))
    queue: list[tuple[float, int, str]] = []

    def offer(left: int) -> None:
        right = following[left] if left >= 0 else len(parts)
        if right < len(parts):
            joined = f"{parts[left]}{parts[right]}"
            if joined in ids:
                heapq.heappush(queue, (-scores[ids[joined]], left, joined))

    for place in range(len(parts)):
        offer(place)
    while queue:
        _, left, joined = heapq.heappop(queue)
        right = following[left]
        if parts[left] is None or right >= len(parts) or f"{parts[left]}{parts[right]}" != joined:
            continue
        yield ids[joined]
        parts[left], parts[right] = joined, None
        following[left] = following[right]
        if following[right] < len(parts):
            previous[following[right]] = left
        offer(left)
        offer(previous[left])


def _write(reader: gguf.GGUFReader, target: Path, kept: Sequence[int]) -> None:
    """Copy a file, of the embeddings and of the vocabulary only the kept rows."""
    partial = target.with_suffix(".part")
    writer = gguf.GGUFWriter(partial, reader.fields["general.architecture"].contents())
    places = {token: place for place, token in enumerate(kept)}
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            value = _translate(name, field.contents(), places)
            writer.add_key_value(name, value, field.types[0], field.types[-1])
    for tensor in reader.tensors:
        rows = tensor.data[list(kept)] if tensor.name in _EMBEDDINGS else tensor.data
        writer.add_tensor(tensor.name, rows, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(target)


def _translate(name: str, value: Any, places: Mapping[int, int]) -> Any:
    """Give a key's value as it is in the smaller vocabulary."""
    if name in _PER_TOKEN:
        return [value[token] for token in places]
    if name.startswith(_PREFIX) and name.endswith("_token_id"):
        return places.get(value, 0)
    return len(places) if name.endswith(".vocab_size") else value
