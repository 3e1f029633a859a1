"""The prefilter: first match decides, spans hold, the audit sample is fair and repeatable."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from ingest.screening import Screener, is_audited, screened_text
from schemas.articles import ArticleDraft
from schemas.lens import Lens


def lens(name: str, rules: list[dict[str, Any]], **parts: Any) -> Lens:
    default = parts.pop("default", "drop")
    return Lens.model_validate(
        {
            "name": name,
            "version": 3,
            "title": name,
            "prefilter": {"default": default, "rules": rules},
            "contract": [{"name": "good", "kind": "flag"}],
            **parts,
        }
    )


def rule(rule_id: str, action: str, pattern: str, example: str) -> dict[str, Any]:
    return {
        "id": rule_id,
        "action": action,
        "pattern": pattern,
        "reason": "because",
        "example": example,
    }


NEWS = lens(
    "news",
    [
        rule("shopping", "drop", r"\b(coupon|promo code)s?\b", "a coupon"),
        rule("politics", "keep", r"\bparliament\b|\bélection\b|\bВыборы\b", "parliament met"),
        rule("code", "keep", r"\bcode\b", "code"),
    ],
)
ENERGY = lens("energy", [rule("wind", "keep", r"\bwind (farm|power)\b", "wind farm")])
EVERYTHING = lens("everything", [], default="keep")


def article(title: str, text: str = "", **parts: Any) -> ArticleDraft:
    return ArticleDraft(external_id="x", title=title, text=text, content_key="0" * 32, **parts)


CASES = [
    ("Parliament passed a code of conduct", "", "keep", "politics", "Parliament"),
    ("Promo code for parliament", "", "drop", "shopping", "Promo code"),
    ("Weather", "It rained.", "drop", None, None),
    ("Weather", "Rain.\n\nThen parliament met.", "keep", "politics", "parliament"),
    ("Parliamentary", "", "drop", None, None),
    ("L'élection, enfin", "", "keep", "politics", "élection"),
    ("Préélection", "", "drop", None, None),
    ("😀😀 ВЫБОРЫ 😀", "", "keep", "politics", "ВЫБОРЫ"),
    ("L'e\u0301lection", "", "keep", "politics", "élection"),
]


@pytest.mark.parametrize(("title", "text", "decision", "rule_id", "matched"), CASES)
def test_first_matching_rule_decides(
    title: str, text: str, decision: str, rule_id: str | None, matched: str | None
) -> None:
    (found,) = Screener([NEWS], audit_rate=0).screen(article(title, text))
    assert (found.decision, found.rule_id, found.matched_text) == (decision, rule_id, matched)
    assert (found.lens, found.lens_version) == ("news", 3)
    if found.span:
        start, end = found.span
        assert screened_text(title, text)[start:end] == matched


def test_every_lens_decides_for_itself() -> None:
    decisions = Screener([NEWS, ENERGY, EVERYTHING]).screen(article("Coupons for wind power"))
    assert [(one.lens, one.decision, one.rule_id) for one in decisions] == [
        ("news", "drop", "shopping"),
        ("energy", "keep", "wind"),
        ("everything", "keep", None),
    ]


def test_only_the_first_characters_are_looked_at() -> None:
    late = article("T", "x " * 1_000 + "parliament")
    assert Screener([NEWS]).screen(late)[0].rule_id is None
    assert Screener([NEWS], chars=3_000).screen(late)[0].rule_id == "politics"


def test_lens_drops_languages_that_it_does_not_name_and_reads_unknown_ones() -> None:
    screener = Screener([lens("french", [], languages=["fr", "nl"], default="keep")], audit_rate=1)
    (german,) = screener.screen(article("T", language="de"))
    assert (german.decision, german.rule_id, german.matched_text) == ("drop", "language", "de")
    assert not german.audit
    for language in ("fr", "nl", None):
        (read,) = screener.screen(article("T", language=language))
        assert (read.decision, read.rule_id) == ("keep", None)


def test_source_may_name_its_lenses() -> None:
    decisions = Screener([NEWS, ENERGY]).screen(article("T"), lens_names={"energy"})
    assert [decision.lens for decision in decisions] == ["energy"]


def test_audit_sample_has_its_rate_and_repeats_itself() -> None:
    keys = [f"{number:032x}" for number in range(20_000)]
    drawn = [is_audited(key, "news", 0.015) for key in keys]
    assert 220 < sum(drawn) < 380
    assert drawn == [is_audited(key, "news", 0.015) for key in keys]
    assert drawn != [is_audited(key, "energy", 0.015) for key in keys]
    assert not any(is_audited(key, "news", 0) for key in keys)
    assert all(is_audited(key, "news", 1) for key in keys)


def test_only_drops_are_audited() -> None:
    decisions = Screener([NEWS, EVERYTHING], audit_rate=1).screen(article("Weather"))
    assert [(one.decision, one.audit) for one in decisions] == [("drop", True), ("keep", False)]


@given(st.text(max_size=60), st.text(max_size=200))
def test_span_of_any_article_is_the_matched_text(title: str, text: str) -> None:
    loose = lens("loose", [rule("any", "keep", r"\p{L}+\b|\d+", "a")])
    (found,) = Screener([loose]).screen(article(title, text))
    if found.span:
        start, end = found.span
        assert screened_text(title, text)[start:end] == found.matched_text
        assert found.matched_text
