"""Calibrates the gates of a build: where it may stop reading, and what that misses.

Leads are read through the build as serving reads them, on labelled rows that it was not trained on.
`python -m training.gating --build DIR --data DIR` prints the trade-off for every lens with a gate
and writes into the build's manifest what was found, or that nothing was.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from inference.analyst import Analyst, Request
from inference.builds import MANIFEST_FILE, Build, Manifest, load_build
from inference.gates import BuildGate
from inference.progressive import gate_question
from schemas.errors import ConfigError, NewsmillError
from schemas.gate import Gate
from schemas.lens import Lens, load_lenses
from schemas.settings import InferenceSettings
from training.card import CARD_FILE, write_card
from training.corpora import LabelledArticle
from training.dataset import Dataset, build_dataset
from training.thresholds import Candidate, choose, least_wanted, list_candidates

LEAD_TOKENS = 128
ACCEPTED = InferenceSettings().gate_misses
LEAST_CAUGHT = 0.1
"""Of the unwanted articles; a gate that catches fewer costs its question and saves nothing."""
_SHOWN = 8


@dataclass(frozen=True)
class Finding:
    """What calibration found for one lens."""

    labelled: int
    """Held-out articles with a label for the gate field."""
    candidates: tuple[Candidate, ...]
    gate: BuildGate | None
    verdict: str
    """In words, for the model card."""


def calibrate(
    build: Build,
    lens: Lens,
    rows: Iterable[LabelledArticle],
    *,
    lead_tokens: int = LEAD_TOKENS,
    accepted: float = ACCEPTED,
) -> Finding:
    """Find the gate's threshold for one lens, or say why there is none."""
    assert lens.gate is not None
    labelled = [row for row in rows if row.lens == lens.name and lens.gate.field in row.values]
    known = build.known_fields(lens.name, lens.contract)
    asked = build.question_fields(lens.name, known)
    if gate_question(build, lens.gate.field, asked) is None:
        reason = f"the build is not asked for {lens.gate.field} first"
        return Finding(len(labelled), (), None, f"no gate: {reason}")
    scores = read_gates(build, lens, labelled, lead_tokens)
    answers = _rejecting(lens, lens.gate)
    field = lens.contract.field(lens.gate.field)
    sides: dict[bool, list[float]] = {True: [], False: []}
    for row in labelled:
        if row.key in scores:
            is_wanted = field.render(row.values[field.name]) not in answers
            sides[is_wanted].append(scores[row.key])
    candidates = list_candidates(sides[True], sides[False])
    chosen = choose(candidates, accepted)
    if refusal := _refuse(candidates[0], chosen, accepted):
        return Finding(len(labelled), tuple(candidates), None, f"no gate: {refusal}")
    assert chosen is not None
    gate = BuildGate(
        field=field.name,
        answers=answers,
        threshold=chosen.threshold,
        lead_tokens=lead_tokens,
        expected_false_negative_rate=round(chosen.expected_miss_rate, 4),
        false_negative_bound=round(chosen.bound, 4),
        expected_stop_rate=round(chosen.stop_rate, 4),
        articles=chosen.wanted + chosen.unwanted,
    )
    return Finding(len(labelled), tuple(candidates), gate, _praise(chosen))


def read_gates(
    build: Build, lens: Lens, rows: Sequence[LabelledArticle], lead_tokens: int
) -> dict[str, float]:
    """Give the probability of a rejection by key; an article too short to be divided has none."""
    assert lens.gate is not None
    answers = _rejecting(lens, lens.gate)
    always = BuildGate(
        field=lens.gate.field,
        answers=answers,
        threshold=0.0,
        lead_tokens=lead_tokens,
        expected_false_negative_rate=0.0,
        false_negative_bound=0.0,
        expected_stop_rate=1.0,
        articles=0,
    )
    manifest = build.manifest.model_copy(update={"gates": {lens.name: always}})
    found: dict[str, float] = {}
    with Analyst(replace(build, manifest=manifest), InferenceSettings(progressive=True)) as analyst:
        requests = (Request(row.key, row.title, row.text, lens) for row in rows)
        for request, completion in analyst.analyse(requests):
            shares = completion.readings[lens.gate.field].probabilities
            if completion.stopped and shares:
                found[str(request.key)] = sum(shares[answer] for answer in answers)
    return found


def calibrate_build(
    folder: Path, dataset: Dataset, lenses: Iterable[Lens], **options: Any
) -> dict[str, Finding]:
    """Calibrate every lens that has a gate, on the rows that the build was not fine-tuned on."""
    build = load_build(folder)
    rows = (*dataset.dev, *dataset.test)
    return {lens.name: calibrate(build, lens, rows, **options) for lens in lenses if lens.gate}


def describe(findings: Mapping[str, Finding]) -> dict[str, Any]:
    """Give what build.json says: the gates, and for every lens that was tried the verdict."""
    return {
        "gates": {n: f.gate.model_dump(mode="json") for n, f in findings.items() if f.gate},
        "gate_trials": {n: f.verdict for n, f in findings.items()},
    }


def _rejecting(lens: Lens, gate: Gate) -> tuple[str, ...]:
    return gate.rejecting(lens.contract.field(gate.field))


def _refuse(strictest: Candidate, chosen: Candidate | None, accepted: float) -> str | None:
    wanted = strictest.wanted
    if wanted < least_wanted(accepted):
        return (
            f"{wanted} held-out articles that a label keeps are long enough to be divided; "
            f"{least_wanted(accepted)} are needed to bound the misses by {accepted:.0%}"
        )
    assert chosen is not None
    if chosen.caught < LEAST_CAUGHT * max(chosen.unwanted, 1):
        return (
            f"within {accepted:.0%} of misses it would stop {chosen.caught} of "
            f"{chosen.unwanted} articles that their labels reject"
        )
    return None


def _praise(chosen: Candidate) -> str:
    return (
        f"stops from {chosen.threshold:.3f} on: {chosen.caught} of {chosen.unwanted} articles that "
        f"their labels reject, and {chosen.misses} of {chosen.wanted} that these keep (expected "
        f"{chosen.expected_miss_rate:.1%} of them, below {chosen.bound:.1%} with 95 % confidence)"
    )


def print_finding(console: Console, lens: str, finding: Finding) -> None:
    """Print the trade-off of one lens: a threshold to a line, and the verdict."""
    columns = ("threshold", "stops", "of unwanted", "misses", "expected misses", "95 % bound")
    table = Table(*columns, title=f"{lens}: {finding.labelled} labelled articles held out")
    for each in finding.candidates[:_SHOWN]:
        table.add_row(
            f"{each.threshold:.4f}",
            f"{each.stop_rate:.1%}" if each.wanted + each.unwanted else "-",
            f"{each.caught} of {each.unwanted}",
            f"{each.misses} of {each.wanted}",
            f"{each.expected_miss_rate:.1%}",
            f"{each.bound:.1%}",
        )
    console.print(table)
    console.print(f"{lens}: {finding.verdict}", soft_wrap=True)


def record_gates(folder: Path, findings: Mapping[str, Finding], dataset: Dataset) -> None:
    """Write the findings into build.json, and a starter's card; lenses not tried keep theirs."""
    path = folder / MANIFEST_FILE
    manifest: dict[str, Any] = json.loads(path.read_bytes())
    for key, found in describe(findings).items():
        kept = {n: value for n, value in manifest.get(key, {}).items() if n not in findings}
        manifest[key] = kept | found
    Manifest.model_validate(manifest)
    path.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if "training" in manifest:
        write_card(folder / CARD_FILE, manifest, dataset)


def _choose_lenses(lenses: Mapping[str, Lens], names: Sequence[str] | None) -> list[Lens]:
    gated = {name: lens for name, lens in lenses.items() if lens.gate}
    for name in names or ():
        if name not in gated:
            raise ConfigError(f"no lens {name!r} with a gate; there are {', '.join(gated)}")
    return [lens for name, lens in gated.items() if names is None or name in names]


def main(arguments: Sequence[str] | None = None) -> int:
    """Calibrate the gates of a build folder; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.gating", description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("models/starter"))
    parser.add_argument("--data", type=Path, required=True, help="folder with the corpora")
    parser.add_argument("--lenses", type=Path, default=Path("lenses"))
    parser.add_argument("--lens", action="append", help="only this one; may be given again")
    parser.add_argument("--lead", type=int, default=LEAD_TOKENS, help="most tokens of the lead")
    parser.add_argument("--accept", type=float, default=ACCEPTED, help="largest bound of misses")
    parser.add_argument("--seed", type=int, default=7, help="of the split, as in the recipe")
    given = parser.parse_args(arguments)
    if not 0 < given.accept < 1:
        parser.error(f"--accept {given.accept:g}: must lie between 0 and 1")
    try:
        chosen = _choose_lenses(load_lenses(given.lenses), given.lens)
        dataset = build_dataset(given.data, given.seed)
        findings = calibrate_build(
            given.build, dataset, chosen, lead_tokens=given.lead, accepted=given.accept
        )
        record_gates(given.build, findings, dataset)
    except (NewsmillError, FileNotFoundError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for name, finding in findings.items():
        print_finding(Console(), name, finding)
    return 0


if __name__ == "__main__":
    sys.exit(main())
