"""Measures an engine in a shape, in a process of its own: `python -m inference.trial MODEL`.

How OpenMP's threads wait is settled when llama.cpp is loaded, so each way of waiting needs a
process. It loads the model once, then answers shape after shape: a line of JSON in, a line out.
Knows nothing of which shape is better.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from inference.cpu import SPINS_VARIABLE
from inference.engine import Engine, EngineShape
from inference.tuning import Choice, Load, Speed
from schemas.closing import Closing
from schemas.errors import NewsmillError

LONGEST_PROMPT = 512
"""Tokens; what is longer takes longer to measure and tells no more."""
STEPS = 8
LEAST_S = 0.15
"""Shorter than this, a measurement is repeated until it takes as long."""


class Trials(Closing):
    """The processes that measure one model, one for each way of waiting."""

    def __init__(self, model: Path, slot_tokens: int, load: Load) -> None:
        self._model = model
        self._slot_tokens = slot_tokens
        self._load = load
        self._processes: dict[int | None, subprocess.Popen[str]] = {}
        self.refusal = ""
        """Why the last refused choice was."""

    def measure(self, choice: Choice) -> float | None:
        """Give the seconds that an article takes; None when llama.cpp refuses the choice."""
        process = self._processes.get(choice.spins) or self._start(choice.spins)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(self._ask(choice)) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            # llama.cpp has ended its process: the next question gets a new one.
            self._end(self._processes.pop(choice.spins))
            self.refusal = f"{self._model}: llama.cpp ended its process with {choice}"
            return None
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            self.refusal = answer["error"]
            return None
        return Speed(**answer).article_s(self._load, choice.sequences)

    def close(self) -> None:
        """End every process."""
        while self._processes:
            self._end(self._processes.popitem()[1])

    def _ask(self, choice: Choice) -> dict[str, Any]:
        shape = EngineShape.of(choice, self._slot_tokens)
        return {"shape": asdict(shape), "prompt_tokens": self._load.prompt_tokens}

    def _start(self, spins: int | None) -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if k != SPINS_VARIABLE}
        if spins is not None:
            environment[SPINS_VARIABLE] = str(spins)
        process = subprocess.Popen(
            [sys.executable, "-m", "inference.trial", str(self._model)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._processes[spins] = process
        return process

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        process.kill()
        process.communicate()  # Closes both pipes, a question that nobody read notwithstanding.


def measure_speed(engine: Engine, prompt_tokens: int) -> Speed:
    """Time a prompt, then steps of all sequences that hold that prompt."""
    slots = engine.shape.slots
    count = min(prompt_tokens, LONGEST_PROMPT, engine.shape.slot_tokens - STEPS - 1)
    prompt = [1 + number % (engine.vocabulary.size - 1) for number in range(count)]
    engine.prefill(0, prompt[:16])  # Threads start and pages are touched.

    def read() -> None:
        engine.trim(0, 0)
        engine.prefill(0, prompt)

    prefill_s = _time(read) / count
    for slot in range(1, slots):
        engine.copy(0, slot, count)
    everybody = frozenset(range(slots))

    def step() -> None:
        engine.step(dict.fromkeys(everybody, prompt[0]), everybody)
        for slot in everybody:
            engine.trim(slot, count)

    step()
    return Speed(prefill_s, _time(step, STEPS))


def _time(act: Callable[[], None], least: int = 1) -> float:
    """Give the seconds of one act, over at least so many and so long."""
    began, times = time.perf_counter(), 0
    while times < least or time.perf_counter() - began < LEAST_S:
        act()
        times += 1
    return (time.perf_counter() - began) / times


def main() -> None:
    """Answer questions until there are no more."""
    path = Path(sys.argv[1])
    engine: Engine | None = None
    for line in sys.stdin:
        question = json.loads(line)
        shape = EngineShape(**question["shape"])
        try:
            if engine is None:
                engine = Engine(path, shape)
            else:
                engine.reshape(shape)
            answer = asdict(measure_speed(engine, question["prompt_tokens"]))
        except NewsmillError as error:
            answer = {"error": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    if engine is not None:
        engine.close()


if __name__ == "__main__":
    main()
