"""What README and docs say is there: links, targets, settings, commands, modules."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from newsmill.cli import COMMANDS
from schemas.lens import load_lenses
from schemas.settings import list_variables

ROOT = Path(__file__).resolve().parents[3]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name_page(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_page)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_page)
def test_named_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = "\n".join(re.findall(r"`[^`\n]+`|^make .*$", page.read_text(), re.MULTILINE))
    named = {
        word for words in re.findall(r"\bmake ([a-z][a-z -]*)", code) for word in words.split()
    }
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=name_page)
def test_named_settings_exist(page: Path) -> None:
    named = set(re.findall(r"\bNEWSMILL_[A-Z_]+", page.read_text()))
    assert named <= list_variables().keys()


def test_readme_names_every_command() -> None:
    text = README.read_text()
    assert [command for command in COMMANDS if not re.search(rf"\b{command}\b", text)] == []


def test_readme_names_every_lens_and_each_of_its_fields() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", README.read_text(), re.MULTILINE))
    for lens in load_lenses(ROOT / "lenses").values():
        fields = [field.name for field in lens.contract.fields]
        if lens.name == "sustainability_tech":  # Eight scales of the same kind: the first and last.
            fields = [fields[0], fields[7], *fields[8:]]
        assert [field for field in fields if field not in rows[lens.name]] == []


def test_file_map_is_that_of_the_modules() -> None:
    insert_map = runpy.run_path(str(ROOT / ".ci" / "file_map.py"))["insert_map"]
    text = README.read_text()
    assert insert_map(text) == text, "run `make map`"


def test_every_decision_says_what_was_decided_and_what_else_was_possible() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for record in records:
        text = record.read_text()
        assert text.startswith(f"# {int(record.name[:4])}. "), record.name
        for part in ("**Context.**", "**Decision.**", "**Consequences.**", "**Alternatives.**"):
            assert part in text, f"{record.name} has no {part}"
