"""Held-out scores of a build, field by field, read through the GGUF as serving reads it.

Knows which corpus tells the truth about which field; the measures are metrics.py's, the reading
inference's. `python -m training.evaluate --build DIR --data DIR` prints and stores the scores.
"""

import argparse
import gzip
import json
import random
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from inference.analyst import Analyst, Request
from inference.builds import load_build
from schemas.fields.base import ParseContext
from schemas.lens import Lens, load_lenses
from schemas.settings import InferenceSettings
from training.corpora import LabelledArticle
from training.dataset import Dataset, build_dataset
from training.metrics import accuracy, macro_f1, mean_distance, measure, rank_correlation

Values = Mapping[str, Any]
Take = Callable[[Values], Any]
LIMIT = 1200
"""Rows of one trial; more would not narrow the intervals by much."""

_INSHORTS: Mapping[str, str] = {
    "entertainment": "Entertainment",
    "world": "World",
    "sports": "Sports",
    "technology": "Technology",
    "politics": "Politics",
    "science": "Science",
}


@dataclass(frozen=True)
class Trial:
    """One question to the build: rows of one corpus and lens, a value taken from them, measures."""

    name: str
    corpora: tuple[str, ...]
    lens: str
    take: Take
    metrics: Mapping[str, Callable[..., float]]


def value_of(name: str) -> Take:
    """Take a field as it is."""
    return lambda values: values.get(name)


def three_classes(values: Values) -> str | None:
    """Take the sentiment as negative (1-4), neutral (5-6) or positive (7-10)."""
    value = values.get("sentiment")
    if value is None:
        return None
    return "negative" if value <= 4 else "positive" if value >= 7 else "neutral"


def mean_dimension(values: Values) -> float | None:
    """Take the mean of all whole-number fields."""
    numbers = [value for value in values.values() if type(value) is int]
    return sum(numbers) / len(numbers) if numbers else None


_CLASSES = {"accuracy": accuracy, "macro_f1": macro_f1}
_DISTANCE = {"mae": mean_distance}
_SENTIMENT = ("newsmtsc", "sentfin")
TRIALS = (
    Trial("editorial.category", ("allsides",), "editorial", value_of("category"), _CLASSES),
    Trial("editorial.sentiment", _SENTIMENT, "editorial", three_classes, _CLASSES),
    Trial("editorial.sentiment 1-10", _SENTIMENT, "editorial", value_of("sentiment"), _DISTANCE),
    Trial("editorial.biased", ("babe",), "editorial", value_of("biased"), _CLASSES),
    Trial(
        "editorial.bias_scale",
        ("babe",),
        "editorial",
        value_of("bias_scale"),
        {"mae": mean_distance, "spearman": rank_correlation},
    ),
    Trial("newsletter.sentiment", _SENTIMENT, "newsletter", value_of("sentiment"), _CLASSES),
    Trial(
        "ai_industry.relevance_score",
        ("newsletter",),
        "ai_industry",
        value_of("relevance_score"),
        {"mae": mean_distance, "spearman": rank_correlation},
    ),
    Trial(
        "sustainability_tech, mean of the dimensions (proxies)",
        ("seece",),
        "sustainability_tech",
        mean_dimension,
        {"mae": mean_distance, "spearman": rank_correlation},
    ),
)


def evaluate_build(
    folder: Path, dataset: Dataset, lenses: Mapping[str, Lens], data: Path
) -> dict[str, Any]:
    """Score every trial on held-out rows, and category on news of another kind."""
    with Analyst(load_build(folder), InferenceSettings()) as analyst:
        scores = {trial.name: run_trial(trial, dataset.test, lenses, analyst) for trial in TRIALS}
        for trial, rows in (
            (
                replace(TRIALS[0], name="editorial.category, years of the training rows"),
                dataset.dev,
            ),
            (
                replace(TRIALS[0], name="editorial.category on inshorts", corpora=("inshorts",)),
                list(read_inshorts(data)),
            ),
        ):
            scores[trial.name] = run_trial(trial, rows, lenses, analyst)
    return {name: score for name, score in scores.items() if score}


def run_trial(
    trial: Trial, rows: Iterable[LabelledArticle], lenses: Mapping[str, Lens], analyst: Analyst
) -> dict[str, Any]:
    """Read the trial's rows and measure; empty where there are none."""
    suited = [
        row
        for row in rows
        if row.corpus in trial.corpora
        and row.lens == trial.lens
        and trial.take(row.values) is not None
    ]
    chosen = random.Random(0).sample(suited, min(LIMIT, len(suited)))
    if not chosen:
        return {}
    answers = read_rows(chosen, lenses, analyst)
    gold = [trial.take(row.values) for row in chosen]
    predicted = [trial.take(answers[row.key]) for row in chosen]
    return {
        name: measure(metric, gold, predicted).as_dict() for name, metric in trial.metrics.items()
    }


def read_rows(
    rows: Sequence[LabelledArticle], lenses: Mapping[str, Lens], analyst: Analyst
) -> dict[str, dict[str, Any]]:
    """Let the build read the rows; give the values of each."""
    requests = (Request(row.key, row.title, row.text, lenses[row.lens]) for row in rows)
    found: dict[str, dict[str, Any]] = {}
    for request, completion in analyst.analyse(requests):
        contract, context = request.lens.contract, ParseContext()
        found[str(request.key)] = {
            name: contract.field(name).parse(reading.text, context).value
            for name, reading in completion.readings.items()
        }
    return found


def read_inshorts(data: Path) -> Iterable[LabelledArticle]:
    """Give 60-word news with one topic that a category means too. Never trained on."""
    path = data / "topics" / "inshorts.jsonl.gz"
    if not path.exists():
        return
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            category = _INSHORTS.get(row["label"])
            if category:
                yield LabelledArticle(
                    corpus="inshorts",
                    key=row["id"],
                    title=row["title"],
                    text=row["text"],
                    lens="editorial",
                    values={"category": category},
                    group=row["id"],
                )


def main() -> None:
    """Evaluate a build folder on the held-out rows of a data folder; print the scores."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("models/starter"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--lenses", type=Path, default=Path("lenses"))
    parser.add_argument("--seed", type=int, default=7, help="of the split, as in the recipe")
    given = parser.parse_args()
    dataset = build_dataset(given.data, given.seed)
    scores = evaluate_build(given.build, dataset, load_lenses(given.lenses), given.data)
    sys.stdout.write(json.dumps(scores, indent=2) + "\n")


if __name__ == "__main__":
    main()
