"""Progressive reading with the starter on the real llama.cpp: stop at the gate, or read on."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from inference.analyst import Analyst, Request
from inference.builds import Build
from inference.gates import BuildGate
from schemas.analyses import rebuild
from schemas.completions import STOPPED, Completion
from schemas.contract import DELIMITER
from schemas.fields import ParseContext
from schemas.lens import Lens
from schemas.settings import InferenceSettings

SEQUENCES = 4
LEAD = 128
NEVER, ALWAYS = 1.5, 0.0
GATED = {"ai_industry": "relevance_score", "sustainability_tech": "deployment_maturity"}
Key = tuple[int, str]
WORDS = (
    "The ministry of finance in Paris said Volta Group and AT&T will build 12 new chips by 2030. "
    "Critics called it absurd! Mr. Lee's U.S. team, however, agreed; others did not. "
).split()


def gated(build: Build, lenses: Mapping[str, Lens], **thresholds: float) -> Build:
    """Give the build gates with these thresholds, as if they had been calibrated."""
    gates = {}
    for name, threshold in thresholds.items():
        lens = lenses[name]
        assert lens.gate is not None
        gates[name] = BuildGate(
            field=lens.gate.field,
            answers=lens.gate.rejecting(lens.contract.field(lens.gate.field)),
            threshold=threshold,
            lead_tokens=LEAD,
            expected_false_negative_rate=0.01,
            false_negative_bound=0.03,
            expected_stop_rate=0.5,
            articles=100,
        )
    return replace(build, manifest=build.manifest.model_copy(update={"gates": gates}))


def open_analyst(build: Build, **settings: float) -> Analyst:
    return Analyst(build, InferenceSettings.model_validate({"sequences": SEQUENCES, **settings}))


def requests(seeds: Sequence[int], lenses: Sequence[Lens]) -> Iterator[Request]:
    for seed in seeds:
        chance = random.Random(seed)
        text = " ".join(chance.choices(WORDS, k=chance.choice([3, 120, 200, 400])))
        title = " ".join(chance.choices(WORDS, k=6))
        for lens in lenses:
            yield Request((seed, lens.name), title, text, lens)


def read(analyst: Analyst, asked: Iterator[Request]) -> dict[Key, Completion]:
    return {cast(Key, request.key): completion for request, completion in analyst.analyse(asked)}


def test_rejected_article_becomes_a_row_that_is_valid_and_says_why(
    starter_build: Build, lenses: dict[str, Lens]
) -> None:
    build = gated(starter_build, lenses, ai_industry=ALWAYS, sustainability_tech=ALWAYS)
    chosen = [lenses[name] for name in GATED]
    with open_analyst(build) as analyst:
        found = list(analyst.analyse(requests(range(12), chosen)))
    stopped = [(r, c) for r, c in found if c.stopped]
    assert len(stopped) > len(found) / 3
    for request, completion in stopped:
        lens, gate = request.lens, GATED[request.lens.name]
        others = tuple(f.name for f in lens.contract.asked if f.name != gate)
        assert completion.left_out == others
        assert len(completion.stream.split(DELIMITER)) == len(lens.contract.asked)
        analysis = rebuild(completion, lens, ParseContext.of_article(request.title, request.text))
        assert analysis.status == "partial"
        assert {name for name, value in analysis.values.items() if value is not None} == {gate}
        assert lens.contract.field(gate).validate_value(analysis.values[gate]) is None
        assert lens.gate is not None
        assert str(analysis.values[gate]) in lens.gate.rejecting(lens.contract.field(gate))
        assert lens.scoring is not None
        assert analysis.tier == lens.scoring.tiers[-1].name
        assert all(analysis.notes[name].startswith(STOPPED) for name in others)
        assert analysis.reason is not None
        assert analysis.reason.startswith(f"{STOPPED}: from the lead, {gate} is below")


def test_stopped_article_costs_its_lead_alone(
    starter_build: Build, lenses: dict[str, Lens]
) -> None:
    asked = list(requests(range(12), [lenses["ai_industry"]]))
    with open_analyst(gated(starter_build, lenses, ai_industry=ALWAYS)) as analyst:
        stopping = read(analyst, iter(asked))
    with open_analyst(starter_build) as analyst:
        whole = read(analyst, iter(asked))
    for key, completion in stopping.items():
        if completion.stopped:
            assert completion.prompt_tokens < whole[key].prompt_tokens
            assert completion.completion_tokens == 1
        else:
            assert completion.stream == whole[key].stream


def test_article_that_goes_on_is_answered_as_without_a_gate(
    starter_build: Build, lenses: dict[str, Lens]
) -> None:
    chosen = list(lenses.values())
    build = gated(starter_build, lenses, ai_industry=NEVER, sustainability_tech=NEVER)
    with open_analyst(build) as analyst:
        gone_on = read(analyst, requests(range(12), chosen))
    with open_analyst(starter_build) as analyst:
        whole = read(analyst, requests(range(12), chosen))
    for key, completion in gone_on.items():
        assert completion.stream == whole[key].stream
        assert completion.left_out == ()
        assert completion.prompt_hash == whole[key].prompt_hash
        assert completion.readings == whole[key].readings


def test_answers_are_the_same_alone_and_in_any_batch(
    starter_build: Build, lenses: dict[str, Lens]
) -> None:
    chosen = [lenses["editorial"], lenses["sustainability_tech"], lenses["ai_industry"]]
    seeds = list(range(8))
    build = gated(starter_build, lenses, ai_industry=0.2, sustainability_tech=0.04)
    with open_analyst(build) as analyst:
        together = read(analyst, requests(seeds, chosen))
        mixed = read(analyst, requests(seeds[::-1], chosen[::-1]))
        for request in requests(seeds, chosen):
            [(_, alone)] = analyst.analyse([request])
            key = cast(Key, request.key)
            assert alone.readings == together[key].readings == mixed[key].readings
    ends = {bool(c.stopped) for (_, name), c in together.items() if name in GATED}
    assert ends == {True, False}


def test_switched_off_or_too_uncertain_gate_changes_nothing(
    starter_build: Build, lenses: dict[str, Lens]
) -> None:
    build = gated(starter_build, lenses, ai_industry=ALWAYS)
    asked = list(requests(range(6), [lenses["ai_industry"], lenses["editorial"]]))
    with open_analyst(starter_build) as analyst:
        before = read(analyst, iter(asked))
    for settings in ({"progressive": False}, {"gate_misses": 0.02}):
        with open_analyst(build, **settings) as analyst:
            after = read(analyst, iter(asked))
        for key, completion in after.items():
            assert completion.readings == before[key].readings
            assert completion.prompt_tokens == before[key].prompt_tokens


def test_gate_of_another_rule_or_field_order_is_not_asked(
    starter_build: Build, lenses: dict[str, Lens]
) -> None:
    lens = lenses["ai_industry"]
    assert lens.gate is not None
    stricter = lens.model_copy(update={"gate": lens.gate.model_copy(update={"reject_below": 5})})
    build = gated(starter_build, lenses, ai_industry=ALWAYS)
    later = lenses["sustainability_tech"].model_copy(
        update={
            "gate": lens.gate.model_copy(update={"field": "technology_readiness"}),
        }
    )
    behind = gated(starter_build, {"sustainability_tech": later}, sustainability_tech=ALWAYS)
    for used, changed in ((build, stricter), (behind, later)):
        with open_analyst(used) as analyst:
            found = read(analyst, requests(range(4), [changed]))
        assert not any(completion.stopped for completion in found.values())


def test_instruct_model_is_asked_for_the_gate_field_alone(
    starter_build: Build, lenses: dict[str, Lens]
) -> None:
    style = {"prompt": "full", "chat": "gemma", "text_mode": "skip", "contracts": None}
    build = replace(starter_build, manifest=starter_build.manifest.model_copy(update=style))
    asked = list(requests(range(6), [lenses["ai_industry"], lenses["sustainability_tech"]]))
    with open_analyst(build) as analyst:
        whole = read(analyst, iter(asked))
    for threshold in (ALWAYS, NEVER):
        gates = {"ai_industry": threshold, "sustainability_tech": threshold}
        with open_analyst(gated(build, lenses, **gates)) as analyst:
            found = read(analyst, iter(asked))
        assert any(completion.stopped for completion in found.values()) == (threshold == ALWAYS)
        for key, completion in found.items():
            if completion.stopped:
                assert completion.prompt_tokens < whole[key].prompt_tokens
            else:
                assert completion.stream == whole[key].stream
