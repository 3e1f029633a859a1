"""The training loop: optimiser, schedule, progress line, metrics file, resumable checkpoints.

Shared by pretraining and fine-tuning. Knows batches of tokens with a loss weight per token; knows
nothing about where they come from or what they mean.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.nn import functional
from transformers import Gemma3ForCausalLM

CHECKPOINT_EVERY_S = 240.0
FINAL_RATE = 0.05  # The schedule ends at this share of the peak rate.
CLIP_NORM = 1.0


@dataclass(frozen=True)
class Batch:
    tokens: Tensor
    """(rows, length) int64, padded on the right."""
    weights: Tensor
    """(rows, length) float32: the weight of the loss on predicting the token at that place."""


@dataclass(frozen=True)
class LoopPlan:
    """What one training stage does, and when it ends: after `steps` or `minutes`, what is first."""

    steps: int
    minutes: float
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    bf16: bool


@dataclass
class LoopState:
    step: int = 0
    elapsed_s: float = 0.0
    tokens: int = 0


def weighted_loss(model: Gemma3ForCausalLM, batch: Batch) -> Tensor:
    """Sum of weighted next-token losses; places of weight 0 give no gradient."""
    targets = batch.tokens[:, 1:]
    weights = batch.weights[:, 1:]
    hidden = model.model(input_ids=batch.tokens[:, :-1], use_cache=False).last_hidden_state
    wanted = weights > 0
    # The head is a quarter of the work: only places that count go through it.
    logits = model.lm_head(hidden[wanted])
    losses = functional.cross_entropy(logits.float(), targets[wanted], reduction="none")
    return (losses * weights[wanted]).sum()


def rate_at(plan: LoopPlan, state: LoopState) -> float:
    """Give the share of the peak rate: linear warm-up, then a cosine over the stage's progress."""
    warmup = min(1.0, (state.step + 1) / max(1, plan.warmup_steps))
    return warmup * (FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + cos(pi * progress_of(plan, state))))


def progress_of(plan: LoopPlan, state: LoopState) -> float:
    """Give how much of the stage is done, 0 to 1, by steps or by time, whichever is further."""
    return min(1.0, max(state.step / plan.steps, state.elapsed_s / 60 / plan.minutes))


class Loop:
    """One stage on one model, with its folder of checkpoints and metrics."""

    def __init__(self, model: Gemma3ForCausalLM, plan: LoopPlan, folder: Path) -> None:
        self.model, self.plan, self.folder = model, plan, folder
        self.state = LoopState()
        self._optimisers = build_optimisers(model, plan)
        folder.mkdir(parents=True, exist_ok=True)

    def resume(self) -> bool:
        """Load the last checkpoint, if there is one."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return False
        saved = torch.load(path, weights_only=True)
        self.model.load_state_dict(saved["model"])
        for optimiser, state in zip(self._optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        self.state = LoopState(**saved["state"])
        return True

    def save(self) -> None:
        """Write a checkpoint; a crash while writing leaves the one before it."""
        saved = {
            "model": self.model.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
            "state": vars(self.state),
        }
        fresh = self.folder / "checkpoint.new"
        torch.save(saved, fresh)
        fresh.replace(self.folder / "checkpoint.pt")

    def run(
        self,
        next_batches: Callable[[int], Sequence[Batch]],
        *,
        label: str,
        evaluate: Callable[[Gemma3ForCausalLM], dict[str, float]] | None = None,
    ) -> LoopState:
        """Train until the plan is done; `next_batches(step)` gives a step's batches."""
        with _progress() as bar, (self.folder / "metrics.jsonl").open("a") as metrics:
            task = bar.add_task(label, total=1, note="")
            saved_at = self.state.elapsed_s
            while progress_of(self.plan, self.state) < 1.0:
                facts = self._step(next_batches(self.state.step))
                metrics.write(json.dumps(facts) + "\n")
                bar.update(task, completed=progress_of(self.plan, self.state), note=_note(facts))
                if self.state.elapsed_s - saved_at > CHECKPOINT_EVERY_S:
                    saved_at = self.state.elapsed_s
                    metrics.flush()
                    self.save()
                    if evaluate is not None:
                        scores = {"step": self.state.step, **evaluate(self.model)}
                        metrics.write(json.dumps(scores) + "\n")
            self.save()
        return self.state

    def _step(self, batches: Sequence[Batch]) -> dict[str, Any]:
        started = time.monotonic()
        rate = rate_at(self.plan, self.state)
        loss = self._accumulate(batches)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["peak_lr"] * rate
            optimiser.step()
            optimiser.zero_grad()
        spent = time.monotonic() - started
        tokens = sum(batch.tokens.numel() for batch in batches)
        self.state.step += 1
        self.state.elapsed_s += spent
        self.state.tokens += tokens
        return {
            "step": self.state.step,
            "loss": loss,
            "rate": rate,
            "elapsed_s": round(self.state.elapsed_s, 1),
            "tokens": self.state.tokens,
            "tokens_per_s": round(tokens / spent, 1),
        }

    def _accumulate(self, batches: Sequence[Batch]) -> float:
        """Add up the gradients of a step's batches; give the mean loss per unit of weight."""
        total = sum(float(batch.weights[:, 1:].sum()) for batch in batches)
        loss = 0.0
        for batch in batches:
            with torch.autocast("cpu", torch.bfloat16, enabled=self.plan.bf16):
                part = weighted_loss(self.model, batch) / max(total, 1e-6)
            part.backward()  # type: ignore[no-untyped-call]
            loss += float(part.detach())
        return loss


def build_optimisers(model: Gemma3ForCausalLM, plan: LoopPlan) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices, AdamW for embeddings and norms (Jordan et al. 2024)."""
    matrices = [w for n, w in model.named_parameters() if w.ndim == 2 and "embed" not in n]
    others = [w for n, w in model.named_parameters() if w.ndim != 2 or "embed" in n]
    muon = torch.optim.Muon(
        matrices,
        lr=plan.learning_rate,
        weight_decay=plan.weight_decay,
        adjust_lr_fn="match_rms_adamw",
    )
    adamw = torch.optim.AdamW(
        others, lr=plan.learning_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True
    )
    for optimiser in (muon, adamw):
        for group in optimiser.param_groups:
            group["peak_lr"] = plan.learning_rate
    return [muon, adamw]


def _note(facts: dict[str, Any]) -> str:
    return f"step {facts['step']} loss {facts['loss']:.3f} {facts['tokens_per_s']:.0f} tok/s"


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}% {task.fields[note]}"),
        TimeRemainingColumn(),
    )
