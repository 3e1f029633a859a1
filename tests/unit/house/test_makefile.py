"""The Makefile's help and its first line of defence on a machine that lacks something."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def make(*arguments: str, folder: Path = ROOT, path: str | None = None) -> tuple[int, str]:
    """Run make; exit status, and what it printed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    environment["PATH"] = path or os.environ["PATH"]
    program = shutil.which("make")
    assert program, "make is missing"
    result = subprocess.run(
        [program, "--no-print-directory", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with what `make install` reads, and a space in its path."""
    folder = tmp_path / "a clone"
    folder.mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "llama-cpp.cmake"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "inference" / "kernels", folder / "inference" / "kernels")
    return folder


@pytest.fixture
def bare_path(tmp_path: Path) -> str:
    """A PATH with the shell's tools and no Python, no compiler."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("sh", "touch", "test", "env"):
        (folder / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    return str(folder)


def write_python(bare_path: str, script: str) -> None:
    program = Path(bare_path) / "python3"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_help_lists_every_target() -> None:
    _, output = make("help")
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert re.findall(r"^  make (\S+)", output, re.MULTILINE) == phony[1].split()


def test_make_alone_shows_the_help() -> None:
    assert make() == make("help")


def test_missing_python_is_told_in_one_line(clone: Path, bare_path: str) -> None:
    status, output = make("demo", folder=clone, path=bare_path)
    assert status != 0
    assert "Newsmill needs Python 3.11 or newer" in output.splitlines()[0]


def test_missing_venv_module_is_told_in_one_line(clone: Path, bare_path: str) -> None:
    write_python(bare_path, 'case "$2" in *version*) exit 0;; *) exit 1;; esac')
    status, output = make("demo", folder=clone, path=bare_path)
    assert status != 0
    assert "apt-get install python3-venv" in output.splitlines()[0]
    assert not (clone / ".venv").exists()


def test_missing_compiler_is_told_before_anything_is_installed(clone: Path, bare_path: str) -> None:
    write_python(bare_path, 'test "$2" != venv || { mkdir -p .venv/bin; touch .venv/bin/python; }')
    (Path(bare_path) / "mkdir").symlink_to(shutil.which("mkdir") or "/bin/mkdir")
    status, output = make("demo", folder=clone, path=bare_path)
    assert status != 0
    assert "apt-get install build-essential" in output.splitlines()[0]
