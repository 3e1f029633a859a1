"""Decodes a contract's fields, one after the other, in a coroutine per article and lens.

The contract decides what may come: delimiters are forced, closed fields scored, names copied from
the article, texts written or pointed at within their limits. The article decides nothing about the
form of the answer. Knows nothing about llama.cpp, batches or storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inference.builds import Build
from inference.fieldreader import FieldReader, Place
from inference.progressive import Checkpoint, Verdict, ask_gate
from inference.prompt import Prompt
from inference.spelling import Spelling
from inference.tape import Decoding, OutOfRoomError, Step, Tape
from inference.vocabulary import Vocabulary
from inference.writing import MAX_POINTERS
from schemas.completions import FieldReading
from schemas.contract import DELIMITER
from schemas.fields import AnyField, CopySpans, ScoreSet, WriteText
from schemas.lens import Lens

UNKNOWN = "unknown to this build"
SKIPPED = "this build writes no texts"
NO_ROOM = "no room left in the model's context"

_TOKENS_PER_OPTION = 4
_TOKENS_PER_NAME = 6


@dataclass(frozen=True)
class Plan:
    """Which fields of a lens a build is asked for."""

    asked: tuple[str, ...]
    """In the build's order."""
    left_out: Mapping[str, str]
    """Name → why."""
    reserve: int
    """Tokens that the answers may be expected to take."""


@dataclass(frozen=True)
class Answer:
    """What a decoding returns."""

    stream: str
    readings: dict[str, FieldReading]
    """Of every asked field of the contract, in its order."""
    left_out: tuple[str, ...]
    tokens: int
    prompt_tokens: int
    """Tokens read: of the article, or of its lead alone, and of all that was asked."""


class Decoder:
    """Decodes answers for one build."""

    def __init__(self, build: Build, vocabulary: Vocabulary) -> None:
        self._build = build
        self._vocabulary = vocabulary
        self._spelling = Spelling.learn(vocabulary)

    def plan(self, lens: Lens) -> Plan:
        """Decide which fields to ask for, and say why others are left out."""
        manifest = self._build.manifest
        known = self._build.known_fields(lens.name, lens.contract)
        left_out: dict[str, str] = {}
        for field in lens.contract.asked:
            if field.name not in known:
                left_out[field.name] = UNKNOWN
            elif manifest.text_mode == "skip" and isinstance(field.decode_plan(), WriteText):
                left_out[field.name] = SKIPPED
        asked = tuple(name for name in known if name not in left_out)
        reserve = sum(self._expect_tokens(lens.contract.field(name)) for name in asked)
        return Plan(asked, left_out, reserve)

    def decode(
        self,
        prompt: Prompt,
        lens: Lens,
        plan: Plan,
        *,
        room: int,
        checkpoint: Checkpoint | None = None,
    ) -> Decoding[Answer]:
        """Decode one answer of at most `room` tokens; with a checkpoint it may end at the gate."""
        readings: dict[str, FieldReading] = {}
        left_out = dict(plan.left_out)
        read = prompt.tokens
        if checkpoint is not None and prompt.lead:
            verdict = yield from ask_gate(prompt, checkpoint, self._spelling, room=room)
            if verdict is not None:
                return stop(lens, plan, prompt, checkpoint, verdict)
            read += len(checkpoint.question)
        else:
            yield from _read_article(prompt)
        tape = Tape((yield Step(prompt.question)), room)
        try:
            yield from self._read_fields(tape, prompt, lens, plan.asked, readings)
        except OutOfRoomError:
            left_out |= {name: NO_ROOM for name in plan.asked if name not in readings}
        return assemble(lens, readings, left_out, len(tape), read)

    def _read_fields(
        self,
        tape: Tape,
        prompt: Prompt,
        lens: Lens,
        asked: tuple[str, ...],
        readings: dict[str, FieldReading],
    ) -> Decoding[None]:
        spelling, vocabulary = self._spelling, self._vocabulary
        reader = FieldReader(
            tape,
            prompt,
            spelling=spelling,
            vocabulary=vocabulary,
            manifest=self._build.manifest,
            lens=lens.name,
        )
        for number, name in enumerate(asked):
            is_last = number == len(asked) - 1
            closing = (spelling.end,) if is_last else spelling.delimiter
            place = Place(number == 0, closing[0])
            readings[name] = yield from reader.read(lens.contract.field(name), place)
            if not is_last:
                tape.force(closing)

    def _expect_tokens(self, field: AnyField) -> int:
        plan = field.decode_plan()
        closing = len(self._spelling.delimiter)
        if isinstance(plan, CopySpans):
            return plan.max_items * _TOKENS_PER_NAME + closing
        if isinstance(plan, WriteText):
            points = self._build.manifest.text_mode == "pointers"
            return (MAX_POINTERS if points else self._build.manifest.text_tokens) + closing
        items = plan.max_items if isinstance(plan, ScoreSet) else 1
        return items * _TOKENS_PER_OPTION + closing


def stop(
    lens: Lens, plan: Plan, prompt: Prompt, checkpoint: Checkpoint, verdict: Verdict
) -> Answer:
    """Answer the gate field alone; every other field that was to be asked says why it is empty."""
    gate = checkpoint.field.name
    left_out = {name: verdict.note for name in plan.asked if name != gate} | dict(plan.left_out)
    read = prompt.lead_tokens + len(checkpoint.question)
    return assemble(lens, {gate: verdict.reading}, left_out, verdict.tokens, read)


def assemble(
    lens: Lens,
    readings: Mapping[str, FieldReading],
    left_out: Mapping[str, str],
    tokens: int,
    prompt_tokens: int,
) -> Answer:
    """Put readings together in contract order; a field left out is empty and says why."""
    complete = {
        field.name: readings.get(field.name)
        or FieldReading(text="", note=left_out.get(field.name, UNKNOWN))
        for field in lens.contract.asked
    }
    stream = DELIMITER.join(reading.text for reading in complete.values())
    missing = tuple(name for name in complete if name not in readings)
    return Answer(stream, complete, missing, tokens, prompt_tokens)


def _read_article(prompt: Prompt) -> Decoding[None]:
    """Send the article in the pieces in which every lens reads it, so that they can share them."""
    if prompt.lead:
        yield Step(prompt.lead, listen=False)
    yield Step(prompt.rest, listen=False)
