"""How sources look on a terminal: a line each, however narrow it is."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from newsmill.source_health import judge
from newsmill.sources_view import draw_sources
from schemas.settings import IngestSettings
from store.source_health import SourceHealth, Traffic
from tests.unit.newsmill.test_source_health import FAILING, NOW, make

LONG = "https://paper.example/a/very/long/address/of/a/feed.xml"


def draw(*sources: SourceHealth, width: int = 80) -> list[str]:
    judged = [(source, judge(source, IngestSettings(), NOW)) for source in sources]
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(draw_sources(judged, {7: Traffic(articles=7, per_day=1.0)}, NOW))
    return [line.rstrip() for line in captured.get().splitlines()]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"name": "The Paper"}, "The Paper"),
        ({"name": LONG, "location": LONG}, "paper.example/a/very/"),
        ({"name": "/srv/a/corpus.jsonl", "location": "/srv/a/corpus.jsonl"}, "  corpus.jsonl  "),
        ({"name": "[bold]Shop[/bold]"}, "[bold]Shop[/bold]"),
    ],
)
def test_source_is_told_from_others_in_one_line(changes: dict[str, Any], shown: str) -> None:
    heading, line = draw(make(**changes))
    assert shown in line
    assert heading.split() == "id source state next poll last news a day kept".split()


def test_columns_of_numbers_are_whole_on_a_narrow_terminal() -> None:
    source = make(source_id=1234567, name=LONG * 2, folder="News/World/Europe/North")
    _, line = draw(source, width=80)
    assert line.split()[0] == "1234567"
    assert line.split()[-7:] == "healthy now 0 s ago 0.0 –".split()


def test_what_is_to_be_said_of_sources_stands_below_them() -> None:
    notes = tuple(f"line {number} was refused" for number in range(5))
    lines = draw(make(**FAILING), make(source_id=8, name="B", notes=notes), width=200)
    assert lines[3:] == [
        "",
        "7, A: failed 9 times, without success for 0 seconds: the server answered 403",
        "8, B: line 0 was refused; line 1 was refused; and 3 more",
    ]
