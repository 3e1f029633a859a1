"""Articles in, completions out: the whole of inference, behind one door.

Holds one build. Joins reading, prompt, decoder and batch; what becomes of a completion is not its
business.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Hashable, Iterable
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from inference.batching import Batch, Cost
from inference.builds import Build, verify_build
from inference.cpu import usable_cores
from inference.decoder import Answer, Decoder, Plan, assemble
from inference.engine import Engine, EngineShape
from inference.progressive import Checkpoint, choose_lead, make_checkpoint
from inference.prompt import Prompt, Segment, compose_prompt, render_question
from inference.tape import Decoding
from schemas.completions import Completion
from schemas.gate import Gate
from schemas.lens import Lens
from schemas.settings import InferenceSettings

_SLOT_STEP = 256
_SMALL_MODEL_BYTES = 64_000_000
_QUESTION_AND_ANSWER_TOKENS = 1024


@dataclass(frozen=True)
class Request:
    """One article to be read through one lens. Requests for one article best follow each other."""

    key: Hashable
    """Comes back with the completion; means nothing here."""
    title: str
    text: str
    lens: Lens


@dataclass(frozen=True)
class _Task:
    """What a lens asks of this build, whatever the article."""

    plan: Plan
    question: list[Segment]
    checkpoint: Checkpoint | None


@dataclass(frozen=True)
class _Read:
    """What one decoding gives back."""

    request: Request
    prompt: Prompt | None
    answer: Answer
    read_s: float
    """For reading and writing the prompt; the batch counts it as prefill."""


class Analyst:
    """Reads articles with one build. To be closed; not for use from two threads at once."""

    def __init__(self, build: Build, settings: InferenceSettings) -> None:
        verify_build(build)
        self.build = build
        self._settings = settings
        self._lead_tokens = choose_lead(build, settings)
        self._budget = settings.budget_tokens or build.manifest.budget_tokens
        self._slot_tokens = _slot_tokens(build, self._budget)
        shape = EngineShape(
            slots=settings.sequences,
            slot_tokens=self._slot_tokens,
            threads=settings.threads or _choose_threads(build),
            flash_attention=settings.flash_attention,
        )
        self._engine = Engine(build.model_path, shape)
        try:
            self._decoder = Decoder(build, self._engine.vocabulary)
        except BaseException:
            self._engine.close()
            raise
        self._tasks: dict[tuple[str, int, str, Gate | None], _Task] = {}

    def analyse(
        self, requests: Iterable[Request]
    ) -> Generator[tuple[Request, Completion], None, None]:
        """Read articles as they are pulled; give each completion as soon as it is done.

        Closing the generator gives up what is unfinished.
        """
        batch: Batch[_Read] = Batch(self._engine)
        with closing(batch.run(self._read(request) for request in requests)) as reads:
            for read, cost in reads:
                yield read.request, self._complete(read, cost)

    def close(self) -> None:
        """Free the model."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self, request: Request) -> Decoding[_Read]:
        """Read one article: a coroutine that the batch drives."""
        start = time.perf_counter()
        lens = request.lens
        task = self._plan(lens)
        plan = task.plan
        if not plan.asked:
            return _Read(request, None, assemble(lens, {}, plan.left_out, 0, 0), 0.0)
        prompt = compose_prompt(
            request.title,
            request.text,
            task.question,
            style=self.build.style,
            encoder=self._engine.vocabulary,
            budget_tokens=self._budget,
            room=self._slot_tokens - plan.reserve,
            lead_tokens=self._lead_tokens,
        )
        read_s = time.perf_counter() - start
        room = self._slot_tokens - prompt.tokens
        answer = yield from self._decoder.decode(
            prompt, lens, plan, room=room, checkpoint=task.checkpoint
        )
        return _Read(request, prompt, answer, read_s)

    def _plan(self, lens: Lens) -> _Task:
        # A gate is not in the contract, so it has to be in the key beside its version.
        key = (lens.name, lens.version, lens.contract.version, lens.gate)
        if key not in self._tasks:
            plan = self._decoder.plan(lens)
            self._tasks[key] = _Task(
                plan,
                render_question(lens, plan.asked, self.build.style),
                make_checkpoint(
                    self.build, lens, plan.asked, self._settings, self._engine.vocabulary
                ),
            )
        return self._tasks[key]

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
        )


def _choose_threads(build: Build) -> int:
    """Give a large model all cores, and a small one a core to itself.

    A small model has hundreds of barriers to a step and hardly any work between them. Where other
    processes want the cores too, two threads read a tenth of the articles that one reads.
    """
    is_small = build.model_path.stat().st_size < _SMALL_MODEL_BYTES
    return 1 if is_small else usable_cores()


def _slot_tokens(build: Build, budget: int) -> int:
    """Say how long a sequence may be: the article's budget, some slack, question and answer."""
    wanted = budget + budget // 4 + _QUESTION_AND_ANSWER_TOKENS
    return min(build.manifest.n_ctx_train, -(-wanted // _SLOT_STEP) * _SLOT_STEP)
