from __future__ import annotations

from importlib import import_module

import pytest
import typer
from typer.testing import CliRunner

HUGE = "9" * 23


@pytest.mark.parametrize(
    "line",
    [
        ["dead", "list", "--limit", HUGE],
        ["stories", "--limit", HUGE],
        ["stories", HUGE],
        ["sources", "add", "https://a.example/f", "--every", "1e400"],
        ["gmail", "login", "--wait", HUGE],
        ["record", "--hours", "inf"],
        ["record", "--limit-mb", HUGE],
        ["tune", "--seconds", "inf"],
        ["demo", "--timeout", "1e400"],
        ["analyse", "in.jsonl", "--lens", "editorial", "-o", "out.jsonl", "--limit", HUGE],
    ],
    ids=" ".join,
)
def test_number_beyond_all_use_is_a_usage_error(line: list[str]) -> None:
    name, *arguments = line
    module = import_module(f"newsmill.commands.{name}")
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer()
        app.command()(module.command)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "is not in the range" in result.output or "less than or equal" in result.output
