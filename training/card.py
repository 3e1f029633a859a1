"""Writes a starter build's model card from its manifest: data, licences, time, scores, limits.

The card is a page beside the model, with the reliability plot in it, if there is one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from training.corpora import LabelledArticle
from training.dataset import Dataset, content_hash

CARD_FILE = "README.md"
PLOT_FILE = "reliability.svg"

_SOURCES: Mapping[str, tuple[str, str]] = {
    "allsides": ("AllSides articles: texts; topic → `category`", "Apache-2.0; texts: publishers"),
    "newsmtsc": ("NewsMTSC: mean target polarity → `sentiment`", "MIT"),
    "sentfin": ("SEntFiN: mean company sentiment → `sentiment`; `category` Business", "MIT"),
    "babe": ("BABE (SG2): `biased`, share of experts → `bias_scale`", "AGPL-3.0 (data)"),
    "headlines": ("Clickbait headlines: words → silver `category`", "MIT"),
    "newsletter": ("AI newsletter items: `relevance_score`, `company_names`", "MIT"),
    "seece": ("SEECE articles: oracle's dimensions as proxies", "EUPL; texts: publishers"),
}

_TEXT = """# starter

The build that Newsmill ships, so that a fresh machine runs the whole mill without a download: a
Gemma-3-shaped model of {parameters:.1f} M parameters, trained from scratch by `training/`.
It is small. It is there to make the mill turn and to be beaten; get a larger build for real work.

| | |
|---|---|
| file | `model.gguf`, {kind}, {megabytes:.1f} MB, SHA-256 `{sha}…` |
| shape | {layers} layers × {width} wide, {heads} query heads of {head_width}, vocabulary {pieces} |
| reads | title and up to {budget} tokens of text; English |
| answers | the lenses {lenses}; texts are answered by pointing at sentences of the article |
| licence | Apache-2.0 for the weights; the data's licences are below |
| command | `make starter DATA=folder` (recipe: `training/recipes/starter.yaml`) |
| scores | `make evaluate DATA=folder` scores and calibrates it anew |
| trained | {created}, on two CPU cores shared with other work |
| pretraining | {pre_minutes:.0f} min, {pre_tokens:.1f} M tokens |
| fine-tuning | {sft_minutes:.0f} min, {sft_tokens:.1f} M tokens |

## Held-out scores

Read through `model.gguf` by llama.cpp, as in serving. *Baseline* is the best constant answer on
the same rows: the commonest value, for distances the median. Intervals: 95 %, bootstrap over rows.

| field | measure | starter | 95 % | baseline | rows |
|---|---|---|---|---|---|
{scores}

`mae`: mean absolute error, less is better. AllSides rows are the latest 8 % by date (from
2020-03-17 on: a pandemic that training hardly saw), and beside them held-out rows of the same
years as the training rows. Newsletter rows are the latest issues; NewsMTSC is held out by source
article, with the official multi-target test, SEntFiN by company, BABE by address. inshorts is
news of another kind (India, 60 words, much film and cricket) that nothing was trained on.
No text and no group lies on both sides; the build of the dataset fails if one does. One earlier
run was scored on these rows before the recipe's mixture and length were settled, and one from a
GPU was afterwards, and not taken (docs/experiments.md).

## Confidence

{confidence}

## Gates

Whether reading may stop after an article's lead, found on held-out labels by `training/gating.py`:

{gates}

## Data

| corpus | used for | licence | train texts | held out |
|---|---|---|---|---|
{data}

Only sets under MIT, Apache-2.0 or EUPL are used, and BABE for the bias fields, because there is no
permissive set. Whether weights inherit a licence of their data is not settled; who must be sure
should train without BABE.

## What is not labelled by anybody

- `summary`, `key_topics`, `key_insights`, `reasoning`: silver labels. A rule picks up to three
  sentences that cover most words of title and text (`training/silver.py`).
- `newsletter.entities`, `categories`, `urgency_level`, `action_items`: silver labels from word
  lists and capitals. Take them as a placeholder for your own labels.
- The eight dimensions of `sustainability_tech` are proxies: an oracle scored other dimensions, and
  each of ours takes the nearest one or the mean of two (`training/corpora.py`).
- `sentiment` and the bias fields were learned from single sentences and headlines.

## Limits

English only; American politics is over-represented; Science, Sports and Entertainment are rare in
the training data. Bias was judged by experts on single sentences: a long article's verdict is an
extrapolation. Do not publish what it says about people or outlets without reading it yourself.
"""

_CONFIDENCE = """Calibrated: the confidence of a category, flag or scale is the chance that the
label says the same, the confidence of a list how far the label will agree with it (F1). The rows
of the scores above were parted in two, whole groups at a time: on one half a temperature was
fitted (for a list a rising map), the other half is reported here. No answer changes by it. Fields
that are missing have too few labels or only silver ones; their confidence is the model's own
share, good for sorting and no more. What was fitted on some dozens of rows is a first correction
of a build that was far too sure of itself, not more. A temperature needs 25 rows, a map 100: the
second bound was set after a map from 41 rows had made the error of `company_names` larger here.

![Reliability of each calibrated field, before and after](reliability.svg)

| field | calibration | fitted on | rows | ECE before | ECE after | 95 % | by chance | Brier | NLL |
|---|---|---|---|---|---|---|---|---|---|
{rows}

*ECE*: expected calibration error, the mean distance between confidence and how often it was right,
over up to ten bins of as many rows each. *By chance*: what a perfectly calibrated build would show
on these rows, never 0, and much where rows are few; an ECE about as large is as good as it gets.
*Brier*: mean squared distance of confidence and being right; *NLL*: surprise at the label, in nats;
both before → after. Above temperature 1 the build was too sure of itself.
Rows without a number fitted on show `category`'s temperature on other news: how sure one should be
depends on the news, so look at your own."""


def write_card(path: Path, manifest: Mapping[str, Any], dataset: Dataset) -> None:
    """Write the card of a build beside its model."""
    shape, training = manifest["recipe"]["model"], manifest["training"]
    text = _TEXT.format(
        parameters=manifest["parameters"] / 1e6,
        kind=manifest["recipe"]["export"]["file_type"],
        megabytes=manifest["bytes"] / 1e6,
        sha=manifest["sha256"][:12],
        budget=manifest["budget_tokens"],
        lenses=", ".join(f"`{name}`" for name in manifest["contracts"]),
        created=manifest["created"][:10],
        pieces=manifest["recipe"]["tokeniser"]["pieces"],
        pre_minutes=training["pretrain"]["elapsed_s"] / 60,
        pre_tokens=training["pretrain"]["tokens"] / 1e6,
        sft_minutes=training["sft"]["elapsed_s"] / 60,
        sft_tokens=training["sft"]["tokens"] / 1e6,
        scores="\n".join(_score_lines(manifest["scores"])),
        confidence=_describe_confidence(manifest["reliability"], manifest["calibration"]),
        gates="\n".join(_gate_lines(manifest.get("gate_trials", {}))),
        data="\n".join(_data_lines(dataset)),
        **shape,
    )
    path.write_text(text, encoding="utf-8")


def _score_lines(scores: Mapping[str, Any]) -> list[str]:
    return [
        f"| {field} | {name} | **{score['value']:.3f}** | {score['ci95'][0]:.3f}–"
        f"{score['ci95'][1]:.3f} | {score['baseline']:.3f} | {score['rows']} |"
        for field, measures in scores.items()
        for name, score in measures.items()
    ]


def _describe_confidence(
    reliability: Mapping[str, Any], calibration: Mapping[str, Mapping[str, Any]]
) -> str:
    if not reliability:
        return "Not calibrated: no field has enough labelled rows. It is the model's own share."
    methods = {
        f"{lens}.{field}": f"temperature {found['temperature']:.2f}"
        if found["method"] == "temperature"
        else f"rising map, {len(found['points'])} points"
        for lens, fields in calibration.items()
        for field, found in fields.items()
    }
    rows = (
        _confidence_line(name, methods.get(name, "as above"), found)
        for name, found in reliability.items()
    )
    return _CONFIDENCE.format(rows="\n".join(rows))


def _confidence_line(name: str, method: str, found: Mapping[str, Any]) -> str:
    before, after = found["before"], found["after"]
    low, high = after["ece"]["ci95"]
    moved = (f"{before[key]['value']:.3f} → {after[key]['value']:.3f}" for key in ("brier", "nll"))
    return (
        f"| {name} | {method} | {found['fitted_on'] or '–'} | {found['rows']} "
        f"| {before['ece']['value']:.3f} | **{after['ece']['value']:.3f}** | {low:.3f}–{high:.3f} "
        f"| {found['ece_by_chance']:.3f} | {' | '.join(moved)} |"
    )


def _gate_lines(trials: Mapping[str, str]) -> list[str]:
    lines = [f"- `{lens}`: {verdict}." for lens, verdict in trials.items()]
    return lines or ["- not calibrated: every article is read in full."]


def _data_lines(dataset: Dataset) -> list[str]:
    trained, held_out = _count_texts(dataset.train), _count_texts(dataset.test)
    return [
        f"| {corpus} | {use} | {licence} | {trained[corpus]} | {held_out[corpus]} |"
        for corpus, (use, licence) in _SOURCES.items()
    ]


def _count_texts(rows: Iterable[LabelledArticle]) -> Counter[str]:
    """Count the texts of each corpus; one text may stand in the rows of several lenses."""
    texts = {(row.corpus, content_hash(row)) for row in rows}
    return Counter(corpus for corpus, _ in texts)
