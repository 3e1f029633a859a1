"""`.env.example` names every setting once, with its meaning and its default, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic_settings import EnvSettingsSource

from schemas.settings import Settings, list_variables

EXAMPLE = Path(__file__).resolve().parents[3] / ".env.example"
ENTRY = re.compile(r"^# (?P<comment>.+)\n# (?P<name>[A-Z][A-Z0-9_]+)=(?P<value>.*)$", re.MULTILINE)

COMPOSE_ONLY = {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}
# These depend on the machine or have no default; the file shows an example of their form.
WITHOUT_DEFAULT = {
    "NEWSMILL_HOME",
    "DATABASE_URL",
    "REDIS_URL",
    "NEWSMILL_SERVICE_USER",
    "NEWSMILL_LENSES_DIR",
    "NEWSMILL_LENSES",
    "NEWSMILL_MODELS_DIR",
    "NEWSMILL_FLOWER__PASSWORD",
    "NEWSMILL_MAIL__PASSWORD",
}


class Entry(NamedTuple):
    """One variable of the file, with the line above it and what stands after its `=`."""

    comment: str
    name: str
    value: str


def read_example() -> list[Entry]:
    return [Entry(**match.groupdict()) for match in ENTRY.finditer(EXAMPLE.read_text())]


def test_example_has_every_variable_once_and_no_other() -> None:
    names = [entry.name for entry in read_example()]
    assert sorted(names) == sorted({*list_variables(), *COMPOSE_ONLY})


def test_example_explains_each_variable_as_the_setting_does() -> None:
    comments = {e.name: e.comment for e in read_example() if e.name not in COMPOSE_ONLY}
    assert comments == list_variables()


def test_example_sets_nothing_by_itself() -> None:
    lines = EXAMPLE.read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


def test_values_in_the_example_are_the_defaults(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list_variables():
        monkeypatch.delenv(name, raising=False)
    defaults = Settings()
    for entry in read_example():
        if entry.name not in WITHOUT_DEFAULT | COMPOSE_ONLY:
            monkeypatch.setenv(entry.name, entry.value)
    read_from_environment = EnvSettingsSource(Settings)()
    assert read_from_environment, "no variable of the example reached the settings"
    assert Settings() == defaults
