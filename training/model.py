"""A Gemma-3-shaped language model of any size, as transformers builds it.

Knows the shape and the initial weights; knows nothing about text, training or files.
"""

import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from training.recipe import ModelRecipe

GLOBAL_LAYER_EVERY = 6  # llama.cpp's Gemma-3 graph has this pattern built in.
NORM_EPSILON = 1e-6


def model_config(shape: ModelRecipe, pieces: int) -> Gemma3TextConfig:
    """Give transformers' configuration for the shape and a vocabulary of `pieces` tokens."""
    layer_types = [
        "full_attention" if (layer + 1) % GLOBAL_LAYER_EVERY == 0 else "sliding_attention"
        for layer in range(shape.layers)
    ]
    return Gemma3TextConfig(
        vocab_size=pieces,
        hidden_size=shape.width,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_width,
        # llama.cpp scales attention by 1/sqrt(head width); transformers by this number.
        query_pre_attn_scalar=shape.head_width,
        sliding_window=shape.window,
        layer_types=layer_types,
        max_position_embeddings=shape.context,
        rms_norm_eps=NORM_EPSILON,
        tie_word_embeddings=True,
        use_cache=False,
    )


def build_model(shape: ModelRecipe, pieces: int, seed: int) -> Gemma3ForCausalLM:
    """Build the model with fresh weights; the same seed gives the same weights."""
    torch.manual_seed(seed)
    model = Gemma3ForCausalLM(model_config(shape, pieces))
    _shrink_residual_outputs(model, shape.layers)
    return model


def count_parameters(model: Gemma3ForCausalLM) -> int:
    """Count the weights; the tied head counts once."""
    return sum(parameter.numel() for parameter in model.parameters())


def _shrink_residual_outputs(model: Gemma3ForCausalLM, layers: int) -> None:
    """Scale what each block adds to the residual stream by 1/sqrt(2·layers), as GPT-2 did."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                weight.mul_((2 * layers) ** -0.5)
