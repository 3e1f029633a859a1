"""A tiny vocabulary, model and GGUF file, made once; corpora of a few rows of our own writing."""

from __future__ import annotations

import gzip
import json
import lzma
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from inference.vocabulary import Vocabulary, open_vocabulary
from schemas.lens import Lens, load_lenses
from tests.paths import ROOT
from training.corpora import LabelledArticle
from training.export import write_gguf
from training.model import build_model
from training.pieces import PieceTable
from training.recipe import ModelRecipe, TokeniserRecipe
from training.starter import contract_phrases
from training.tokeniser import learn_pieces

SHAPE = ModelRecipe(
    width=32,
    layers=7,  # So that a global layer stands between sliding ones.
    heads=2,
    kv_heads=1,
    head_width=16,
    feed_forward=64,
    window=64,
    context=512,
)
SENTENCES = (
    "The council voted on Monday to widen the harbour road.",
    "Mayor Anna Berg called the plan “a gift to drivers”, and 10 members left the room.",
    "Work begins in 2027 and will cost 41 million crowns.",
    "A court may still stop it; Nordhavn Residents filed a complaint.",
)


@dataclass(frozen=True)
class Tiny:
    pieces: PieceTable
    model: Any
    path: Path


@pytest.fixture(scope="session")
def lenses() -> Mapping[str, Lens]:
    return load_lenses(ROOT / "lenses")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, lenses: Mapping[str, Lens]) -> Tiny:
    recipe = TokeniserRecipe(pieces=1024, sample_chars=60_000, alphabet=100)
    pieces = learn_pieces(SENTENCES * 200, contract_phrases(lenses), recipe)
    model = build_model(SHAPE, len(pieces), seed=1)
    path = tmp_path_factory.mktemp("tiny") / "model.gguf"
    write_gguf(path, "tiny", model.config, pieces, model.state_dict())
    return Tiny(pieces, model, path)


@pytest.fixture(scope="session")
def vocabulary(tiny: Tiny) -> Iterator[Vocabulary]:
    with open_vocabulary(tiny.path) as opened:
        yield opened


def article(key: str = "a", **changes: Any) -> LabelledArticle:
    """Give a labelled article; any part may be changed."""
    parts: dict[str, Any] = {
        "corpus": "babe",
        "key": key,
        "title": "Harbour road to be widened",
        "text": " ".join(SENTENCES),
        "lens": "editorial",
        "values": {"category": "Politics"},
        "group": key,
    }
    return LabelledArticle(**{**parts, **changes})


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    """A data folder in the layout that the adapters read, with a few rows each."""
    folder = tmp_path / "data"
    long_text = " ".join(SENTENCES)
    _write(
        folder / "articles" / "allsides.jsonl.xz",
        [
            {
                "id": f"a{number}",
                "title": f"Vote number {number}",
                "topic": topic,
                "url": f"https://news.example/{number}?ref=feed",
                "date": f"2019-{number % 12 + 1:02}-01",
                "text": f"{number}. {long_text}",
            }
            for number in range(48)
            for topic in [("elections", "technology", "media_bias")[number % 3]]
        ],
    )
    for name in ("newsmtsc_train", "newsmtsc_devtest_mt"):
        _write(
            folder / "sentiment" / f"{name}.jsonl.gz",
            [
                {
                    "id": f"{name}{number}",
                    "gid": f"allsides_{number}_{len(name)}_3_Berg_0_4",
                    "text": f"Critics number {number} of {name} praised Mayor Berg.",
                    "targets": [{"label": ("negative", "neutral", "positive")[number % 3]}],
                }
                for number in range(30)
            ],
        )
    _write(
        folder / "sentiment" / "sentfin.jsonl.gz",
        [
            {
                "id": f"f{number}",
                "text": f"Firm {number} lifts its profit forecast",
                "entities": [{"name": f"Firm {number}", "label": "positive"}],
            }
            for number in range(30)
        ],
    )
    _write(
        folder / "bias" / "babe_sg2_train.jsonl.gz",
        [
            {
                "id": f"b{number}",
                "text": f"The shameless plan number {number} insults us all.",
                "label": ("Biased", "Non-biased", "No agreement")[number % 3],
                "bias_fraction": (0.8, 0.2, 0.6)[number % 3],
                "url": f"https://news.example/b/{number}",
            }
            for number in range(45)
        ],
    )
    _write(
        folder / "topics" / "clickbait.jsonl.gz",
        [
            {
                "id": f"h{number}",
                "text": f"{('Rovers', 'Wanderers')[number % 2]} lift the cup for year {number}",
                "label": ("news", "clickbait")[number % 2],
            }
            for number in range(60)
        ],
    )
    _write(
        folder / "newsletter" / "train.jsonl.gz",
        [
            {
                "id": number,
                "title": f"**Nordlicht opens model {number}**",
                "content": long_text,
                "email_subject": f"Issue {number // 3}",
                "email_date": f"Fri, {number % 28 + 1} Dec 2024 14:10:41 +0000",
                "relevance_score": 8.6,
                "companies": ["Nordlicht", "Nowhere Inc"],
            }
            for number in range(30)
        ],
    )
    dimensions = (
        "technical_credibility economic_viability deployment_readiness systemic_impact "
        "evidence_strength"
    ).split()
    _write(
        folder / "seece" / "labelled.jsonl.gz",
        [
            {
                "id": f"s{number}",
                "title": f"Heat pump {number} in service",
                "content": long_text,
                "dimensions": dict.fromkeys(dimensions, number % 11),
            }
            for number in range(30)
        ],
    )
    return folder


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    opener = lzma.open if path.suffix == ".xz" else gzip.open
    with opener(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
