"""Decodes a contract's fields, one after the other, in a coroutine per article and lens.

The contract decides what may come: delimiters are forced, closed fields scored, names copied from
the article, texts written or pointed at within their limits. The article decides nothing about the
form of the answer. Knows nothing about llama.cpp, batches or storage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from inference.builds import Build
from inference.fieldreader import FieldReader
from inference.progressive import Checkpoint, Verdict, ask_gate, read_instruction
from inference.prompt import Prompt
from inference.spelling import Spelling
from inference.tape import Decoding, OutOfRoomError, Step, Tape
from inference.vocabulary import Vocabulary
from inference.writing import MAX_POINTERS
from schemas.completions import FieldReading
from schemas.contract import DELIMITER
from schemas.effort import POSTPONED, Effort
from schemas.errors import ConfigError
from schemas.fields import EMPTY, AnyField, CopySpans, ScoreOptions, ScoreSet, WriteText
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
    """In the build's order: those of the question, as it was in training."""
    read: tuple[str, ...]
    """Of those asked, the ones that are read; for any other, `none` is put into its place."""
    postponed: tuple[str, ...]
    """Of those that could be read, the ones that this effort does not read."""
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
    """Tokens read: of the article, or of its lead alone, and of all that was asked. An instruction
    is read once for all articles and does not count."""
    postponed: tuple[str, ...] = ()
    is_stopped: bool = False
    """Whether reading ended at the gate."""


class Decoder:
    """Decodes answers for one build."""

    def __init__(self, build: Build, vocabulary: Vocabulary) -> None:
        self._build = build
        self._vocabulary = vocabulary
        try:
            self._spelling = Spelling.learn(vocabulary)
        except ConfigError as error:
            raise ConfigError(f"{build.model_path}: {error}") from None

    def plan(self, lens: Lens, effort: Effort = Effort.FULL) -> Plan:
        """Decide which fields to ask for and to read, and say why others are left out."""
        manifest = self._build.manifest
        known = self._build.known_fields(lens.name, lens.contract)
        left_out: dict[str, str] = {}
        for field in lens.contract.asked:
            if field.name not in known:
                left_out[field.name] = UNKNOWN
            elif manifest.text_mode == "skip" and isinstance(field.decode_plan(), WriteText):
                left_out[field.name] = SKIPPED
        readable = tuple(name for name in known if name not in left_out)
        postponed = choose_postponed(lens, readable, effort)
        left_out |= dict.fromkeys(postponed, POSTPONED)
        read = tuple(name for name in readable if name not in postponed)
        asked = self._build.question_fields(lens.name, readable)
        unread = len(asked) - len(read)  # Each is answered with `none` and closed.
        reserve = unread * (len(self._spelling.value(EMPTY)) + len(self._spelling.delimiter))
        reserve += sum(self._expect_tokens(lens.contract.field(name)) for name in read)
        return Plan(asked, read, postponed, left_out, reserve)

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
        read = prompt.own_tokens
        if checkpoint is not None and prompt.lead:
            verdict = yield from ask_gate(prompt, checkpoint, self._spelling, room=room)
            if verdict is not None:
                return stop(lens, plan, prompt, checkpoint, verdict)
            read += len(checkpoint.question)
        else:
            yield from _read_article(prompt)
        tape = Tape((yield Step(prompt.question)), room)
        try:
            yield from self._read_fields(tape, prompt, lens, plan, readings)
        except OutOfRoomError:
            left_out |= {name: NO_ROOM for name in plan.read if name not in readings}
        return assemble(lens, readings, left_out, len(tape), read, plan.postponed)

    def _read_fields(
        self,
        tape: Tape,
        prompt: Prompt,
        lens: Lens,
        plan: Plan,
        readings: dict[str, FieldReading],
    ) -> Decoding[None]:
        asked = cut_unread_end(plan)
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
            closing = (spelling.end,) if name == plan.asked[-1] else spelling.delimiter
            if name in plan.read:
                readings[name] = yield from reader.read(lens.contract.field(name), closing[0])
            else:
                tape.force(spelling.value(EMPTY))
            if number < len(asked) - 1:
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
    # The gate's reason wins over that of a field left for later: a stop is final.
    left_out = dict(plan.left_out) | {name: verdict.note for name in plan.asked if name != gate}
    read = prompt.lead_tokens + len(checkpoint.question)
    answer = assemble(lens, {gate: verdict.reading}, left_out, verdict.tokens, read)
    return replace(answer, is_stopped=True)


def choose_postponed(lens: Lens, asked: Sequence[str], effort: Effort) -> tuple[str, ...]:
    """Name the fields that an effort leaves for later, of those that the build is asked for."""
    plans = {name: lens.contract.field(name).decode_plan() for name in asked}
    if effort is Effort.CLOSED:
        read = {name for name, plan in plans.items() if isinstance(plan, ScoreOptions | ScoreSet)}
    elif effort is Effort.GATE:
        scored = (name for name, plan in plans.items() if isinstance(plan, ScoreOptions))
        first = next(scored, None)
        gate = lens.gate.field if lens.gate and lens.gate.field in plans else first
        read = {gate} if gate else set()
    else:
        return ()
    # A lens without any closed field is still read: for its first one, or it would say nothing.
    return tuple(name for name in asked if name not in (read or set(asked[:1])))


def cut_unread_end(plan: Plan) -> tuple[str, ...]:
    """Give the asked fields up to the last one that is read: nothing has to be written after it."""
    read = [place for place, name in enumerate(plan.asked) if name in plan.read]
    return plan.asked[: read[-1] + 1] if read else ()


def assemble(
    lens: Lens,
    readings: Mapping[str, FieldReading],
    left_out: Mapping[str, str],
    tokens: int,
    prompt_tokens: int,
    postponed: tuple[str, ...] = (),
) -> Answer:
    """Put readings together in contract order; a field left out is empty and says why."""
    complete = {
        field.name: readings.get(field.name)
        or FieldReading(text="", note=left_out.get(field.name, UNKNOWN))
        for field in lens.contract.asked
    }
    stream = DELIMITER.join(reading.text for reading in complete.values())
    missing = tuple(name for name in complete if name not in readings)
    return Answer(stream, complete, missing, tokens, prompt_tokens, postponed)


def _read_article(prompt: Prompt) -> Decoding[None]:
    """Send the article in the pieces in which every lens reads it, so that they can share them."""
    yield from read_instruction(prompt)
    if prompt.lead:
        yield Step(prompt.lead, listen=False)
    yield Step(prompt.rest, listen=False)
