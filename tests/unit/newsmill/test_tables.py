"""Tables: nothing is cut, and without a terminal each row is one line."""

from __future__ import annotations

import pytest

from newsmill.tables import make_table, shorten, show

PATH = "/a/folder/with/a/very/long/name/lenses/ferries/lens.yaml:34"


@pytest.fixture(autouse=True)
def _no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


def draw(capsys: pytest.CaptureFixture[str]) -> list[str]:
    table = make_table("check", "rules", "found", right={"rules"})
    table.add_row("lenses", "7", f"{PATH}: not YAML: " + "so it is said " * 20)
    show(table)
    return capsys.readouterr().out.splitlines()


def test_row_without_a_terminal_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    heading, row = draw(capsys)
    assert heading.startswith("check   rules  found")
    assert row.startswith(f"lenses      7  {PATH}: not YAML: so it is said")
    assert row == row.rstrip()


def test_word_that_does_not_fit_goes_on_in_the_next_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    lines = draw(capsys)
    assert max(map(len, lines)) <= 40
    assert PATH in "".join(line[15:].strip() for line in lines)


def test_text_that_was_shortened_shows_it() -> None:
    assert shorten("Mill", 4) == "Mill"
    assert shorten("Mills", 4) == "Mill…"
