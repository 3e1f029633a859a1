"""Articles in, completions out: the whole of inference, behind one door.

Holds one build. Joins reading, prompt, decoder and batch; what becomes of a completion is not its
business.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Hashable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from inference.batching import Batch, Cost
from inference.builds import Build, verify_build
from inference.decoder import Answer, Decoder, Plan, assemble
from inference.engine import Engine, EngineShape
from inference.instruction import Instruction, put_before, style_after, write_instruction
from inference.openings import Openings
from inference.progressive import Checkpoint, choose_lead, make_checkpoint
from inference.prompt import Prompt, PromptStyle, Segment, compose_prompt, render_question
from inference.shape import (
    answer_tokens,
    apply_settings,
    budget_of,
    default_choice,
    instruction_room,
    slot_tokens,
)
from inference.tape import Decoding
from inference.tuning import Choice
from schemas.closing import Closing
from schemas.completions import Completion
from schemas.effort import Effort
from schemas.errors import PermanentError
from schemas.gate import Gate
from schemas.lens import Lens
from schemas.settings import InferenceSettings

BUDGET_SHARES: Mapping[Effort, float] = MappingProxyType(
    {Effort.FULL: 1.0, Effort.SHORT: 0.5, Effort.CLOSED: 0.5, Effort.GATE: 0.5}
)
"""Of the token budget for an article."""

LEAD_TOKENS = 64
"""A headline and about two sentences: all that is read of an article at gate effort."""


@dataclass(frozen=True)
class Request:
    """One article to be read through one lens. Requests for one article best follow each other."""

    key: Hashable
    """Comes back with the completion; means nothing here."""
    title: str
    text: str
    lens: Lens
    effort: Effort = Effort.FULL


@dataclass(frozen=True)
class _Task:
    """What a lens asks of this build, whatever the article."""

    plan: Plan
    style: PromptStyle
    question: list[Segment]
    checkpoint: Checkpoint | None
    instruction: Instruction | None
    """What was said beforehand; None: the question says all."""


@dataclass(frozen=True)
class _Refused:
    """A decoding that could not begin."""

    request: Request
    error: PermanentError


@dataclass(frozen=True)
class _Read:
    """What one decoding gives back."""

    request: Request
    prompt: Prompt | None
    answer: Answer
    read_s: float
    """For reading and writing the prompt; the batch counts it as prefill."""


class Analyst(Closing):
    """Reads articles with one build. To be closed; not for use from two threads at once."""

    def __init__(
        self,
        build: Build,
        settings: InferenceSettings,
        *,
        lenses: Iterable[Lens] = (),
        tuned: Choice | None = None,
        home: Path | None = None,
    ) -> None:
        """Open a build.

        `lenses` are those that it is going to be asked for: a build that wants them explained is
        told of them once, and of others in each question. `tuned` is for what the settings leave
        open; in `home` the file's hash is remembered.
        """
        verify_build(build, home)
        self.build = build
        self._settings = settings
        self._lead_tokens = choose_lead(build, settings)
        self._budget = budget_of(build, settings)
        self._slot_tokens = slot_tokens(build, self._budget)
        choice = apply_settings(tuned or default_choice(build), settings)
        self.sequences = choice.sequences
        """Articles read together."""
        self._engine = Engine(build.model_path, EngineShape.of(choice, self._slot_tokens))
        self._openings = Openings(self._engine)
        try:
            self._decoder = Decoder(build, self._engine.vocabulary)
            self._instruction = self._instruct(lenses)
        except BaseException:
            self._engine.close()
            raise
        self._tasks: dict[tuple[str, int, str, Gate | None, Effort], _Task] = {}

    def analyse(
        self,
        requests: Iterable[Request],
        after_step: Callable[[], None] | None = None,
        refuse: Callable[[Request, PermanentError], None] | None = None,
    ) -> Generator[tuple[Request, Completion], None, None]:
        """Read articles as they are pulled; give each completion as soon as it is done.

        `after_step` is called after each step of the model, for whoever holds leases. `refuse` is
        told of what this build cannot be asked; the others go on. Closing the generator gives up
        what is unfinished.

        Raises:
            PermanentError: a question leaves no room for its article, and nobody is told of it.
        """
        batch: Batch[_Read | _Refused] = Batch(self._engine, self._openings, after_step)
        with closing(batch.run(self._read(request) for request in requests)) as reads:
            for read, cost in reads:
                if isinstance(read, _Read):
                    yield read.request, self._complete(read, cost)
                elif refuse:
                    refuse(read.request, read.error)
                else:
                    raise read.error

    def close(self) -> None:
        """Free the model."""
        self._engine.close()

    def _read(self, request: Request) -> Decoding[_Read | _Refused]:
        """Read one article: a coroutine that the batch drives."""
        start = time.perf_counter()
        lens = request.lens
        task = self._plan(lens, request.effort)
        plan = task.plan
        if not plan.asked:
            return _Read(request, None, assemble(lens, {}, plan.left_out, 0, 0), 0.0)
        try:
            prompt = self._compose(request, task)
        except PermanentError as error:
            return _Refused(request, error)
        read_s = time.perf_counter() - start
        room = self._slot_tokens - prompt.tokens
        answer = yield from self._decoder.decode(
            prompt, lens, plan, room=room, checkpoint=task.checkpoint
        )
        return _Read(request, prompt, answer, read_s)

    def _compose(self, request: Request, task: _Task) -> Prompt:
        told = task.instruction
        # Of a model with a short memory the article gets its half all the same.
        most = min(answer_tokens(self.build), self._slot_tokens // 2)
        answer = min(task.plan.reserve, most)
        prompt = compose_prompt(
            request.title,
            request.text,
            task.question,
            style=task.style,
            encoder=self._engine.vocabulary,
            budget_tokens=_cut_budget(self._budget, request.effort),
            room=self._slot_tokens - answer - (len(told.tokens) if told else 0),
            lead_tokens=self._lead_tokens,
        )
        return put_before(told, prompt) if told else prompt

    def _plan(self, lens: Lens, effort: Effort) -> _Task:
        # A gate is not in the contract, so it has to be in the key beside its version.
        key = (lens.name, lens.version, lens.contract.version, lens.gate, effort)
        if key not in self._tasks:
            plan, style, told = self._decoder.plan(lens, effort), self.build.style, None
            if self._instruction and lens in self._instruction.lenses:
                style, told = style_after(style), self._instruction
            checkpoint = None
            if effort is not Effort.GATE:  # No more than the lead is read anyway.
                encoder = self._engine.vocabulary
                checkpoint = make_checkpoint(
                    self.build, lens, plan.asked, style, self._settings, encoder
                )
            question = render_question(lens, plan.asked, style)
            self._tasks[key] = _Task(plan, style, question, checkpoint, told)
        return self._tasks[key]

    def _instruct(self, lenses: Iterable[Lens]) -> Instruction | None:
        """Write what the build is told beforehand; None where it needs no explanation."""
        room = instruction_room(self.build, self._budget)
        if not room:
            return None
        plans = ((lens, self._decoder.plan(lens).asked) for lens in lenses)
        asked = [(lens, fields) for lens, fields in plans if fields]
        return write_instruction(asked, self.build.style, self._engine.vocabulary, room)

    def _complete(self, read: _Read, cost: Cost) -> Completion:
        lens, answer, prompt = read.request.lens, read.answer, read.prompt
        phases = {
            "read": read.read_s,
            "prefill": cost.prefill_s - read.read_s,
            "decode": cost.decode_s,
        }
        return Completion(
            lens=lens.name,
            contract_version=lens.contract.version,
            build=self.build.name,
            stream=answer.stream,
            readings=answer.readings,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.tokens,
            timings_ms={name: round(1000 * max(spent, 0.0), 3) for name, spent in phases.items()},
            cpu_s=round(cost.cpu_s, 6),
            prompt_hash=prompt.digest if prompt else "",
            left_out=answer.left_out,
            effort=_judge_effort(read),
            postponed=answer.postponed,
        )


def _cut_budget(budget: int, effort: Effort) -> int:
    """Say how many tokens of an article an effort reads."""
    tokens = int(budget * BUDGET_SHARES[effort])
    return min(tokens, LEAD_TOKENS) if effort is Effort.GATE else tokens


def _judge_effort(read: _Read) -> Effort:
    """Say at which effort an article was read: nothing left out is full effort, however meant.

    A stop at the gate is final: reading more later would stop there again.
    """
    if read.prompt is None or read.answer.is_stopped:
        return Effort.FULL
    is_whole = read.prompt.reading.is_whole
    return Effort.FULL if is_whole and not read.answer.postponed else read.request.effort
