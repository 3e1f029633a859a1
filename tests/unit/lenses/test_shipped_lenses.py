"""The shipped lenses: their rules decide as written, their contracts are the agreed ones."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from ingest.screening import Decision, Screener
from schemas.articles import ArticleDraft
from schemas.contract import Contract
from schemas.lens import Lens, Rule, load_lenses
from tests.paths import ROOT
from tests.unit.lenses.cases import CASES, Case

LENSES = load_lenses(ROOT / "lenses")

CONTRACTS: dict[str, list[dict[str, Any]]] = {
    "editorial": [
        {
            "name": "category",
            "kind": "choice",
            "options": "Politics World Business Technology Science Health Environment Education "
            "Crime Sports Entertainment Society".split(),
        },
        {"name": "sentiment", "kind": "scale", "low": 1, "high": 10},
        {"name": "biased", "kind": "flag"},
        {"name": "bias_scale", "kind": "scale", "low": 1, "high": 10},
        {"name": "summary", "kind": "text", "max_chars": 1000},
        {"name": "bias_analysis", "kind": "text", "max_chars": 600},
    ],
    "newsletter": [
        {"name": "sentiment", "kind": "choice", "options": ["negative", "neutral", "positive"]},
        {"name": "urgency_level", "kind": "choice", "options": ["low", "medium", "high"]},
        {
            "name": "categories",
            "kind": "tags",
            "options": [
                *"Models Research Products Business Funding Policy Security Hardware".split(),
                *["Engineering", "Open source", "Society", "Events"],
            ],
            "max_items": 4,
        },
        {"name": "entities", "kind": "names", "max_items": 12},
        {"name": "key_topics", "kind": "points", "max_items": 6, "max_chars": 60},
        {"name": "summary", "kind": "text", "max_chars": 600},
        {"name": "action_items", "kind": "points", "max_items": 5, "max_chars": 160},
        {"name": "related_links", "kind": "links", "max_items": 10},
    ],
    "ai_industry": [
        {"name": "relevance_score", "kind": "scale", "low": 1, "high": 10},
        {"name": "company_names", "kind": "names", "max_items": 12},
        {"name": "key_insights", "kind": "points", "max_items": 10, "max_chars": 80},
        {"name": "summary", "kind": "text", "min_chars": 10, "max_chars": 1000},
    ],
    "sustainability_tech": [
        *(
            {"name": name, "kind": "scale", "low": 0, "high": 10}
            for name in (
                *("deployment_maturity", "technology_performance", "cost_trajectory"),
                *("scale_of_deployment", "market_penetration", "technology_readiness"),
                *("supply_chain_maturity", "proof_of_impact"),
            )
        ),
        {"name": "reasoning", "kind": "text", "max_chars": 600},
    ],
}

RULES = [(lens, rule) for lens in LENSES.values() for rule in lens.prefilter.rules]
EVERY_RULE = pytest.mark.parametrize(
    ("lens", "rule"), RULES, ids=[f"{lens.name}-{rule.id}" for lens, rule in RULES]
)


@cache
def screener(lens_name: str) -> Screener:
    return Screener([LENSES[lens_name]])


def screen(lens: Lens, text: str) -> Decision:
    title, _, body = text.partition("\n")
    article = ArticleDraft(external_id="1", title=title, text=body, content_key="0" * 32)
    (decision,) = screener(lens.name).screen(article)
    return decision


@EVERY_RULE
def test_example_is_decided_by_its_rule_among_all_rules_of_the_lens(lens: Lens, rule: Rule) -> None:
    decision = screen(lens, rule.example)
    assert (decision.rule_id, decision.decision) == (rule.id, rule.action)


@EVERY_RULE
def test_rule_has_a_text_that_looks_alike_and_is_not_its_own(lens: Lens, rule: Rule) -> None:
    assert rule.counter_example, "the counter-example is the review: what must not match?"
    assert screen(lens, rule.counter_example).rule_id != rule.id


GOLDEN = [
    pytest.param(lens_name, case, id=f"{lens_name}: {case.why}")
    for lens_name, cases in CASES.items()
    for case in cases
]


@pytest.mark.parametrize(("lens_name", "case"), GOLDEN)
def test_text_is_decided_as_an_editor_would(lens_name: str, case: Case) -> None:
    decision = screen(LENSES[lens_name], case.text)
    assert (decision.decision, decision.rule_id) == (case.decision, case.rule_id), case.why


def test_there_is_no_other_shipped_lens() -> None:
    assert set(LENSES) == set(CONTRACTS)


@pytest.mark.parametrize("name", CONTRACTS)
def test_contract_is_the_one_that_builds_are_trained_on(name: str) -> None:
    agreed = Contract.model_validate({"fields": CONTRACTS[name]})
    assert LENSES[name].contract.version == agreed.version
    names = [field.name for field in LENSES[name].contract.fields]
    assert names == [field.name for field in agreed.fields]


@pytest.mark.parametrize("name", CONTRACTS)
def test_field_has_one_sentence_of_help(name: str) -> None:
    for field in LENSES[name].contract.fields:
        assert field.help.endswith("."), field.name


@pytest.mark.parametrize("name", CONTRACTS)
def test_rubric_names_every_field_and_tier(name: str) -> None:
    lens = LENSES[name]
    assert lens.scoring is not None
    for field in lens.contract.asked:
        assert field.name in lens.oracle.rubric + lens.oracle.instruction
    for tier in lens.scoring.tiers:
        assert tier.name in lens.oracle.rubric


@pytest.mark.parametrize("name", CONTRACTS)
def test_lowest_tier_takes_every_score(name: str) -> None:
    scoring = LENSES[name].scoring
    assert scoring is not None
    assert scoring.tiers[-1].at_least == 0


@pytest.mark.parametrize("name", CONTRACTS)
def test_lens_has_a_readme(name: str) -> None:
    assert (ROOT / "lenses" / name / "README.md").is_file()
