"""Held-out scores and the calibration of a build, field by field, read as serving reads it.

Knows which corpus tells the truth about which field; the measures are metrics.py's and
reliability.py's, the fits calibrating.py's, the reading inference's.

    python -m training.evaluate --data DIR [--build DIR]

scores and calibrates a build anew: its build.json, its plot and, of a build of ours, its card.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from inference.analyst import Analyst
from inference.builds import MANIFEST_FILE, Build, load_build
from schemas.errors import ConfigError, NewsmillError
from schemas.lens import Lens, load_lenses
from schemas.settings import InferenceSettings
from training.card import CARD_FILE, PLOT_FILE, write_card
from training.corpora import LabelledArticle
from training.dataset import Dataset, build_dataset
from training.heldout import RowReader, Take, choose_rows, read_inshorts, value_of
from training.metrics import accuracy, macro_f1, mean_distance, measure, rank_correlation
from training.plots import draw_reliability
from training.reliability import Reliability
from training.subjects import (
    CATEGORY,
    SENTIMENT_CORPORA,
    SUBJECTS,
    OtherNews,
    calibrate_subjects,
    look_elsewhere,
)

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Trial:
    """One question to the build: rows of one corpus and lens, a value taken from them, measures."""

    name: str
    corpora: tuple[str, ...]
    lens: str
    take: Take
    metrics: Mapping[str, Callable[..., float]]


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
TRIALS = (
    Trial("editorial.category", ("allsides",), "editorial", value_of("category"), _CLASSES),
    Trial("editorial.sentiment", SENTIMENT_CORPORA, "editorial", three_classes, _CLASSES),
    Trial(
        "editorial.sentiment 1-10", SENTIMENT_CORPORA, "editorial", value_of("sentiment"), _DISTANCE
    ),
    Trial("editorial.biased", ("babe",), "editorial", value_of("biased"), _CLASSES),
    Trial(
        "editorial.bias_scale",
        ("babe",),
        "editorial",
        value_of("bias_scale"),
        {"mae": mean_distance, "spearman": rank_correlation},
    ),
    Trial("newsletter.sentiment", SENTIMENT_CORPORA, "newsletter", value_of("sentiment"), _CLASSES),
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


@dataclass(frozen=True)
class Evaluation:
    """What the held-out rows say of a build."""

    scores: Mapping[str, Any]
    reliability: Sequence[Reliability]
    """Of every calibrated field, then of `category` on news of other kinds."""

    def facts(self) -> dict[str, Any]:
        """Give what build.json says of it."""
        calibration: dict[str, dict[str, Any]] = {}
        for found in self.reliability:
            if found.fitted_here:
                lens, field = found.name.split(".")
                calibration.setdefault(lens, {})[field] = found.calibration.model_dump(mode="json")
        return {
            "scores": dict(self.scores),
            "calibration": calibration,
            "reliability": {found.name: found.as_dict() for found in self.reliability},
        }


def evaluate_build(
    folder: Path, dataset: Dataset, lenses: Mapping[str, Lens], data: Path
) -> Evaluation:
    """Score every trial on held-out rows and calibrate every subject, from the raw shares."""
    other_news = (
        OtherNews(f"{CATEGORY.name}, years of the training rows", CATEGORY.corpora, dataset.dev),
        OtherNews(f"{CATEGORY.name} on inshorts", ("inshorts",), tuple(read_inshorts(data))),
    )
    with Analyst(_uncalibrated(load_build(folder)), InferenceSettings()) as analyst:
        reader = RowReader(analyst, lenses)
        scores = {trial.name: run_trial(trial, dataset.test, reader) for trial in TRIALS}
        for news in other_news:
            trial = replace(TRIALS[0], name=news.name, corpora=news.corpora)
            scores[trial.name] = run_trial(trial, news.rows, reader)
        reliability = list(calibrate_subjects(SUBJECTS, dataset.test, reader))
        reliability += look_elsewhere(reliability, other_news, reader)
    return Evaluation({name: score for name, score in scores.items() if score}, reliability)


def run_trial(trial: Trial, rows: Iterable[LabelledArticle], reader: RowReader) -> dict[str, Any]:
    """Read the trial's rows and measure; empty where there are none."""
    chosen = choose_rows(rows, trial.corpora, trial.lens, trial.take)
    if not chosen:
        return {}
    gold = [trial.take(row.values) for row in chosen]
    predicted = [trial.take(values) for values in reader.values(chosen)]
    return {
        name: measure(metric, gold, predicted).as_dict() for name, metric in trial.metrics.items()
    }


def record_evaluation(folder: Path, evaluation: Evaluation, dataset: Dataset) -> None:
    """Write the evaluation into build.json, and beside it the plot and a starter's card."""
    path = folder / MANIFEST_FILE
    manifest = {**json.loads(path.read_text(encoding="utf-8")), **evaluation.facts()}
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    plotted = [found for found in evaluation.reliability if found.fitted_here]
    if plotted:
        (folder / PLOT_FILE).write_text(draw_reliability(plotted), encoding="utf-8")
    else:
        (folder / PLOT_FILE).unlink(missing_ok=True)
    if "recipe" in manifest and "training" in manifest:
        write_card(folder / CARD_FILE, manifest, dataset)


def check_dataset(folder: Path, dataset: Dataset) -> None:
    """Refuse rows that the build may have been trained on."""
    trained_on = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8")).get("dataset")
    if trained_on not in (None, dataset.digest):
        raise ConfigError(
            f"{folder}: trained on dataset {trained_on}, this folder and seed give "
            f"{dataset.digest}: rows held out here may have been trained on"
        )


def _uncalibrated(build: Build) -> Build:
    return replace(build, manifest=build.manifest.model_copy(update={"calibration": {}}))


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate a build on the held-out rows of a data folder; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("models/starter"))
    parser.add_argument("--data", type=Path, required=True, help="folder with the corpora")
    parser.add_argument("--lenses", type=Path, default=Path("lenses"))
    parser.add_argument("--seed", type=int, default=7, help="of the split, as in the recipe")
    given = parser.parse_args(arguments)
    try:
        load_build(given.build)
        dataset = build_dataset(given.data, given.seed)
        check_dataset(given.build, dataset)
        evaluation = evaluate_build(given.build, dataset, load_lenses(given.lenses), given.data)
    except (NewsmillError, FileNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    record_evaluation(given.build, evaluation, dataset)
    sys.stdout.write(json.dumps(evaluation.facts(), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
