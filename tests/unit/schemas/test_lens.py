"""Lens files: every fault is one clear line with file and line number."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import ConfigError
from schemas.lens import load_lens, load_lenses

GOOD = r"""
name: demo
version: 3
title: A lens for tests
prefilter:
  default: drop
  rules:
    - id: shopping
      action: drop
      pattern: '\b(coupon|promo code)s?\b'
      reason: shopping offer
      example: Use this promo code today
      counter_example: A code of conduct
    - {id: politics, action: keep, pattern: '\bparliament\b', example: Parliament met}
contract:
  - {name: urgency, kind: choice, options: [low, high]}
  - {name: impact, kind: scale, low: 0, high: 10}
  - {name: summary, kind: text, max_chars: 200}
scoring:
  weights: {urgency: 0.4, impact: 0.6}
  values: {urgency: {low: 0, high: 10}}
  tiers:
    - {name: top, at_least: 7}
    - {name: rest, at_least: 0}
""".lstrip()


def write(folder: Path, text: str) -> Path:
    path = folder / "demo"
    path.mkdir(exist_ok=True)
    (path / "lens.yaml").write_text(text, encoding="utf-8")
    return path


def test_good_lens_loads(tmp_path: Path) -> None:
    lens = load_lens(write(tmp_path, GOOD))
    assert (lens.name, lens.view_name) == ("demo", "demo_v3")
    assert [field.name for field in lens.contract.asked] == ["urgency", "impact", "summary"]
    assert load_lenses(tmp_path) == {"demo": lens}


FAULTS = [
    ("title: A lens", "titel: A lens", 3, "titel: unknown key"),
    ("default: drop", "default: maybe", 5, "prefilter.default: must be 'keep' or 'drop'"),
    ("id: politics", "id: shopping", 13, "the rule id 'shopping' stands twice"),
    (r"'\bparliament\b'", r"'\b(parliament'", 13, "does not compile: missing )"),
    (r"'\bparliament\b'", r"'(?=parliament)'", 13, "does not compile"),
    ("example: Parliament met", "example: They met", 13, "example of rule 'politics' does not"),
    ("A code of conduct", "Two coupons", 12, "counter-example of rule 'shopping' matches"),
    ("      reason: shopping offer\n", "", 7, "so it needs a reason"),
    ("impact: 0.6", "impact: 0.7", 19, "the weights sum to 1.1, they must sum to 1.0"),
    ("at_least: 7", "at_least: -1", 23, "highest first"),
    ("impact: 0.6", "impakt: 0.6", 19, "the contract has no field 'impakt'"),
    ("{low: 0, high: 10}}", "{low: 0}}", 19, "missing: high"),
    ("weights: {urgency: 0.4, impact: 0.6}", "weights: {summary: 1.0}", 19, "has no number"),
    ("low: 0, high: 10}\n  - {name: s", "low: 9, high: 1}\n  - {name: s", 16, "must be below high"),
    ("kind: text", "kind: prose", 17, "expected tags"),
    ("name: impact", "name: urgency", 14, "the field 'urgency' stands twice"),
    ("version: 3", "version: 3\nversion: 4", 3, "the key 'version' stands twice"),
    ("contract:", "contract: [", 15, "not YAML"),
    ("version: 3", "version: 3\nlanguages: [en, German]", 3, "'German' is no language code"),
    ("version: 3", "version: 3\nlanguages: []", 3, "languages: Tuple should have at least 1 item"),
    (
        "contract:",
        f"contract:\n  - name: t\n    kind: tags\n    options:\n      - ok\n      - {'far ' * 20}x",
        19,
        "contract[0].options[1]: the option 'far far far far far far far fa…' is longer than 80",
    ),
    ("id: politics", "id: language", 13, "the rule id 'language' is kept for `languages`"),
]


@pytest.mark.parametrize(("old", "new", "line", "message"), FAULTS)
def test_fault_names_file_line_and_reason(
    tmp_path: Path, old: str, new: str, line: int, message: str
) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_lens(path)
    faults = str(caught.value).splitlines()
    prefix = f"{path / 'lens.yaml'}:{line}: "
    assert any(fault.startswith(prefix) and message in fault for fault in faults), faults


GATE_FAULTS = [
    ("{field: impakt, reject_below: 3}", 18, "the contract has no field 'impakt'"),
    ("{field: summary, reject: [a]}", 18, "'summary' is a text; a gate is a scale, choice or flag"),
    ("{field: impact}", 18, "so the gate needs reject_below"),
    ("{field: impact, reject: [low]}", 18, "takes reject_below instead"),
    ("\n  field: impact\n  reject_below: 0", 20, "0 must be above 0"),
    ("\n  field: impact\n  reject_below: 11", 20, "11 must be above 0 and at most 10"),
    ("\n  field: impact\n  reject_below: soon", 20, "must be a valid integer"),
    ("{field: urgency}", 18, "so the gate needs reject: some answers"),
    ("\n  field: urgency\n  reject:\n    - lo", 21, "'lo' is none of low, high"),
    ("{field: urgency, reject: [low, high]}", 18, "the gate rejects every answer"),
    ("{field: urgency, reject: 7}", 18, "gate.reject: must be a list"),
    ("{field: urgency, reject_below: 1}", 18, "takes reject instead"),
    ("{feild: urgency}", 18, "gate.feild: unknown key"),
]


@pytest.mark.parametrize(("gate", "line", "message"), GATE_FAULTS)
def test_fault_of_a_gate_names_file_line_and_reason(
    tmp_path: Path, gate: str, line: int, message: str
) -> None:
    path = write(tmp_path, GOOD.replace("scoring:", f"gate: {gate}\nscoring:", 1))
    with pytest.raises(ConfigError) as caught:
        load_lens(path)
    faults = str(caught.value).splitlines()
    prefix = f"{path / 'lens.yaml'}:{line}: "
    assert any(fault.startswith(prefix) and message in fault for fault in faults), faults


GATES = [
    ("impact", "reject_below: 3", ("0", "1", "2")),
    ("urgency", "reject: [low]", ("low",)),
    ("urgent", "reject: [no]", ("no",)),
]


@pytest.mark.parametrize(("field", "rejects", "answers"), GATES)
def test_gate_knows_the_answers_that_reject(
    tmp_path: Path, field: str, rejects: str, answers: tuple[str, ...]
) -> None:
    ungated = GOOD.replace("scoring:", "  - {name: urgent, kind: flag}\nscoring:", 1)
    gated = ungated.replace("scoring:", f"gate: {{field: {field}, {rejects}}}\nscoring:", 1)
    before, lens = load_lens(write(tmp_path, ungated)), load_lens(write(tmp_path, gated))
    assert before.gate is None
    assert lens.gate is not None
    assert lens.gate.rejecting(lens.contract.field(field)) == answers
    assert lens.contract.version == before.contract.version


def test_folder_and_name_must_agree(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("name: demo", "name: other", 1))
    with pytest.raises(ConfigError, match="named 'other' but its folder 'demo'"):
        load_lens(path)


def test_folder_without_lenses_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no lens here"):
        load_lenses(tmp_path)


def test_file_that_refers_to_itself_is_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + "oracle: &all {instruction: '', rubric: *all}\n")
    with pytest.raises(ConfigError, match="stands inside what it refers to"):
        load_lens(path)


def test_file_that_is_not_text_is_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    (path / "lens.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load_lens(path)
