"""llama.cpp computes what PyTorch computes, on the very weights of the file."""

from __future__ import annotations

from pathlib import Path

import gguf
import pytest
import torch

from inference.vocabulary import Vocabulary, open_vocabulary
from tests.paths import ROOT
from training.export import quantise
from training.parity import compare, load_gguf

from .conftest import SENTENCES, Tiny

STARTER = ROOT / "models" / "starter" / "model.gguf"
PROMPT = (
    "<bos><start_of_turn>user\nHarbour road to be widened\n"
    + "".join(f"<s{number}> {text}" for number, text in enumerate(SENTENCES, start=1))
    + "\neditorial: category ||| sentiment<end_of_turn>\n<start_of_turn>model\nPolitics ||| 10"
)


def test_plain_export_gives_the_logits_of_pytorch(tiny: Tiny, vocabulary: Vocabulary) -> None:
    parity = compare(tiny.path, [vocabulary.encode(PROMPT)])
    assert parity.largest < 0.005
    assert parity.same_choice == 1.0


def test_attention_past_the_window_agrees_too(tiny: Tiny, vocabulary: Vocabulary) -> None:
    tokens = (vocabulary.encode(PROMPT) * 4)[:400]
    assert len(tokens) > 3 * 64
    assert compare(tiny.path, [tokens], every=50).largest < 0.005


def test_weights_read_back_are_those_that_were_written(tiny: Tiny) -> None:
    read = load_gguf(tiny.path).state_dict()
    for name, weight in tiny.model.state_dict().items():
        assert torch.allclose(read[name], weight, atol=1e-3), name


def test_quantised_file_differs_by_rounding_only(
    tiny: Tiny, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    target = tmp_path / "model.gguf"
    quantise(tiny.path, target, "Q8_0")
    kinds = {tensor.tensor_type for tensor in gguf.GGUFReader(target).tensors}
    assert gguf.GGMLQuantizationType.Q8_0 in kinds
    assert target.stat().st_size < 0.7 * tiny.path.stat().st_size
    assert compare(target, [vocabulary.encode(PROMPT)]).largest < 0.1


@pytest.mark.parametrize("flash_attention", [True, False], ids=["flash", "plain"])
def test_shipped_starter_gives_the_logits_of_pytorch(flash_attention: bool) -> None:
    with open_vocabulary(STARTER) as vocabulary:
        tokens = vocabulary.encode(PROMPT)
    parity = compare(STARTER, [tokens], flash_attention=flash_attention)
    # Q8_0 rounds activations to 8 bits as well: 0.017 in the mean, on logits that span about 30.
    assert parity.largest < 0.3
    assert parity.mean < 0.04
    assert parity.same_choice >= 0.9
