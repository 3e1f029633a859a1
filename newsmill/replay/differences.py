"""What differs between two outcomes, in words. Pure; both are read side by side, row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from newsmill.replay.rows import Row

SHOWN = 5
"""Examples of one kind of difference."""
TITLE_CHARS = 70

Pair = tuple[Row | None, Row | None]


@dataclass
class KindDifferences:
    """How the rows of one kind compare."""

    same: int = 0
    only_before: int = 0
    only_now: int = 0
    changed: Counter[str] = field(default_factory=Counter)
    """By what changed: names of columns or, of a decision, what it was and is."""
    rows_changed: int = 0
    examples: dict[str, list[str]] = field(default_factory=dict)
    """Content keys, or what else names a row, by what changed."""


@dataclass
class Comparison:
    """How two outcomes compare."""

    kinds: dict[str, KindDifferences] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    """Of articles, by content key."""

    @property
    def is_same(self) -> bool:
        return not any(
            each.only_before or each.only_now or each.rows_changed for each in self.kinds.values()
        )


def compare(before: Iterable[Row], now: Iterable[Row]) -> Comparison:
    """Compare two outcomes, both in the order of a rows file."""
    found = Comparison()
    for one, other in _pair(iter(before), iter(now)):
        row = other or one
        assert row is not None
        if row["row"] == "article":
            found.titles[row["key"]] = str(row["title"])
        _compare_pair(found.kinds.setdefault(row["row"], KindDifferences()), one, other)
    return found


def tell(comparison: Comparison) -> Iterator[str]:
    """Say in lines what differs."""
    for kind, each in comparison.kinds.items():
        parts = [f"{each.same} the same"]
        parts += [f"{each.only_before} only before"] if each.only_before else []
        parts += [f"{each.only_now} only now"] if each.only_now else []
        parts += [f"{each.rows_changed} changed"] if each.rows_changed else []
        yield f"{kind}: {', '.join(parts)}"
        for what, number in sorted(each.changed.items(), key=lambda pair: (-pair[1], pair[0])):
            yield f"  {number} × {what}"
            for key in each.examples[what]:
                yield f"      {comparison.titles.get(key, key)[:TITLE_CHARS]}"


def _pair(before: Iterator[Row], now: Iterator[Row]) -> Iterator[Pair]:
    """Bring rows of the same kind and key together."""
    one, other = next(before, None), next(now, None)
    while one is not None or other is not None:
        if other is None or (one is not None and _place(one) < _place(other)):
            yield one, None
            one = next(before, None)
        elif one is None or _place(other) < _place(one):
            yield None, other
            other = next(now, None)
        else:
            yield one, other
            one, other = next(before, None), next(now, None)


def _place(row: Row) -> tuple[str, str]:
    return row["row"], row["key"]


def _compare_pair(found: KindDifferences, one: Row | None, other: Row | None) -> None:
    if one is None:
        found.only_now += 1
    elif other is None:
        found.only_before += 1
    elif one == other:
        found.same += 1
    else:
        found.rows_changed += 1
        for what in _name_changes(one, other):
            found.changed[what] += 1
            examples = found.examples.setdefault(what, [])
            if len(examples) < SHOWN:
                examples.append(str(other.get("article") or other["key"]))


def _name_changes(one: Row, other: Row) -> list[str]:
    if one["row"] == "screening":
        return [f"{one['lens']}: {_decision(one)}, now {_decision(other)}"]
    names = one.keys() | other.keys()
    return sorted(name for name in names if one.get(name) != other.get(name))


def _decision(row: Row) -> str:
    audited = " and audited" if row["audit"] else ""
    return f"{row['decision']} by {row['rule_id'] or 'default'}{audited}"
