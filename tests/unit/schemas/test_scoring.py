"""Scoring: weights, gatekeepers, tiers."""

from __future__ import annotations

import pytest

from schemas.scoring import Scoring, score

SCORING = Scoring.model_validate(
    {
        "weights": {"maturity": 0.5, "impact": 0.3, "urgency": 0.2},
        "values": {"urgency": {"low": 0, "high": 10}},
        "tiers": [
            {"name": "deployed", "at_least": 8.0},
            {"name": "emerging", "at_least": 4.0},
            {"name": "early", "at_least": 0.0},
        ],
        "gatekeepers": [
            {"field": "impact", "at_least": 3, "otherwise_at_most": 4.9, "reason": "no proof"}
        ],
    }
)


@pytest.mark.parametrize(
    ("values", "overall", "tier"),
    [
        ({"maturity": 10, "impact": 8, "urgency": "high"}, 9.4, "deployed"),
        ({"maturity": 8, "impact": 8, "urgency": "high"}, 8.4, "deployed"),
        ({"maturity": 5, "impact": 5, "urgency": "low"}, 4.0, "emerging"),
        ({"maturity": 0, "impact": 3, "urgency": "low"}, 0.9, "early"),
    ],
)
def test_values_are_weighed_and_put_into_a_tier(
    values: dict[str, object], overall: float, tier: str
) -> None:
    result = score(values, SCORING)
    assert (result.overall, result.tier, result.notes) == (overall, tier, ())


def test_gatekeeper_holds_a_high_score_down_and_says_so() -> None:
    result = score({"maturity": 10, "impact": 2, "urgency": "high"}, SCORING)
    assert (result.overall, result.tier) == (4.9, "emerging")
    assert result.notes == ("held at 4.9: no proof",)


def test_missing_value_is_left_out_and_named() -> None:
    result = score({"maturity": 10, "impact": 10, "urgency": None}, SCORING)
    assert result.overall == 10.0
    assert result.notes == ("scored without urgency",)


def test_too_little_to_go_by_gives_no_score() -> None:
    result = score({"impact": 9, "urgency": None}, SCORING)
    assert (result.overall, result.tier) == (None, None)
    assert "maturity" in result.notes[0]
