"""PyTorch → GGUF: our own writer for Gemma-3 text models, quantisation, and the build folder.

Knows tensor names, GGUF keys and build.json; knows nothing about training or lenses' meaning.
Gemma's RMS norms multiply by (1 + weight); GGUF stores the sum, so 1 is added on export.
"""

import ctypes
import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import gguf
import llama_cpp
import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from transformers import Gemma3TextConfig

from schemas.errors import PermanentError
from schemas.lens import Lens
from training.model import NORM_EPSILON
from training.pieces import PieceTable
from training.recipe import Recipe

ARCHITECTURE = "gemma3"
_FILE_TYPES = {
    "F16": gguf.LlamaFileType.MOSTLY_F16,
    "Q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
}


class ExportError(PermanentError):
    """A file could not be written or is not what was promised."""


def write_gguf(
    path: Path,
    name: str,
    config: Gemma3TextConfig,
    pieces: PieceTable,
    weights: Mapping[str, Tensor] | None,
) -> None:
    """Write an F16 GGUF file; with `weights` None only the vocabulary, for tokenising."""
    writer = gguf.GGUFWriter(path, ARCHITECTURE)
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    _add_shape(writer, config)
    _add_pieces(writer, pieces)
    for tensor_name, array in _tensors(weights or {}, config.num_hidden_layers):
        writer.add_tensor(tensor_name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def quantise(source: Path, target: Path, file_type: str) -> None:
    """Rewrite an F16 file in another tensor type with llama.cpp's quantiser."""
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = int(_FILE_TYPES[file_type])
    params.nthread = 2
    code = llama_cpp.llama_model_quantize(
        str(source).encode(), str(target).encode(), ctypes.byref(params)
    )
    if code != 0:
        raise ExportError(f"{source}: llama.cpp could not quantise to {file_type} (code {code})")


def write_build(
    folder: Path,
    model: Path,
    *,
    created: datetime,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Write build.json beside `model` in `folder`: checksum, size, time and the given facts."""
    raw = model.read_bytes()
    build = {
        "name": folder.name,
        **facts,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "bytes": len(raw),
        "created": created.isoformat(timespec="seconds"),
    }
    text = json.dumps(build, indent=2, ensure_ascii=False)
    (folder / "build.json").write_text(text + "\n", encoding="utf-8")
    return build


def build_facts(
    recipe: Recipe, lenses: Mapping[str, Lens], dataset_digest: str, parameters: int
) -> dict[str, Any]:
    """Give what build.json says of a starter: how to ask it, what it knows, where it comes from."""
    return {
        "base": "scratch",
        "prompt": recipe.style.prompt,
        "chat": recipe.style.chat,
        "text_mode": "pointers",
        "n_ctx_train": recipe.model.context,
        "budget_tokens": recipe.sft.budget_tokens,
        "contracts": {
            name: {
                "version": lens.contract.version,
                "fields": [field.name for field in lens.contract.asked],
            }
            for name, lens in sorted(lenses.items())
        },
        "licence": "Apache-2.0 (weights); data licences in README.md",
        "parameters": parameters,
        "dataset": dataset_digest,
        "recipe": recipe.model_dump(mode="json"),
        "scores": {},
    }


def _add_shape(writer: gguf.GGUFWriter, config: Gemma3TextConfig) -> None:
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_sliding_window(config.sliding_window or 0)
    writer.add_rope_freq_base(config.default_theta["global"])


def _add_pieces(writer: gguf.GGUFWriter, pieces: PieceTable) -> None:
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([piece.text.encode() for piece in pieces.rows])
    writer.add_token_scores([piece.score for piece in pieces.rows])
    writer.add_token_types([int(piece.kind) for piece in pieces.rows])
    ids = {piece.text: index for index, piece in enumerate(pieces.rows[:64])}
    writer.add_pad_token_id(ids["<pad>"])
    writer.add_eos_token_id(ids["<eos>"])
    writer.add_bos_token_id(ids["<bos>"])
    writer.add_unk_token_id(ids["<unk>"])
    writer.add_eot_token_id(ids["<end_of_turn>"])
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)


def _tensors(
    weights: Mapping[str, Tensor], layers: int
) -> Iterator[tuple[str, NDArray[np.float16] | NDArray[np.float32]]]:
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GEMMA3, layers)
    for source, tensor in weights.items():
        if source == "lm_head.weight":
            continue  # Tied: llama.cpp reads the head from the embeddings.
        target = names.get_name(source, try_suffixes=(".weight",))
        if target is None:
            raise ExportError(f"no GGUF name for the tensor {source}")
        array = tensor.detach().float().cpu().numpy()
        if source.endswith("norm.weight"):
            yield target, array + np.float32(1.0)
        else:
            yield target, array.astype(np.float16)
