"""Articles per five minutes: the editorial pipeline's method and ours, lever by lever, in one run.

The model has Gemma-3-1B's shape and random weights, or is an F16 file given by `--model`. Runs
are interleaved, each in a process of its own; the figures are medians. Files are made once and
kept in `NEWSMILL_BENCH_CACHE` (default ~/.cache/newsmill).

    python -m bench.inference [--model F16.gguf] [--rounds 3] [--threads 2] [--quick]
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from bench.model_files import Files, cache_folder
from bench.random_gemma import GEMMA_1B, TOY, GemmaShape
from bench.reading_run import AGAIN, CLOSED, Reading, Run, measure
from bench.reports import Measure, report
from bench.roofline import Roofline, measure_roofline
from inference.cpu import usable_cores
from inference.kernels import KERNELS, NO_WIDE, SWITCH

GOAL_RATIO = 6.0
GOAL_PER_5_MINUTES = 200.0

SEED, OURS = "the seed's method", "all levers"
SECOND_LENSES = ("newsletter", "ai_industry", "sustainability_tech")
LISTING_LENSES = ("newsletter", "ai_industry")
GOAL_SECOND_LENS = 0.25
"""Of the first one's cost."""


@dataclass(frozen=True)
class Entry:
    """A row of the table."""

    name: str
    run: Run
    recipe: str = "common"
    trimmed: bool = False
    rounds: int = 99
    """Slow rows that only explain take part in the first rounds alone."""
    readings: list[Reading] = field(default_factory=list, init=False)

    def middle(self, name: str) -> float:
        """Give the median of a figure over the rounds."""
        return median(float(getattr(reading, name)) for reading in self.readings)


def list_entries(threads: int) -> list[Entry]:
    """List what is compared: the seed, each lever alone, all together, all but one."""
    one = Run("", threads=threads)
    # Answers of one lens end together, so one full batch shows what an endless stream would give.
    ours = replace(one, sequences=16, articles=16, budget=500, answer="fields")
    stream = replace(ours, articles=32, around=16)
    every = Entry(OURS, ours, "fast", trimmed=True)
    one_text = replace(ours, answer="one text")

    def but(name: str, run: Run = ours, **changes: Any) -> Entry:
        return replace(every, name=f"all, {name}", run=run, **{"rounds": 1, **changes})

    return [
        # Several, since it reads them whole: one by itself may be short.
        Entry(SEED, _with(replace(one, method="seed", articles=4), SWITCH, " ".join(KERNELS))),
        every,
        *(
            but(f"and {lens} as second lens", replace(stream, second=lens))
            for lens in (CLOSED, *SECOND_LENSES)
        ),
        *(
            but(
                f"and {lens} as second lens, as labelled",
                replace(stream, second=lens, lists="labels"),
            )
            for lens in LISTING_LENSES
        ),
        but("one text of two", one_text, rounds=2),
        but(
            f"one text of two, {AGAIN} as second lens",
            replace(stream, answer="one text", second=AGAIN),
            rounds=2,
        ),
        but("the question a name alone", replace(ours, question="tag"), rounds=2),
        but("told beforehand", replace(ours, question="full"), rounds=2),
        but(
            "told beforehand, ai_industry as second lens",
            replace(stream, question="full", second="ai_industry"),
        ),
        but("8 sequences", replace(ours, sequences=8, articles=8)),
        but("llama.cpp's own kernels", _with(ours, SWITCH, " ".join(KERNELS)), rounds=2),
        *(but(f"llama.cpp's own {name}", _with(ours, SWITCH, name)) for name in KERNELS),
        # Of a processor with AVX-512 they use AVX2 alone; what llama.cpp itself does, it does wide.
        but("kernels for AVX2", _with(ours, SWITCH, NO_WIDE)),
        but("kernels for AVX2, recipe compact", _with(ours, SWITCH, NO_WIDE), recipe="compact"),
        but("full vocabulary", trimmed=False),
        but("recipe compact", recipe="compact"),
        but("recipe plain", recipe="plain"),
        but("recipe tiles", recipe="tiles"),
        but("no flash attention", replace(ours, flash=False)),
        but("no spinning", _with(ours, "GOMP_SPINCOUNT", "0")),
        Entry("our engine, no lever", one, rounds=1),
        Entry("  + recipe fast", one, "fast", rounds=1),
        Entry("  + vocabulary of 32k", one, trimmed=True, rounds=1),
        Entry("  + 500 tokens read", replace(one, budget=500), rounds=1),
        Entry("  + the question a name alone", replace(one, question="tag"), rounds=1),
        Entry("  + closed fields scored", replace(one, answer="fields"), rounds=1),
        Entry("  + 4 sequences", replace(one, sequences=4, articles=4), rounds=1),
    ]


def _with(run: Run, variable: str, value: str) -> Run:
    return replace(run, environment={variable: value})


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description="Articles read in five minutes.")
    parser.add_argument("--model", type=Path, help="an F16 GGUF instead of random weights")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--only", nargs="*", help="words: rows that hold one, and the two ends")
    parser.add_argument("--quick", action="store_true", help="a toy model, to see that it works")
    given = parser.parse_args()
    shape = TOY if given.quick else GEMMA_1B
    entries = [
        entry
        for entry in list_entries(given.threads)
        if given.only is None
        or entry.name in (SEED, OURS)
        or any(word in entry.name for word in given.only)
    ]
    files = Files(cache_folder(), shape, given.model)
    run_rounds(entries, files, 1 if given.quick else given.rounds)
    roofline = measure_roofline()
    rows = [describe(entry, entries[0], roofline, shape, files) for entry in entries]
    print_rows(rows)
    setting = {"model": str(given.model or shape), "threads": given.threads, **vars(roofline)}
    report("inference", list_measures(rows), {**setting, "rows": rows})


def run_rounds(entries: Sequence[Entry], files: Files, rounds: int) -> None:
    """Measure every entry once a round; rounds read different articles."""
    folders = {entry.name: files.find(entry.recipe, trimmed=entry.trimmed) for entry in entries}
    console = Console(stderr=True)
    for number in range(rounds):
        for entry in entries:
            if number < entry.rounds:
                run = replace(entry.run, folder=str(folders[entry.name]), first=number * 16)
                reading = measure(run)
                entry.readings.append(reading)
                figure = f"{reading.per_5_minutes:.1f} articles per 5 minutes"
                if run.second:
                    figure += f", {reading.second_cost:.0%} of what the first lens cost"
                console.print(f"round {number + 1}, {entry.name.strip()}: {figure}")


def describe(
    entry: Entry, seed: Entry, roofline: Roofline, shape: GemmaShape, files: Files
) -> dict[str, Any]:
    """Give the figures of a row, each the median of its rounds.

    With a second lens nothing is said of what was read: each answer counts the article, which was
    computed once for both.
    """
    tell, articles = entry.middle, entry.run.articles
    path = files.find(entry.recipe, trimmed=entry.trimmed) / "model.gguf"
    prompt, steps = tell("prompt_tokens") / articles, tell("answer_tokens") / articles
    least_s = roofline.article_s(
        shape.layer_weights, path.stat().st_size, prompt, steps, entry.run.sequences
    )
    return {
        "name": entry.name,
        "rounds": len(entry.readings),
        "second": entry.run.second,
        "second_cost": tell("second_cost"),
        "as_labelled": entry.run.lists == "labels",
        "seconds": tell("seconds") / articles,
        "per_5_minutes": tell("per_5_minutes"),
        "ratio": compare(entry, seed),
        "tokens_in": None if entry.run.second else prompt,
        "tokens_out": steps,
        "prefill_tok_s": None if entry.run.second else tell("prompt_tokens") / tell("prefill_s"),
        "decode_tok_s": tell("answer_tokens") / tell("decode_s"),
        "prefill_share": tell("prefill_s") / tell("seconds"),
        "decode_share": tell("decode_s") / tell("seconds"),
        "load_s": tell("load_s"),
        "peak_mb": tell("peak_mb"),
        "roofline_share": None if entry.run.second else least_s * articles / tell("seconds"),
    }


def compare(entry: Entry, other: Entry) -> float:
    """Give the median of the rounds' ratios: what both read at about the same time."""
    return median(
        own.per_5_minutes / theirs.per_5_minutes
        for own, theirs in zip(entry.readings, other.readings, strict=False)
    )


SHOWN = {
    "per_5_minutes": "art./5 min",
    "ratio": "x seed",
    "tokens_in": "in",
    "tokens_out": "out",
    "prefill_tok_s": "prefill t/s",
    "decode_tok_s": "decode t/s",
    "prefill_share": "prefill",
    "decode_share": "decode",
    "load_s": "load s",
    "peak_mb": "peak MB",
    "roofline_share": "roofline",
}
"""Figures of a row that the table shows, and their headings, in this order."""


def print_rows(rows: Sequence[dict[str, Any]]) -> None:
    """Print all rows, a lever to a line."""
    first = Column("method (rounds)", no_wrap=True)
    table = Table(first, *SHOWN.values(), title="Articles in five minutes")
    styles = defaultdict(lambda: "{:,.0f}", ratio="{:.2f}", load_s="{:.1f}", per_5_minutes="{:.1f}")
    styles |= dict.fromkeys(("prefill_share", "decode_share", "roofline_share"), "{:.0%}")
    for row in rows:
        figures = ("" if row[name] is None else styles[name].format(row[name]) for name in SHOWN)
        table.add_row(f"{row['name']} ({row['rounds']})", *figures)
    Console(width=168).print(table)


def list_measures(rows: Sequence[dict[str, Any]]) -> list[Measure]:
    """Give the figures that have a goal."""
    by_name = {row["name"]: row for row in rows}
    best = max(rows, key=lambda row: float(row["per_5_minutes"]))
    return [
        Measure(SEED, by_name[SEED]["per_5_minutes"], "art./5 min"),
        Measure(OURS, by_name[OURS]["per_5_minutes"], "art./5 min", at_least=GOAL_PER_5_MINUTES),
        Measure(f"best: {best['name']}", best["per_5_minutes"], "art./5 min"),
        Measure(f"{OURS} / {SEED}", by_name[OURS]["ratio"], "ratio", at_least=GOAL_RATIO),
        Measure("of the roofline", by_name[OURS]["roofline_share"], "share"),
        *(
            Measure(
                f"cost of {row['second']} as second lens{', as labelled' * row['as_labelled']}",
                row["second_cost"],
                "of the first",
                at_most=GOAL_SECOND_LENS,
            )
            for row in rows
            if row["second"]
        ),
    ]


if __name__ == "__main__":
    main()
