"""Does llama.cpp compute what PyTorch computes? Compares logits on the weights of one GGUF file.

The PyTorch side is rebuilt from the file itself, its tensors dequantised, so a build needs no
second file of weights to be checked. What differs is then arithmetic alone: llama.cpp also
quantises the activations of a Q8_0 file. Knows tensors and tokens; knows nothing about articles.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from numpy.typing import NDArray
from transformers import Gemma3ForCausalLM

from inference.engine import Engine, EngineShape
from training.model import model_config
from training.recipe import ModelRecipe


@dataclass(frozen=True)
class Parity:
    """How far two computations of the same logits lie apart."""

    largest: float
    mean: float
    same_choice: float
    """Share of places where both prefer the same token."""
    places: int


def load_gguf(path: Path) -> Gemma3ForCausalLM:
    """Rebuild the PyTorch model from a GGUF file of our own making."""
    reader = gguf.GGUFReader(path)
    shape = read_shape(reader)
    pieces = len(reader.fields["tokenizer.ggml.tokens"].data)
    model = Gemma3ForCausalLM(model_config(shape, pieces))
    model.load_state_dict(dequantise(reader, model, shape.layers))
    model.train(False)
    return model


def read_shape(reader: gguf.GGUFReader) -> ModelRecipe:
    """Read the shape out of a file's keys."""

    def key(name: str) -> int:
        return int(reader.fields[f"gemma3.{name}"].contents())

    return ModelRecipe(
        width=key("embedding_length"),
        layers=key("block_count"),
        heads=key("attention.head_count"),
        kv_heads=key("attention.head_count_kv"),
        head_width=key("attention.key_length"),
        feed_forward=key("feed_forward_length"),
        window=key("attention.sliding_window"),
        context=key("context_length"),
    )


def dequantise(
    reader: gguf.GGUFReader, model: Gemma3ForCausalLM, layers: int
) -> Mapping[str, torch.Tensor]:
    """Give the file's tensors in float32, under PyTorch's names, norms without the added 1."""
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GEMMA3, layers)
    found: dict[str, torch.Tensor] = {}
    for name, parameter in model.state_dict().items():
        target = names.get_name(name, try_suffixes=(".weight",))
        tensor: Any = tensors["token_embd.weight" if name == "lm_head.weight" else str(target)]
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        weight = torch.from_numpy(values.copy()).reshape(parameter.shape)
        found[name] = weight - 1 if name.endswith("norm.weight") else weight
    return found


def compare(
    path: Path,
    prompts: Sequence[Sequence[int]],
    *,
    every: int = 16,
    flash_attention: bool = True,
) -> Parity:
    """Compare the logits of both after every `every` tokens of each prompt."""
    shape = EngineShape(
        slots=1,
        slot_tokens=max(map(len, prompts)) + 1,
        threads=2,
        flash_attention=flash_attention,
    )
    model = load_gguf(path)
    gaps, choices = [], []
    with Engine(path, shape) as engine:
        for tokens in prompts:
            ends = [*range(every, len(tokens), every), len(tokens)]
            wanted = reference_logits(model, tokens)[[end - 1 for end in ends]]
            given = engine_logits(engine, tokens, ends)
            gaps.append(np.abs(wanted - given))
            choices.append(wanted.argmax(axis=1) == given.argmax(axis=1))
    gap, choice = np.concatenate(gaps), np.concatenate(choices)
    return Parity(float(gap.max()), float(gap.mean()), float(choice.mean()), len(choice))


def reference_logits(model: Gemma3ForCausalLM, tokens: Sequence[int]) -> NDArray[np.float32]:
    """Give PyTorch's logits, (tokens, vocabulary) float32."""
    with torch.inference_mode():
        logits: NDArray[np.float32] = model(torch.tensor([list(tokens)])).logits[0].numpy()
    return logits


def engine_logits(
    engine: Engine, tokens: Sequence[int], ends: Sequence[int]
) -> NDArray[np.float32]:
    """Give llama.cpp's logits after each of `ends` tokens, (ends, vocabulary) float32."""
    engine.trim(0, 0)
    rows, start = [], 0
    for end in ends:
        logits = engine.prefill(0, tokens[start:end])
        assert logits is not None
        rows.append(logits.copy())
        start = end
    return np.stack(rows)
