"""Progressive reading: the lead first, then the gate field, then the rest or nothing more.

The gate is asked as a build knows its questions, and its tokens are taken back before the rest of
the article goes in, so an article that is read on is answered as if it had never been asked. Which
gates a build has and what they miss, its manifest says. Knows nothing about batches or storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inference.builds import Build
from inference.calibration import mean_option
from inference.gates import BuildGate
from inference.options import Trie, score_options
from inference.prompt import (
    Prompt,
    PromptStyle,
    close_article,
    encode_segments,
    render_question,
)
from inference.spelling import Encoder, Spelling
from inference.tape import Decoding, OutOfRoomError, Step, Tape
from schemas.completions import STOPPED, FieldReading
from schemas.fields import AnyField, ScaleField, ScoreOptions
from schemas.lens import Lens
from schemas.settings import InferenceSettings


@dataclass(frozen=True)
class Checkpoint:
    """The gate of one lens, ready to be asked."""

    field: AnyField
    answers: tuple[str, ...]
    """Those that reject."""
    threshold: float
    question: tuple[int, ...]
    """With the line end that closes an article, for the lead ends at a sentence."""
    is_only: bool
    """Whether the question asks for no other field."""


@dataclass(frozen=True)
class Verdict:
    """What the gate said."""

    reading: FieldReading
    """Of the gate field: the likeliest of the answers that reject."""
    note: str
    """For all other fields."""
    tokens: int
    """Of the answer."""


def choose_lead(build: Build, settings: InferenceSettings) -> int:
    """Say how long the lead may be, in tokens; 0: articles are read in one piece.

    A property of build and settings, not of a lens: all lenses divide an article in the same place,
    gated or not, so that they can share both pieces.
    """
    gates = build.manifest.gates.values()
    return max((gate.lead_tokens for gate in gates if _may_act(gate, settings)), default=0)


def make_checkpoint(
    build: Build,
    lens: Lens,
    asked: tuple[str, ...],
    style: PromptStyle,
    settings: InferenceSettings,
    encoder: Encoder,
) -> Checkpoint | None:
    """Give the checkpoint of a lens, asked in `style`; None where it is to be read in full."""
    gate = build.manifest.gates.get(lens.name)
    if gate is None or not _may_act(gate, settings) or not gate.fits(lens):
        return None
    fields = gate_question(build, gate.field, asked)
    if fields is None:
        return None
    segments = [*close_article(style), *render_question(lens, fields, style)]
    question = tuple(encode_segments(segments, encoder))
    field = lens.contract.field(gate.field)
    return Checkpoint(field, gate.answers, gate.threshold, question, len(fields) == 1)


def gate_question(build: Build, field: str, asked: tuple[str, ...]) -> tuple[str, ...] | None:
    """Choose the fields to ask for at the gate; the gate field is the first. None: it cannot be.

    An instruct model takes any question, so the gate field is asked alone. A build that was trained
    on the lens's list of fields has never seen another question, and answers them in its order.
    """
    if field not in asked:
        return None
    if build.style.prompt == "full":
        return (field,)
    return asked if asked[0] == field else None


def _may_act(gate: BuildGate, settings: InferenceSettings) -> bool:
    return settings.progressive and gate.false_negative_bound <= settings.gate_misses


def read_instruction(prompt: Prompt) -> Decoding[None]:
    """Send what comes before the article, in a piece of its own: it is the same for every one."""
    if prompt.instruction:
        yield Step(prompt.instruction, listen=False)


def ask_gate(
    prompt: Prompt, checkpoint: Checkpoint, spelling: Spelling, *, room: int
) -> Decoding[Verdict | None]:
    """Read the lead and score the gate. None: read on; the sequence then holds all the article."""
    yield from read_instruction(prompt)
    yield Step(prompt.lead, listen=False)
    tape = Tape((yield Step(checkpoint.question)), room)
    follow = spelling.end if checkpoint.is_only else spelling.delimiter[0]
    plan = checkpoint.field.decode_plan()
    assert isinstance(plan, ScoreOptions)
    spelt = {option: spelling.value(option) for option in plan.options}
    try:
        shares = yield from score_options(tape, Trie(spelt, [follow]))
    except OutOfRoomError:
        shares = {}
    rejecting = sum(shares.get(answer, 0.0) for answer in checkpoint.answers)
    if shares and rejecting >= checkpoint.threshold:
        reading = _reject(checkpoint, shares)
        return Verdict(reading, _explain(checkpoint, rejecting), len(spelt[reading.text]))
    drop = len(checkpoint.question) + tape.on_sequence
    yield Step(prompt.rest, drop=drop, listen=False)
    return None


def _reject(checkpoint: Checkpoint, shares: Mapping[str, float]) -> FieldReading:
    # The likeliest answer of all may keep the article while most of the probability rejects it.
    best = max(checkpoint.answers, key=lambda answer: shares[answer])
    expected = mean_option(shares) if isinstance(checkpoint.field, ScaleField) else None
    return FieldReading(
        text=best, confidence=shares[best], probabilities=dict(shares), expected=expected
    )


def _explain(checkpoint: Checkpoint, rejecting: float) -> str:
    answers = checkpoint.answers
    is_scale = isinstance(checkpoint.field, ScaleField)
    said = f"below {int(answers[-1]) + 1}" if is_scale else " or ".join(answers)
    return (
        f"{STOPPED}: from the lead, {checkpoint.field.name} is {said} "
        f"with probability {rejecting:.2f}; {checkpoint.threshold:.2f} is enough"
    )
