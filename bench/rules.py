"""Microseconds to screen one article: plain rules, and the rules of the shipped lenses.

Each text is screened once: RE2 builds automata as it reads, so a loop over the same texts would
show a speed that no new article meets. The first half of the articles is for warming up.

    python -m bench.rules [--corpus FILE.jsonl]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from bench.corpus import write_corpus
from bench.reports import Measure, report
from ingest.corpora import read_corpus
from ingest.files import open_source
from ingest.rule_index import RuleIndex
from ingest.screening import Screener, screened_text
from schemas.articles import ArticleDraft
from schemas.lens import Lens, load_lenses
from schemas.rules import compile_pattern, unicode_pattern
from schemas.settings import ROOT

ARTICLES = 6_000
GOAL_US = 100
PLAIN_RULES = 200
WORDS_OF_A_RULE = 6
LONE_RULES_SAMPLE = 200
"""Articles for the comparison with all rules one by one, which is slow."""


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description="Microseconds of the rules for one article.")
    parser.add_argument("--corpus", type=Path, help="a JSONL file instead of made-up articles")
    arguments = parser.parse_args()
    lenses = list(load_lenses(ROOT / "lenses").values())
    drafts = read_drafts(arguments.corpus, lenses)
    plain = make_plain_lens(drafts)
    shipped = sum(len(lens.prefilter.rules) for lens in lenses)
    measures = [
        *measure_lenses(f"{PLAIN_RULES} plain rules", [plain], drafts, goal=GOAL_US),
        *measure_lenses(f"{shipped} shipped rules", lenses, drafts, goal=None),
    ]
    setting = {"corpus": "given" if arguments.corpus else "made up", "articles": len(drafts)}
    report("rules", measures, setting)


def measure_lenses(
    name: str, lenses: Sequence[Lens], drafts: Sequence[ArticleDraft], goal: float | None
) -> list[Measure]:
    """Time the screener, its index alone, and what all rules one by one would take."""
    rules = [rule for lens in lenses for rule in lens.prefilter.rules]
    index = RuleIndex([unicode_pattern(rule.pattern) for rule in rules])
    compiled = [compile_pattern(rule.pattern) for rule in rules]
    texts = [screened_text(draft.title, draft.text) for draft in drafts]
    encoded = [text.encode() for text in texts]
    screener = Screener(lenses)
    cold, warm = (_time(screener.screen, half) for half in _halves(drafts))
    lookup = _time(
        lambda pair: index.find_candidates(*pair), list(zip(texts, encoded, strict=True))
    )
    candidates = sum(len(index.find_candidates(*pair)) for pair in zip(texts, encoded, strict=True))
    lone = _time(lambda text: [rule.search(text) for rule in compiled], encoded[:LONE_RULES_SAMPLE])
    return [
        Measure(f"{name}: screening", warm, "µs/article", at_most=goal),
        Measure(f"{name}: screening, first half", cold, "µs/article"),
        Measure(f"{name}: of it, finding candidates", lookup, "µs/article"),
        Measure(f"{name}: candidates", candidates / len(drafts), "rules/article"),
        Measure(f"{name}: each rule by itself", lone, "µs/article"),
    ]


def read_drafts(corpus: Path | None, lenses: Sequence[Lens]) -> list[ArticleDraft]:
    """Read the corpus given, or one made up so that the lenses' rules find something."""
    with tempfile.TemporaryDirectory() as folder:
        path = corpus or Path(folder) / "corpus.jsonl"
        if corpus is None:
            examples = [rule.example for lens in lenses for rule in lens.prefilter.rules]
            write_corpus(path, ARTICLES, examples)
        with open_source(path) as stream:
            items = islice(read_corpus(stream, 0, datetime.now(UTC)), ARTICLES)
            return [item.outcome for item in items if isinstance(item.outcome, ArticleDraft)]


def make_plain_lens(drafts: Sequence[ArticleDraft], seed: int = 0) -> Lens:
    """Make a lens of rules that are lists of the corpus's own less frequent words."""
    chance = random.Random(seed)
    words = sorted({word for draft in drafts[:500] for word in draft.text.lower().split()})
    fit = [word for word in words if word.isalpha() and len(word) > 5]
    rules = []
    for number in range(PLAIN_RULES):
        picked = chance.sample(fit, WORDS_OF_A_RULE)
        pattern = rf"\b(?:{'|'.join(picked)})\b"
        rules.append(
            {"id": f"r{number}", "action": "keep", "pattern": pattern, "example": picked[0]}
        )
    contract = [{"name": "good", "kind": "flag"}]
    prefilter = {"default": "drop", "rules": rules}
    content = {"name": "plain", "version": 1, "title": "Plain", "prefilter": prefilter}
    return Lens.model_validate({**content, "contract": contract})


def _halves(drafts: Sequence[ArticleDraft]) -> tuple[Sequence[ArticleDraft], ...]:
    middle = len(drafts) // 2
    return drafts[:middle], drafts[middle:]


def _time(act: Callable[[Any], object], subjects: Sequence[Any]) -> float:
    """Microseconds of CPU for one subject."""
    began = time.process_time()
    for subject in subjects:
        act(subject)
    return (time.process_time() - began) / max(1, len(subjects)) * 1e6


if __name__ == "__main__":
    main()
