"""A GGUF file in the shape of Gemma 3 with random weights: as fast as the real one, and as wrong.

Speed does not depend on the values of weights, so no download is needed to measure it. The
vocabulary splits the made-up articles as finely as Gemma splits English (1.3 tokens a word; its own
tokeniser takes 1.28 for AllSides) and has the words of a question whole. Knows nothing about lenses
or engines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

try:
    import gguf
except ModuleNotFoundError:
    raise SystemExit("the package gguf is missing: `make bench-inference` installs it") from None

BLANK = "▁"
"""SentencePiece's stand-in for a blank."""
MAX_PIECE_CHARS = 6
"""Longer words of an article are two tokens or more, so that a word takes about 1.3."""

_CONTROLS = ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>")
_CONTROL, _UNKNOWN, _NORMAL, _BYTE = 3, 2, 1, 6
_SIGNS = "\n !\"#$%&'()*+,-./0123456789:;<=>?@[]_{|}~"
_WEIGHT_SCALE = 0.02


@dataclass(frozen=True)
class GemmaShape:
    """The sizes of a model; the defaults are Gemma-3-1B's."""

    layers: int = 26
    width: int = 1152
    feed_forward: int = 6912
    heads: int = 4
    head_width: int = 256
    kv_heads: int = 1
    vocabulary: int = 262_144
    context: int = 32_768
    window: int = 512

    @property
    def layer_weights(self) -> int:
        """Weights that every token of a prompt is multiplied with: all but the embeddings."""
        attention = 2 * self.width * self.head_width * (self.heads + self.kv_heads)
        return self.layers * (attention + 3 * self.width * self.feed_forward)


GEMMA_1B = GemmaShape()
TOY = GemmaShape(2, 128, 512, 2, 64, 1, 21_504, 4_096, 128)
"""For tests: made, quantised and read in seconds."""


def write_random_gemma(
    path: Path, shape: GemmaShape, texts: Iterable[str], known: Iterable[str] = (), seed: int = 0
) -> None:
    """Write an F16 file whose vocabulary knows words of `texts` in parts, of `known` as a whole."""
    partial = path.with_suffix(".part")
    writer = gguf.GGUFWriter(partial, "gemma3")
    writer.add_name("random gemma3")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    _add_shape(writer, shape)
    _add_vocabulary(writer, list(lay_out_pieces(texts, known, shape.vocabulary)))
    for name, array in _make_tensors(shape, np.random.default_rng(seed)):
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(path)


def lay_out_pieces(
    texts: Iterable[str], known: Iterable[str], size: int
) -> Iterator[tuple[str, int]]:
    """Give `size` pieces with their kinds: controls, bytes, signs, words and parts, fillers.

    Raises:
        ValueError: the words alone are more.
    """
    pieces: dict[str, int] = dict.fromkeys(_CONTROLS, _CONTROL)
    pieces["<unk>"] = _UNKNOWN
    pieces |= {f"<0x{value:02X}>": _BYTE for value in range(256)}
    letters = "abcdefghijklmnopqrstuvwxyz"
    signs = _SIGNS.replace(" ", BLANK) + letters + letters.upper()
    pieces |= dict.fromkeys(signs, _NORMAL)
    pieces |= dict.fromkeys(_spell_words(known, longest_piece=99), _NORMAL)
    pieces |= dict.fromkeys(_spell_words(texts, MAX_PIECE_CHARS), _NORMAL)
    if len(pieces) > size:
        raise ValueError(f"the texts' words take {len(pieces)} pieces, more than {size}")
    # No merge leads to a filler: text never holds one, but the head computes its logit.
    fillers = (f"{BLANK}ζ{number:x}" for number in range(size - len(pieces)))
    pieces |= dict.fromkeys(fillers, _NORMAL)
    return iter(pieces.items())


def _spell_words(texts: Iterable[str], longest_piece: int) -> Iterator[str]:
    """Give the pieces of the words of some texts, and those that they are put together from."""
    words = sorted({pair for text in texts for pair in re.findall(r"( ?)([A-Za-z]+)", text)})
    longest = max((len(word) for _, word in words), default=0)
    # A word's first piece takes its blank with it, and is put together before what follows.
    for start in range(0, longest, longest_piece):
        for blank, word in words:
            lead = BLANK if blank and not start else ""
            part = word[start : start + longest_piece]
            yield from (lead + part[:end] for end in range(1, len(part) + 1))


def _add_shape(writer: gguf.GGUFWriter, shape: GemmaShape) -> None:
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_width)
    writer.add_value_length(shape.head_width)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_sliding_window(shape.window)
    writer.add_rope_freq_base(1_000_000.0)


def _add_vocabulary(writer: gguf.GGUFWriter, pieces: list[tuple[str, int]]) -> None:
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([text.encode() for text, _ in pieces])
    writer.add_token_scores([-float(rank) for rank in range(len(pieces))])
    writer.add_token_types([kind for _, kind in pieces])
    writer.add_pad_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_bos_token_id(2)
    writer.add_unk_token_id(3)
    writer.add_eot_token_id(_CONTROLS.index("<end_of_turn>"))
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)


def _make_tensors(
    shape: GemmaShape, chance: np.random.Generator
) -> Iterator[tuple[str, NDArray[np.float16] | NDArray[np.float32]]]:
    """Give every tensor under its GGUF name; matrices are (outputs, inputs)."""

    def matrix(rows: int, columns: int) -> NDArray[np.float16]:
        values = chance.standard_normal((rows, columns), dtype=np.float32)
        values *= _WEIGHT_SCALE
        return values.astype(np.float16)

    def ones(size: int) -> NDArray[np.float32]:
        return np.ones(size, dtype=np.float32)

    attention, keys = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    yield "token_embd.weight", matrix(shape.vocabulary, shape.width)
    yield "output_norm.weight", ones(shape.width)
    for layer in range(shape.layers):
        matrices = {
            "attn_q": (attention, shape.width),
            "attn_k": (keys, shape.width),
            "attn_v": (keys, shape.width),
            "attn_output": (shape.width, attention),
            "ffn_gate": (shape.feed_forward, shape.width),
            "ffn_up": (shape.feed_forward, shape.width),
            "ffn_down": (shape.width, shape.feed_forward),
        }
        for name, (rows, columns) in matrices.items():
            yield f"blk.{layer}.{name}.weight", matrix(rows, columns)
        for name in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            yield f"blk.{layer}.{name}.weight", ones(shape.width)
        for name in ("attn_q_norm", "attn_k_norm"):
            yield f"blk.{layer}.{name}.weight", ones(shape.head_width)
