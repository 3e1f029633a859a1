"""The training loop: masked places give no gradient, a resumed run is the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from training.examples import Example
from training.loop import Batch, Loop, LoopPlan, LoopState, progress_of, rate_at, weighted_loss
from training.model import build_model
from training.recipe import ModelRecipe
from training.sft import collate

SHAPE = ModelRecipe(
    width=32,
    layers=2,
    heads=2,
    kv_heads=1,
    head_width=16,
    feed_forward=32,
    window=32,
    context=64,
)
PLAN = LoopPlan(
    steps=12, minutes=60, learning_rate=0.01, warmup_steps=2, weight_decay=0.0, bf16=False
)
PIECES = 64


def batches(step: int) -> list[Batch]:
    tokens = torch.randint(0, PIECES, (2, 12), generator=torch.Generator().manual_seed(step % 2))
    return [Batch(tokens, torch.ones(tokens.shape))]


def test_place_of_weight_zero_gives_no_gradient() -> None:
    model = build_model(SHAPE, PIECES, seed=1)
    tokens = torch.randint(0, PIECES, (1, 10))
    weights = torch.zeros(1, 10)
    weights[0, 6] = 1.0
    weighted_loss(model, Batch(tokens, weights)).backward()  # type: ignore[no-untyped-call]
    masked = [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]
    # What stands at the masked places behind the trained one must not matter at all.
    model.zero_grad()
    changed = tokens.clone()
    changed[0, 7:] = (changed[0, 7:] + 1) % PIECES
    weighted_loss(model, Batch(changed, weights)).backward()  # type: ignore[no-untyped-call]
    again = [weight.grad for weight in model.parameters() if weight.grad is not None]
    assert all(torch.equal(a, b) for a, b in zip(masked, again, strict=True))


def test_loss_falls_on_what_is_seen_again(tmp_path: Path) -> None:
    model = build_model(SHAPE, PIECES, seed=1)
    before = weighted_loss(model, batches(0)[0]).detach()
    Loop(model, PLAN, tmp_path).run(batches, label="test")
    assert weighted_loss(model, batches(0)[0]).detach() < before


def test_resumed_run_ends_where_the_uninterrupted_one_does(tmp_path: Path) -> None:
    class StopEarlyError(Exception):
        pass

    def breaking(step: int) -> Sequence[Batch]:
        if step == 5:
            raise StopEarlyError
        return batches(step)

    whole = build_model(SHAPE, PIECES, seed=1)
    Loop(whole, PLAN, tmp_path / "whole").run(batches, label="test")
    broken = Loop(build_model(SHAPE, PIECES, seed=1), PLAN, tmp_path / "parts")
    with pytest.raises(StopEarlyError):
        broken.run(breaking, label="test")
    broken.save()
    resumed = build_model(SHAPE, PIECES, seed=2)
    loop = Loop(resumed, PLAN, tmp_path / "parts")
    assert loop.resume()
    loop.run(batches, label="test")
    for name, weight in whole.state_dict().items():
        assert torch.allclose(weight, resumed.state_dict()[name], atol=1e-4), name


def test_finished_stage_trains_no_further(tmp_path: Path) -> None:
    Loop(build_model(SHAPE, PIECES, seed=1), PLAN, tmp_path).run(batches, label="test")
    model = build_model(SHAPE, PIECES, seed=2)
    loop = Loop(model, PLAN, tmp_path)
    loop.resume()
    assert loop.run(batches, label="test").step == PLAN.steps


def test_rate_warms_up_and_falls_to_its_floor() -> None:
    rates = [rate_at(PLAN, LoopState(step=step)) for step in range(PLAN.steps + 1)]
    assert rates[0] < rates[1] > rates[3] > rates[-1] == pytest.approx(0.05)


def test_stage_ends_by_time_where_steps_would_take_longer() -> None:
    assert progress_of(PLAN, LoopState(step=1, elapsed_s=3600)) == 1.0


def test_prompts_share_their_part_of_the_loss_and_padding_none() -> None:
    short = Example((5, 6, 7), (0.0, 0.0, 1.0), 2, ())
    long = Example((5, 6, 7, 8, 9), (0.0, 0.0, 0.0, 0.5, 0.5), 3, ())
    weights = collate([short, long], prompt_loss=0.5).weights
    assert float(weights[0, :2].sum() + weights[1, :3].sum()) == pytest.approx(1.0)
    assert not weights[0, 3:].any()
    assert float(weights[0, 2]) == 1.0
