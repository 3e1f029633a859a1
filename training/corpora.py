"""Adapters: one per public corpus, from its file to rows of title, text and known field values.

Only corpora whose licence allows a shipped build are read here (MIT, Apache-2.0, EUPL; BABE for the
bias fields, stated in the model card). Knows each corpus's columns and what they mean for a lens;
knows nothing about splits, tokens or prompts.
"""

import gzip
import json
import lzma
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from training.categories import category_of, category_of_headline

_SENTIMENT_OF = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}
# The oracle of this set scored other dimensions than the lens asks for. Each of ours takes the
# nearest of theirs, or the mean of two: proxies, and the model card calls them so.
SUSTAINABILITY_PROXIES: dict[str, tuple[str, ...]] = {
    "deployment_maturity": ("deployment_readiness",),
    "technology_performance": ("technical_credibility",),
    "cost_trajectory": ("economic_viability",),
    "scale_of_deployment": ("systemic_impact",),
    "market_penetration": ("systemic_impact", "deployment_readiness"),
    "technology_readiness": ("deployment_readiness", "technical_credibility"),
    "supply_chain_maturity": ("economic_viability", "deployment_readiness"),
    "proof_of_impact": ("evidence_strength",),
}


@dataclass(frozen=True)
class Pointers:
    """A text answered by sentence numbers, counted from 1; none of them: an empty text."""

    numbers: tuple[int, ...]


@dataclass(frozen=True)
class LabelledArticle:
    """One article as a corpus gives it, with the values that it knows for one lens."""

    corpus: str
    key: str
    title: str
    text: str
    lens: str
    values: Mapping[str, Any]
    group: str
    """Rows of one group (story, issue, source article) never lie on both sides of a split."""
    published: date | None = None
    is_held_out: bool = False
    """The corpus itself keeps this row for testing."""


def read_allsides(folder: Path) -> Iterator[LabelledArticle]:
    """News articles; topic or address give `editorial.category` where they name one.

    Each comes again without a label for `newsletter`, to learn that lens's silver fields from.
    """
    for row in _read_rows(folder / "articles" / "allsides.jsonl.xz"):
        category = category_of(row["topic"], row["url"])
        labelled = LabelledArticle(
            corpus="allsides",
            key=row["id"],
            title=row["title"],
            text=row["text"],
            lens="editorial",
            values={} if category is None else {"category": category},
            group=row["url"].split("?")[0],
            published=_read_date(row["date"]),
        )
        yield labelled
        yield replace(labelled, key=f"{row['id']}:newsletter", lens="newsletter", values={})


def read_newsmtsc(folder: Path) -> Iterator[LabelledArticle]:
    """Sentences of political news; the mean polarity of their targets gives the sentiment."""
    for name, is_held_out in (("newsmtsc_train", False), ("newsmtsc_devtest_mt", True)):
        for row in _read_rows(folder / "sentiment" / f"{name}.jsonl.gz"):
            polarities = [_SENTIMENT_OF[target["label"]] for target in row["targets"]]
            article = "_".join(row["gid"].split("_")[:3])
            yield from _sentiment_rows(
                "newsmtsc", row["id"], ("", row["text"]), polarities, article, is_held_out
            )


def read_sentfin(folder: Path) -> Iterator[LabelledArticle]:
    """Financial headlines; the mean sentiment of their companies gives the sentiment."""
    for row in _read_rows(folder / "sentiment" / "sentfin.jsonl.gz"):
        polarities = [_SENTIMENT_OF[entity["label"]] for entity in row["entities"]]
        group = row["entities"][0]["name"].casefold()
        yield from _sentiment_rows("sentfin", row["id"], (row["text"], ""), polarities, group)


def read_babe(folder: Path) -> Iterator[LabelledArticle]:
    """News sentences that five experts called biased or not."""
    for row in _read_rows(folder / "bias" / "babe_sg2_train.jsonl.gz"):
        if row["label"] not in ("Biased", "Non-biased"):
            continue
        is_biased = row["label"] == "Biased"
        yield LabelledArticle(
            corpus="babe",
            key=row["id"],
            title="",
            text=row["text"],
            lens="editorial",
            values={
                "biased": is_biased,
                "bias_scale": 1 + round(9 * row["bias_fraction"]),
                "bias_analysis": Pointers((1,) if is_biased else ()),
            },
            group=row["url"] or row["text"],
        )


def read_newsletter(folder: Path) -> Iterator[LabelledArticle]:
    """Items of AI and technology newsletters, for three lenses; each knows a part of the labels."""
    for row in _read_rows(folder / "newsletter" / "train.jsonl.gz"):
        title = row["title"].strip("* ")
        text = row["content"]
        shown = f"{title}\n{text}"
        companies = [name for name in row["companies"] or [] if name in shown]
        common = {
            "corpus": "newsletter",
            "title": title,
            "text": text,
            "group": row["email_subject"],
            "published": parsedate_to_datetime(row["email_date"]).date(),
        }
        yield LabelledArticle(
            key=f"{row['id']}:ai_industry",
            lens="ai_industry",
            values={
                "relevance_score": max(1, min(10, round(row["relevance_score"]))),
                "company_names": companies[:12],
            },
            **common,
        )
        for lens, values in (("newsletter", {}), ("editorial", {"category": "Technology"})):
            yield LabelledArticle(key=f"{row['id']}:{lens}", lens=lens, values=values, **common)


def read_seece(folder: Path) -> Iterator[LabelledArticle]:
    """Energy and general news with an oracle's scores, taken as proxies of the eight dimensions."""
    for row in _read_rows(folder / "seece" / "labelled.jsonl.gz"):
        scores = row["dimensions"]
        values = {
            name: round(sum(scores[proxy] for proxy in proxies) / len(proxies))
            for name, proxies in SUSTAINABILITY_PROXIES.items()
        }
        yield LabelledArticle(
            corpus="seece",
            key=row["id"],
            title=row["title"],
            text=row["content"] or "",
            lens="sustainability_tech",
            values=values,
            group=row["title"].casefold(),
        )


def read_headlines(folder: Path) -> Iterator[LabelledArticle]:
    """Headlines of news and of clickbait; their words give a silver `category`, where they do.

    Of clickbait only what is about entertainment is used: the rest plays with the words.
    """
    for row in _read_rows(folder / "topics" / "clickbait.jsonl.gz"):
        category = category_of_headline(row["text"])
        if category and (row["label"] == "news" or category == "Entertainment"):
            yield LabelledArticle(
                corpus="headlines",
                key=row["id"],
                title=row["text"],
                text="",
                lens="editorial",
                values={"category": category},
                group=row["text"].casefold(),
            )


ADAPTERS: Mapping[str, Callable[[Path], Iterator[LabelledArticle]]] = {
    "allsides": read_allsides,
    "newsmtsc": read_newsmtsc,
    "sentfin": read_sentfin,
    "babe": read_babe,
    "headlines": read_headlines,
    "newsletter": read_newsletter,
    "seece": read_seece,
}


def _sentiment_rows(
    corpus: str,
    key: str,
    title_and_text: tuple[str, str],
    polarities: Sequence[float],
    group: str,
    is_held_out: bool = False,
) -> Iterator[LabelledArticle]:
    mean = sum(polarities) / len(polarities)
    word = "positive" if mean > 0.3 else "negative" if mean < -0.3 else "neutral"
    title, text = title_and_text
    topic = {"category": "Business"} if corpus == "sentfin" else {}
    for lens, values in (
        ("editorial", {"sentiment": sentiment_on_scale(mean), **topic}),
        ("newsletter", {"sentiment": word}),
    ):
        yield LabelledArticle(
            corpus=corpus,
            key=f"{key}:{lens}",
            title=title,
            text=text,
            lens=lens,
            values=values,
            group=group,
            is_held_out=is_held_out,
        )


def sentiment_on_scale(polarity: float) -> int:
    """Map -1 … +1 to 1 … 10: negative 2, neutral 5, positive 9; the ends stay for the extreme."""
    return round(5.25 + 3.5 * polarity)


def _read_rows(path: Path) -> Iterator[dict[str, Any]]:
    opener: Callable[..., Any] = lzma.open if path.suffix == ".xz" else gzip.open
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _read_date(text: str) -> date | None:
    for layout in ("%Y-%m-%d", "%m/%d/%y"):
        try:
            return datetime.strptime(text, layout).date()  # noqa: DTZ007 (a day, no time)
        except ValueError:
            continue
    return None
