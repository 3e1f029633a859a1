"""One measurement of reading articles, in a process of its own: memory and llama.cpp start fresh.

`measure(run)` starts the process and waits; the process reads the run as JSON from its argument
and writes what it measured as JSON. Knows how to read; what is compared is `inference.py`'s.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import mean
from typing import Any, Literal

from bench.long_articles import LongArticle, make_long_articles
from inference.analyst import Analyst, Request
from inference.builds import Build, KnownContract, Manifest, hash_file
from schemas.completions import Completion
from schemas.contract import Contract
from schemas.fields import AnyField, NamesField, PointsField, TextField
from schemas.lens import Lens, load_lens
from schemas.settings import ROOT, InferenceSettings

SEED_CONTEXT = 2048
SEED_BATCH = 512
SEED_ANSWER_TOKENS = 110
"""A whole stream, its delimiters included, as the editorial pipeline has it."""
TEXT_TOKENS = 40
CLOSED = "closed fields"
"""The editorial lens without its texts: a lens whose answers are all scored."""
AGAIN = "the same lens"
"""Once more, under another name."""
LABELLED_ITEMS, LABELLED_CHARS, LABELLED_NAMES = 3, 12, 1
"""Topics of an item, characters of a topic, companies of an item: means of 364 labelled items of
AI newsletters, rounded up from 3.0, 11.5 and 0.6. Random weights fill every list to its limit."""


@dataclass(frozen=True)
class Run:
    """What to measure."""

    folder: str
    """With `model.gguf`."""
    method: str = "ours"
    """`seed`: as the editorial pipeline does; `ours`."""
    articles: int = 1
    around: int = 0
    """Articles before the clock starts, and as many behind: the middle of an endless stream. Where
    answers differ in length, slots would otherwise stay empty at the end, for nobody waits."""
    first: int = 0
    """Number of the first article: every round reads others."""
    budget: int = 1100
    """Tokens of an article."""
    sequences: int = 1
    answer: str = "stream"
    """`stream`: 110 tokens written; `fields`: the lens's fields; `one text`: without the last."""
    question: Literal["tag", "brief", "full"] = "brief"
    """A build's `prompt`."""
    second: str = ""
    """What reads each article after the first lens: a folder of `lenses`, `CLOSED` or `AGAIN`."""
    lists: str = "limits"
    """How long the second lens's lists become: to their `limits`, or as those of `labels`."""
    threads: int = 2
    flash: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """What was measured, over all articles and lenses."""

    articles: int
    seconds: float
    load_s: float
    prompt_tokens: int
    answer_tokens: int
    prefill_s: float
    decode_s: float
    peak_mb: float
    second_cost: float = 0.0
    """Time that the second lens took of an article, in shares of the first one's. Both are charged
    for their own steps and their rows of shared ones, so the machine's pace does not matter."""

    @property
    def per_5_minutes(self) -> float:
        return 300 * self.articles / self.seconds


def measure(run: Run) -> Reading:
    """Start a process for one run; give what it measured."""
    command = [sys.executable, "-m", "bench.reading_run", json.dumps(asdict(run))]
    output = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **run.environment}, stdout=subprocess.PIPE, check=True
    )
    return Reading(**json.loads(output.stdout))


def read_as_seed(run: Run, articles: list[LongArticle]) -> Reading:
    """Read one article after the other with llama-cpp-python's own `Llama`."""
    import llama_cpp  # noqa: PLC0415 - the method under comparison, nowhere else in use

    began = time.perf_counter()
    model = llama_cpp.Llama(
        str(Path(run.folder) / "model.gguf"),
        n_ctx=SEED_CONTEXT,
        n_threads=run.threads,
        n_batch=SEED_BATCH,
        verbose=False,
    )
    load_s = time.perf_counter() - began
    texts = (f"{title}\n\n{text}".encode() for title, text in articles)
    prompts = [model.tokenize(text)[: run.budget] for text in texts]
    began = time.perf_counter()
    answered = 0
    for prompt in prompts:
        # Typed as a stream or a whole answer; without `stream` it is the answer.
        answer: Any = model.create_completion(
            prompt, max_tokens=SEED_ANSWER_TOKENS, temperature=0.1
        )
        answered += answer["usage"]["completion_tokens"]
    seconds = time.perf_counter() - began
    spent = llama_cpp.llama_perf_context(model.ctx)
    result = Reading(
        len(prompts),
        seconds,
        load_s,
        sum(map(len, prompts)),
        answered,
        spent.t_p_eval_ms / 1000,
        # What llama.cpp does not count is Python's sampling, a part of each step.
        seconds - spent.t_p_eval_ms / 1000,
        peak_mb(),
    )
    model.close()
    return result


def read_as_we_do(run: Run, articles: list[LongArticle]) -> Reading:
    """Read articles with an analyst, as a worker does."""
    settings = InferenceSettings(
        sequences=run.sequences,
        budget_tokens=run.budget,
        threads=run.threads,
        flash_attention=run.flash,
    )
    lenses = [choose_lens(run.answer)]
    if run.second:
        lenses.append(choose_second(run))
    began = time.perf_counter()
    with Analyst(describe_build(run, lenses), settings, lenses=lenses) as analyst:
        load_s = time.perf_counter() - began
        # The first answer learns the vocabulary; in a worker that is once in its life.
        list(analyst.analyse(Request("warm", "Rain", "It rained.", lens) for lens in lenses))
        answers = analyst.analyse(
            Request((n, lens.name), *article, lens)
            for n, article in enumerate(articles)
            for lens in lenses
        )
        deque(islice(answers, run.around * len(lenses)), maxlen=0)
        began = time.perf_counter()
        found = [done for _, done in islice(answers, run.articles * len(lenses))]
        seconds = time.perf_counter() - began
        answers.close()
        return Reading(
            run.articles,
            seconds,
            load_s,
            sum(completion.prompt_tokens for completion in found),
            sum(completion.completion_tokens for completion in found),
            sum(completion.timings_ms["prefill"] for completion in found) / 1000,
            sum(completion.timings_ms["decode"] for completion in found) / 1000,
            peak_mb(),
            compare_costs(found, lenses[0]) if run.second else 0.0,
        )


def compare_costs(found: Sequence[Completion], first: Lens) -> float:
    """Give the mean time of the other lens's answers in shares of the mean time of the first's."""
    costs: dict[bool, list[float]] = {True: [], False: []}
    for completion in found:
        costs[completion.lens == first.name].append(sum(completion.timings_ms.values()))
    return mean(costs[False]) / mean(costs[True])


def choose_second(run: Run) -> Lens:
    """Give the lens that comes after the first."""
    if run.second == AGAIN:
        return choose_lens(run.answer).model_copy(update={"name": "again"})
    if run.second == CLOSED:
        return choose_lens(CLOSED)
    lens = load_lens(ROOT / "lenses" / run.second)
    return lens if run.lists == "limits" else shorten_lists(lens)


def shorten_lists(lens: Lens) -> Lens:
    """Let a lens's lists become as long as labelled ones are, and no longer."""
    fields: list[AnyField] = []
    for own in lens.contract.fields:
        changes: dict[str, int] = {}
        if isinstance(own, NamesField):
            changes = {"max_items": LABELLED_NAMES}
        elif isinstance(own, PointsField):
            changes = {"max_items": LABELLED_ITEMS, "max_chars": LABELLED_CHARS}
        fields.append(own.model_copy(update=changes))
    return lens.model_copy(update={"contract": Contract(fields=tuple(fields))})


def choose_lens(answer: str) -> Lens:
    """Give the editorial lens with the fields that the run asks for."""
    lens = load_lens(ROOT / "lenses" / "editorial")
    fields = lens.contract.fields
    if answer == "stream":
        fields = (TextField(name="stream", max_chars=4000),)
    elif answer == "one text":
        fields = fields[:-1]
    elif answer == CLOSED:
        fields = tuple(field for field in fields if not isinstance(field, TextField))
    name = "closed" if answer == CLOSED else lens.name
    return lens.model_copy(update={"name": name, "contract": Contract(fields=fields)})


def describe_build(run: Run, lenses: Sequence[Lens]) -> Build:
    """Describe a GGUF file as a build that knows these lenses and writes its texts."""
    folder = Path(run.folder)
    manifest = Manifest(
        name=folder.name,
        sha256=hash_file(folder / "model.gguf"),
        created=datetime.now(UTC),
        base="random",
        prompt=run.question,
        chat="gemma",
        text_mode="generate",
        text_tokens=SEED_ANSWER_TOKENS if run.answer == "stream" else TEXT_TOKENS,
        n_ctx_train=4096,
        contracts={lens.name: know_contract(lens.contract) for lens in lenses},
    )
    return Build(folder, manifest)


def know_contract(contract: Contract) -> KnownContract:
    """Say of a contract that a build was trained on it."""
    names = tuple(field.name for field in contract.asked)
    return KnownContract(version=contract.version, fields=names)


def peak_mb() -> float:
    """Give the largest resident size of this process so far, in MB."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def main() -> None:
    """Measure the run that the argument describes."""
    fields: dict[str, Any] = json.loads(sys.argv[1])
    run = Run(**fields)
    articles = make_long_articles(run.first + run.articles + 2 * run.around)[run.first :]
    read = read_as_seed if run.method == "seed" else read_as_we_do
    json.dump(asdict(read(run, articles)), sys.stdout)


if __name__ == "__main__":
    main()
