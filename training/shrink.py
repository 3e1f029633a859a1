"""Makes smaller files of an F16 model, and says what each costs in agreement with it.

Every recipe becomes a build that reads the same articles as the F16 build does. Reported per
closed field: how often both give the same answer, and how much probability moved between options.
Knows nothing about which answer is right.

    python -m training.shrink --build F16_BUILD --corpus FILE.jsonl --out DIR [--vocabulary 32768]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from inference.analyst import Analyst, Request
from inference.builds import MANIFEST_FILE, MODEL_FILE, Build, hash_file, load_build
from inference.prompt import render_question
from ingest.corpora import read_corpus
from ingest.files import open_source
from schemas.articles import ArticleDraft
from schemas.completions import Completion
from schemas.lens import Lens, load_lens
from schemas.settings import InferenceSettings
from training.quantising import RECIPES, quantise
from training.trimming import trim_vocabulary


@dataclass(frozen=True)
class Agreement:
    """How far a build answers one field as another build does."""

    articles: int
    same: float
    """Share of the articles with the same answer."""
    moved: float
    """Probability that moved between options, averaged: 0 none, 1 all."""


def make_build(like: Build, source: Path, folder: Path, recipe: str) -> Build:
    """Quantise a file by a recipe into a build of its own, described like another build."""
    folder.mkdir(parents=True, exist_ok=True)
    quantise(source, folder / MODEL_FILE, RECIPES[recipe])
    facts = json.loads((like.folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    facts |= {
        "name": folder.name,
        "sha256": hash_file(folder / MODEL_FILE),
        "bytes": (folder / MODEL_FILE).stat().st_size,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "export": recipe,
        "scores": {},
        "calibration": {},
        "reliability": {},
    }
    text = json.dumps(facts, indent=2, ensure_ascii=False)
    (folder / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")
    return load_build(folder)


def vocabulary_texts(
    articles: Sequence[ArticleDraft], lenses: Sequence[Lens], build: Build
) -> Iterator[str]:
    """Give the texts whose tokens a trimmed vocabulary must have: articles and our questions."""
    for lens in lenses:
        fields = [field.name for field in lens.contract.asked]
        yield from (segment.text for segment in render_question(lens, fields, build.style))
        yield lens.contract.model_dump_json()
    yield "user\nmodel\nnone"
    yield from (f"{article.title}\n{article.text}" for article in articles)


def read_all(build: Build, articles: Sequence[ArticleDraft], lens: Lens) -> list[Completion]:
    """Read the articles with a build, in their order."""
    requests = (
        Request(number, article.title, article.text, lens)
        for number, article in enumerate(articles)
    )
    with Analyst(build, InferenceSettings()) as analyst:
        found = {request.key: completion for request, completion in analyst.analyse(requests)}
    return [found[number] for number in range(len(articles))]


def compare(before: Sequence[Completion], after: Sequence[Completion]) -> dict[str, Agreement]:
    """Compare the scored fields of two readings of the same articles."""
    pairs: dict[str, list[tuple[bool, float]]] = {}
    for one, other in zip(before, after, strict=True):
        for name, reading in one.readings.items():
            shares, others = reading.probabilities, other.readings[name].probabilities
            if shares and others:
                moved = sum(abs(shares[option] - others.get(option, 0)) for option in shares) / 2
                same = reading.text == other.readings[name].text
                pairs.setdefault(name, []).append((same, moved))
    return {
        name: Agreement(
            len(found),
            sum(same for same, _ in found) / len(found),
            sum(moved for _, moved in found) / len(found),
        )
        for name, found in pairs.items()
    }


def shrink(
    build: Build,
    out: Path,
    articles: Sequence[ArticleDraft],
    lens: Lens,
    *,
    recipes: Sequence[str],
    vocabulary: int = 0,
) -> dict[str, dict[str, Agreement]]:
    """Make a build of each recipe in `out`; give its agreement with the F16 build, by field.

    With `vocabulary` above 0 the articles and the lens choose that many tokens first.
    """
    out.mkdir(parents=True, exist_ok=True)
    source = build.model_path
    if vocabulary:
        source = out / "f16-trimmed.gguf"
        texts = vocabulary_texts(articles, [lens], build)
        trim_vocabulary(build.model_path, source, texts, vocabulary)
    before = read_all(build, articles, lens)
    made = {name: make_build(build, source, out / name, name) for name in recipes}
    return {name: compare(before, read_all(one, articles, lens)) for name, one in made.items()}


def read_articles(corpus: Path, limit: int) -> list[ArticleDraft]:
    """Read the first articles of a corpus file."""
    with open_source(corpus) as stream:
        items = islice(read_corpus(stream, 0, datetime.now(UTC)), limit)
        return [item.outcome for item in items if isinstance(item.outcome, ArticleDraft)]


def main() -> None:
    """Make the recipes that the command line names; print what they cost as JSON."""
    parser = argparse.ArgumentParser(prog="python -m training.shrink", description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help="a build with an F16 model")
    parser.add_argument("--corpus", type=Path, required=True, help="articles, as JSONL")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--lens", type=Path, default=Path("lenses/editorial"))
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--vocabulary", type=int, default=0, help="tokens to keep; 0: all")
    parser.add_argument("--articles", type=int, default=200)
    given = parser.parse_args()
    found = shrink(
        load_build(given.build),
        given.out,
        read_articles(given.corpus, given.articles),
        load_lens(given.lens),
        recipes=given.recipes,
        vocabulary=given.vocabulary,
    )
    costs = {
        build: {name: asdict(agreement) for name, agreement in fields.items()}
        for build, fields in found.items()
    }
    sys.stdout.write(json.dumps(costs, indent=2) + "\n")


if __name__ == "__main__":
    main()
