"""The GGUF files that the benchmark reads with: random weights in Gemma's shape, or a given model.

Made when they are first asked for, in every recipe, with the whole vocabulary or a small one, and
kept in a folder outside the repository. Knows nothing about what is measured.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from bench.long_articles import make_long_articles
from bench.random_gemma import GemmaShape, write_random_gemma
from inference.prompt import PromptStyle, render_question
from schemas.fields import ScoreOptions, ScoreSet
from schemas.lens import load_lenses
from schemas.settings import ROOT
from training.quantising import RECIPES, quantise
from training.trimming import trim_vocabulary

CORPUS_ARTICLES = 300
"""From which the vocabulary is chosen."""
SMALL_VOCABULARY = 32_768
QUESTION_WEIGHT = 20
"""How often the lenses' words count when the small vocabulary is chosen."""


class Files:
    """The GGUF files of a benchmark, made when they are first asked for."""

    def __init__(self, cache: Path, shape: GemmaShape, model: Path | None) -> None:
        self._model = model
        self._texts = [f"{a.title} {a.text}" for a in make_long_articles(CORPUS_ARTICLES)]
        self._asked = list(list_known_texts())
        name = str(model.resolve()) + str(model.stat().st_mtime) if model else repr(shape)
        key = hashlib.sha256("".join([name, *self._texts, *self._asked]).encode()).hexdigest()[:10]
        self._folder = cache / key
        self._shape = shape

    def find(self, recipe: str, *, trimmed: bool) -> Path:
        """Give a folder with the model in one recipe."""
        # A recipe that changes is another file.
        made = hashlib.sha256(repr(RECIPES[recipe]).encode()).hexdigest()[:6]
        folder = self._folder / f"{recipe}{'-small' * trimmed}-{made}"
        path = folder / "model.gguf"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            quantise(self._source(trimmed=trimmed), path, RECIPES[recipe])
        return folder

    def _source(self, *, trimmed: bool) -> Path:
        source = self._model or self._folder / "f16.gguf"
        self._folder.mkdir(parents=True, exist_ok=True)
        if not source.exists():
            write_random_gemma(source, self._shape, self._texts, self._asked)
        small = self._folder / "f16-small.gguf"
        if trimmed and not small.exists():
            texts = self._texts + QUESTION_WEIGHT * self._asked
            trim_vocabulary(source, small, texts, SMALL_VOCABULARY)
        return small if trimmed else source


def list_known_texts() -> Iterator[str]:
    """Give questions and answers of all lenses: English words, which a real vocabulary has."""
    styles = PromptStyle("brief", "gemma"), PromptStyle("full", "gemma")
    for lens in load_lenses(ROOT / "lenses").values():
        names = [field.name for field in lens.contract.asked]
        yield from (f"user\n{render_question(lens, names, style)[0].text}" for style in styles)
        for field in lens.contract.asked:
            plan = field.decode_plan()
            if isinstance(plan, ScoreOptions | ScoreSet):
                yield "\n".join(plan.options)


def cache_folder() -> Path:
    """Say where models are kept between runs."""
    given = os.environ.get("NEWSMILL_BENCH_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "newsmill"
