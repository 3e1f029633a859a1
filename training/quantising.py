"""F16 GGUF → named recipes: which tensor gets which type, and why.

Knows tensor types and llama.cpp's quantiser; knows nothing about vocabularies or articles. What a
recipe costs in agreement is measured by shrink.py, what it gains in speed by bench/inference.py.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import gguf
import llama_cpp

from inference.cpu import usable_cores
from inference.llama_log import quiet_llama, take_complaint
from schemas.errors import PermanentError

K_BLOCK = 256
"""K-quants hold 256 weights to a block: only rows that are a multiple of it can have them."""


@dataclass(frozen=True)
class QuantRecipe:
    """How to store the tensors of a model."""

    name: str
    why: str
    base: gguf.LlamaFileType
    everything: bool = False
    """All matrices have the base's type, the embeddings too; else llama.cpp chooses some others."""
    long_rows: gguf.GGMLQuantizationType | None = None
    """Type of `LONG_ROWS` where their rows are a multiple of `K_BLOCK`."""


LONG_ROWS = ("ffn_down", "attn_output")
"""In Gemma 3 these have rows of another length than the width; 1,152 is no multiple of 256."""

RECIPES: Mapping[str, QuantRecipe] = {
    recipe.name: recipe
    for recipe in (
        QuantRecipe(
            "fast",
            "IQ4_NL throughout: with AVX-512 VNNI as quick as Q4_0, and more exact",
            gguf.LlamaFileType.MOSTLY_IQ4_NL,
            everything=True,
        ),
        QuantRecipe(
            "compact",
            "Q4_0 throughout: the quickest with AVX2, and for models trained to be stored so",
            gguf.LlamaFileType.MOSTLY_Q4_0,
            everything=True,
        ),
        QuantRecipe(
            "tiles",
            "Q4_0, and Q5_K where llama.cpp's tiles apply: the quickest without our own kernels",
            gguf.LlamaFileType.MOSTLY_Q4_0,
            long_rows=gguf.GGMLQuantizationType.Q5_K,
        ),
        QuantRecipe(
            "plain",
            "Q4_0 as llama.cpp makes it: the head, which small vocabularies keep small, is Q8_0",
            gguf.LlamaFileType.MOSTLY_Q4_0,
        ),
        QuantRecipe(
            "common",
            "Q4_K_M, what most people download; slow where the width is no multiple of 256",
            gguf.LlamaFileType.MOSTLY_Q4_K_M,
        ),
        QuantRecipe("reference", "Q8_0, nearly F16", gguf.LlamaFileType.MOSTLY_Q8_0),
    )
}


class QuantiseError(PermanentError):
    """llama.cpp could not rewrite a file."""


def quantise(source: Path, target: Path, recipe: QuantRecipe) -> None:
    """Rewrite an F16 file as a recipe says. The target appears when it is whole."""
    quiet_llama()
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = int(recipe.base)
    params.nthread = usable_cores()
    params.pure = recipe.everything
    overrides = choose_overrides(source, recipe)
    # llama.cpp reads the list up to an entry without a pattern.
    structs = (llama_cpp.llama_model_tensor_override * (len(overrides) + 1))()
    for struct, (pattern, kind) in zip(structs, overrides.items(), strict=False):
        struct.pattern, struct.type = pattern.encode(), int(kind)
    params.tt_overrides = ctypes.cast(structs, type(params.tt_overrides))
    partial = target.with_suffix(".part")
    code = llama_cpp.llama_model_quantize(
        str(source).encode(), str(partial).encode(), ctypes.byref(params)
    )
    if code != 0:
        partial.unlink(missing_ok=True)
        raise QuantiseError(f"{source}: llama.cpp cannot make {recipe.name}: {take_complaint()}")
    partial.replace(target)


def choose_overrides(source: Path, recipe: QuantRecipe) -> dict[str, gguf.GGMLQuantizationType]:
    """Give pattern → type for the long rows that this model's shape allows."""
    if recipe.long_rows is None:
        return {}
    rows = {tensor.name: int(tensor.shape[0]) for tensor in gguf.GGUFReader(source).tensors}
    return {
        rf"blk\.\d+\.{part}\.weight": recipe.long_rows
        for part in LONG_ROWS
        if rows.get(f"blk.0.{part}.weight", 1) % K_BLOCK == 0
    }
