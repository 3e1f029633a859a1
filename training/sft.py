"""Supervised fine-tuning on field-masked examples, with a little language modelling beside it.

Knows batches of examples and how to watch the fields on dev rows; prompts and answers come ready
from examples.py, the loop from loop.py.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import Gemma3ForCausalLM

from schemas.errors import PermanentError
from training.corpora import LabelledArticle
from training.examples import Example, ExampleWriter
from training.loop import Batch
from training.sampling import Sampler, split_by_length

MICRO_TOKENS = 2048
# Outside these shares of answered tokens, the masks or the prompts are wrong.
LEAST_TRAINED_SHARE = 0.005
MOST_TRAINED_SHARE = 0.5
_CHECKED_EXAMPLES = 200


class MaskError(PermanentError):
    """The loss would fall on nothing, or on the prompt."""


def make_batches(sampler: Sampler, tokens: int, prompt_loss: float) -> Callable[[int], list[Batch]]:
    """Give the function that makes the batches of a step."""

    def next_batches(step: int) -> list[Batch]:
        examples = sampler.draw(step, tokens)
        return [collate(group, prompt_loss) for group in split_by_length(examples, MICRO_TOKENS)]

    return next_batches


def collate(examples: Sequence[Example], prompt_loss: float) -> Batch:
    """Pad examples to one batch; the prompts' tokens share `prompt_loss` of the answers' weight."""
    tokens = _pad([torch.tensor(example.tokens) for example in examples])
    weights = _pad([torch.tensor(example.weights) for example in examples])
    lengths = torch.tensor([example.prompt_tokens for example in examples])
    # The first token of a prompt is predicted by nothing.
    is_prompt = torch.arange(tokens.shape[1])[None, :] < lengths[:, None]
    if prompt_loss > 0:
        weights[is_prompt] = prompt_loss * float(weights.sum()) / int(is_prompt.sum())
    return Batch(tokens, weights)


def check_trained_share(
    rows: Sequence[LabelledArticle], writer: ExampleWriter, budget: int
) -> float:
    """Give the share of tokens whose value is trained; raise MaskError when it cannot be right."""
    chance = random.Random(0)
    chosen = chance.sample(list(rows), min(_CHECKED_EXAMPLES, len(rows)))
    examples = [writer.write(row, budget, chance) for row in chosen]
    in_prompt = sum(any(example.weights[: example.prompt_tokens]) for example in examples)
    trained = sum(weight > 0 for example in examples for weight in example.weights)
    share = trained / sum(len(example.tokens) for example in examples)
    if in_prompt or not LEAST_TRAINED_SHARE <= share <= MOST_TRAINED_SHARE:
        raise MaskError(f"{share:.1%} of the tokens are trained, {in_prompt} prompts among them")
    return share


class Watcher:
    """Scores closed fields on dev rows during a run: a quick look, not the final scores."""

    def __init__(
        self, rows: Sequence[LabelledArticle], writer: ExampleWriter, budget: int, count: int
    ) -> None:
        chance = random.Random(1)
        by_task: dict[str, list[LabelledArticle]] = defaultdict(list)
        for row in rows:
            if row.values:
                by_task[f"{row.corpus}.{row.lens}"].append(row)
        self._groups = {
            task: [
                writer.write(row, budget, chance)
                for row in chance.sample(members, min(count, len(members)))
            ]
            for task, members in by_task.items()
        }

    def __call__(self, model: Gemma3ForCausalLM) -> dict[str, float]:
        """Give the accuracy of each task's fields."""
        scores: dict[str, float] = {}
        with torch.inference_mode():
            for task, examples in self._groups.items():
                hits: dict[str, list[bool]] = defaultdict(list)
                for group in split_by_length(examples, MICRO_TOKENS):
                    for field, hit in _score(model, group):
                        hits[field].append(hit)
                for field, found in hits.items():
                    scores[f"{task}.{field}"] = round(sum(found) / len(found), 4)
        return scores


def _score(model: Gemma3ForCausalLM, examples: Sequence[Example]) -> list[tuple[str, bool]]:
    batch = collate(examples, 0.0)
    hidden: Tensor = model.model(input_ids=batch.tokens, use_cache=False).last_hidden_state
    found = []
    for row, example in enumerate(examples):
        for spot in example.spots:
            logits = model.lm_head(hidden[row, spot.place - 1])[list(spot.options)]
            found.append((spot.field, int(logits.argmax()) == spot.right))
    return found


def _pad(rows: Sequence[Tensor]) -> Tensor:
    return pad_sequence(list(rows), batch_first=True, padding_value=0)
