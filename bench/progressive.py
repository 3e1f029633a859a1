"""Articles per five minutes with progressive reading and without, for given shares of rejections.

`python -m bench.progressive` reads long made-up articles twice: in full, and stopping the given
share of them after the lead. Which articles stop is forced, so any build can be measured, one with
random weights too. The gain depends on the stream, so it is no part of the inference benchmark.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from bench.long_articles import make_long_articles
from bench.reports import Measure, report
from inference.analyst import Analyst, Request
from inference.builds import Build, load_build
from inference.gates import BuildGate
from inference.prompt import LEAST_PIECE
from schemas.lens import Lens, load_lens
from schemas.settings import ROOT, InferenceSettings

LENS = "ai_industry"
STOPS, READS_ON = "stops", "reads"
"""Two names for one lens, equally long in the prompt: one's gate is always shut, one's open."""
_THRESHOLDS = {STOPS: 0.0, READS_ON: 2.0}


@dataclass(frozen=True)
class Pass:
    """One reading of all articles."""

    seconds: float
    prompt_tokens: int
    stopped: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure both ways of reading for every share, print the table, write the JSON file."""
    parser = argparse.ArgumentParser(prog="python -m bench.progressive", description=__doc__)
    parser.add_argument("--build", type=Path, default=ROOT / "models" / "starter")
    parser.add_argument("--articles", type=int, default=64)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.5, 0.9])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lead", type=int, default=128, help=f"tokens, from {LEAST_PIECE}")
    parser.add_argument("--sequences", type=int, default=8)
    parser.add_argument("--threads", type=int, default=0)
    given = parser.parse_args(arguments)
    lenses = name_lenses(load_lens(ROOT / "lenses" / LENS))
    build = force_gates(load_build(given.build), lenses, given.lead)
    settings = InferenceSettings(
        sequences=given.sequences, threads=given.threads, gate_misses=1.0, progressive=True
    )
    whole = settings.model_copy(update={"progressive": False})
    measures: list[Measure] = []
    with Analyst(build, settings) as gated, Analyst(build, whole) as plain:
        for share in given.shares:
            requests = make_requests(given.articles, share, lenses)
            passes = [(read(gated, requests), read(plain, requests)) for _ in range(given.rounds)]
            measures += describe(share, given.articles, passes)
    setting = {**vars(given), "build": build.name, "note": "the gain depends on the stream"}
    report("progressive", measures, setting)


def name_lenses(lens: Lens) -> dict[str, Lens]:
    """Give the lens under both names."""
    return {name: lens.model_copy(update={"name": name}) for name in _THRESHOLDS}


def force_gates(build: Build, lenses: dict[str, Lens], lead_tokens: int) -> Build:
    """Let a build stop at one lens's gate whatever it answers, and never at the other's."""
    gates = {}
    for name, lens in lenses.items():
        assert lens.gate is not None
        gates[name] = BuildGate(
            field=lens.gate.field,
            answers=lens.gate.rejecting(lens.contract.field(lens.gate.field)),
            threshold=_THRESHOLDS[name],
            lead_tokens=lead_tokens,
            expected_false_negative_rate=1.0,
            false_negative_bound=1.0,
            expected_stop_rate=1.0,
            articles=0,
        )
    changes = {"gates": gates, "contracts": None}
    return replace(build, manifest=build.manifest.model_copy(update=changes))


def make_requests(count: int, share: float, lenses: dict[str, Lens]) -> list[Request]:
    """Make a stream in which a share of the articles is rejected, in no order."""
    stopping = round(count * share)
    names = [STOPS] * stopping + [READS_ON] * (count - stopping)
    random.Random(0).shuffle(names)
    articles = zip(make_long_articles(count), names, strict=True)
    return [Request(n, a.title, a.text, lenses[name]) for n, (a, name) in enumerate(articles)]


def read(analyst: Analyst, requests: Sequence[Request]) -> Pass:
    """Read all articles once."""
    began = time.perf_counter()
    found = [completion for _, completion in analyst.analyse(requests)]
    seconds = time.perf_counter() - began
    tokens = sum(completion.prompt_tokens for completion in found)
    return Pass(seconds, tokens, sum(completion.stopped is not None for completion in found))


def describe(share: float, articles: int, passes: Sequence[tuple[Pass, Pass]]) -> list[Measure]:
    """Give the figures of one share; a ratio is the median over rounds, each against its own."""
    gated, plain = passes[0]
    saved = 1 - gated.prompt_tokens / plain.prompt_tokens
    rates = [[300 * articles / each.seconds for each in both] for both in passes]
    name = f"{share:.0%} rejections"
    return [
        Measure(f"{name}, in full", median(rate[1] for rate in rates), "art./5 min"),
        Measure(f"{name}, progressive", median(rate[0] for rate in rates), "art./5 min"),
        Measure(f"{name}, ratio", median(rate[0] / rate[1] for rate in rates), "x"),
        Measure(f"{name}, stopped", gated.stopped / articles, "share"),
        Measure(f"{name}, prompt tokens saved", saved, "share"),
    ]


if __name__ == "__main__":
    main()
