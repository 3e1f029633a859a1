"""Writes the file map into README.md: each module with the first line of its docstring.

Run it with `make map` after adding, removing or renaming a module; a test compares. It knows the
packages from pyproject.toml and reads nothing of a module but its docstring.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- file map: written by `make map` -->\n", "<!-- end of the file map -->\n"


def draw_map() -> str:
    """Return the map as Markdown: one block for each package, one line for each module."""
    return "\n".join(_draw_package(ROOT / name) for name in _list_packages())


def insert_map(text: str) -> str:
    """Return the text of a README with the map between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n```text\n{draw_map()}```\n\n{END}{after}"


def _list_packages() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["packages"]["find"]["include"]
    return [pattern.rstrip("*") for pattern in patterns if (ROOT / pattern.rstrip("*")).is_dir()]


def _draw_package(folder: Path) -> str:
    lines = [f"{folder.name + '/':<27} {_summary(folder / '__init__.py')}\n"]
    for module in sorted(folder.rglob("*.py")):
        name = str(module.relative_to(folder))
        if name == "__init__.py":
            continue
        if module.name == "__init__.py":
            name = str(module.parent.relative_to(folder)) + "/"
        lines.append(f"  {name:<25} {_summary(module)}\n")
    return "".join(lines)


def _summary(module: Path) -> str:
    docstring = ast.get_docstring(ast.parse(module.read_text())) or ""
    return re.sub(r"[.:]$", "", docstring.partition("\n")[0])


if __name__ == "__main__":
    README.write_text(insert_map(README.read_text()))
    sys.stdout.write("README.md: file map written\n")
