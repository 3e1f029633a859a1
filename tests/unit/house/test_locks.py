"""pyproject.toml and the two lock files say the same; see docs/decisions/0005-locks.md."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LOCKS = {
    "requirements.lock": ("embedded",),
    "requirements-dev.lock": ("embedded", "dev", "train"),
}
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[a-z,]+\])?==(?P<version>[A-Za-z0-9.!]+)$")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pins(requirements: list[str]) -> dict[str, str]:
    """Name → version; fails on anything that is not an exact pin by name."""
    pins = {}
    for requirement in requirements:
        match = PIN.match(requirement)
        assert match, f"not a pin by name and version: {requirement}"
        pins[canonical(match["name"])] = match["version"]
    return pins


def read_lock(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    return read_pins([line for line in lines if not line.startswith("#")])


def read_project() -> dict[str, list[str]]:
    """Requirements by extra; the project's own under ''."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {"": project["dependencies"], **project["optional-dependencies"]}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_each_direct_dependency_at_the_projects_version(lock: str) -> None:
    project, locked = read_project(), read_lock(lock)
    wanted = read_pins([pin for extra in ("", *LOCKS[lock]) for pin in project[extra]])
    assert {name: locked.get(name) for name in wanted} == wanted


def test_development_lock_contains_the_runtime_lock() -> None:
    runtime, development = read_lock("requirements.lock"), read_lock("requirements-dev.lock")
    assert {name: development.get(name) for name in runtime} == runtime


def test_running_needs_neither_torch_nor_the_development_tools() -> None:
    runtime, project = read_lock("requirements.lock"), read_project()
    assert not runtime.keys() & read_pins(project["train"] + project["dev"]).keys()


def test_unsloth_is_in_no_lock() -> None:
    # It holds trl, transformers and datasets below the versions of the `train` extra.
    assert not [lock for lock in LOCKS if "unsloth" in read_lock(lock)]


def test_each_direct_dependency_has_its_reason_beside_it() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    pinned = [line for line in lines if re.match(r'\s+"[^"]+==[^"]+",', line)]
    assert len(pinned) == sum(len(pins) for pins in read_project().values()) - 1  # unsloth's line
    assert [line for line in pinned if "# " not in line] == []
