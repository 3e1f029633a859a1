"""A fault in what a person wrote, in a file or a setting: its words, and where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from pydantic import ValidationError

DURATION_WANTED = "write a time longer than none, in seconds (90) or as ISO 8601 (PT1M30S)"

WORDS = {
    "extra_forbidden": "unknown key; check its spelling",
    "missing": "is missing",
    "tuple_type": "must be a list",
}
"""By the type of pydantic's error, where its own words speak of Python."""


class Fault(ValueError):  # noqa: N818  # The word is the one that people are shown.
    """Something wrong at `path` (keys and list places) below the object being validated."""

    def __init__(self, path: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.path = path


def list_faults(error: ValidationError, root: yaml.Node) -> Iterator[tuple[int, str]]:
    """Give (line, message) of every fault of a failed validation, lines counted from 1."""
    for detail in error.errors(include_url=False, include_input=False):
        cause = detail.get("ctx", {}).get("error")
        path = (*detail["loc"], *(cause.path if isinstance(cause, Fault) else ()))
        line, place = locate(root, path)
        message = tell_fault(detail)
        yield line, f"{place}: {message}" if place else message


def tell_fault(detail: Mapping[str, Any]) -> str:
    """Say what pydantic found wrong, in words for someone who does not know Python."""
    kind, words = detail["type"], str(detail["msg"])
    if kind.startswith("time_delta") or "timedelta(0)" in words:
        return DURATION_WANTED
    if kind in WORDS:
        return WORDS[kind]
    message, _, _ = words.removeprefix("Value error, ").partition(", unable to ")
    return message.replace("Input should be", "must be").replace("String should", "must")


def locate(root: yaml.Node, path: tuple[Any, ...]) -> tuple[int, str]:
    """Follow a path as far as the file has it.

    Steps that are not in the file (a union's tag, a key that is missing) are passed over.

    Returns:
        The line, counted from 1, and the place in words, e.g. `contract[3].low`.
    """
    node, line, place = root, root.start_mark.line + 1, ""
    for step in path:
        found = _child(node, step)
        if found is None:
            if step == path[-1] and isinstance(step, str) and _is_plain_key(node, step):
                place += f".{step}" if place else step
            continue
        node, line = found
        place += f"[{step}]" if isinstance(step, int) else f".{step}" if place else step
    return line, place


def find_double_key(root: yaml.Node) -> tuple[int, str] | None:
    """Find a key that stands twice in one mapping; YAML itself would keep the last in silence."""
    if isinstance(root, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in root.value:
            if key.value in seen:
                return key.start_mark.line + 1, f"the key {key.value!r} stands twice"
            seen.add(key.value)
            if deeper := find_double_key(value):
                return deeper
    elif isinstance(root, yaml.SequenceNode):
        return next(filter(None, map(find_double_key, root.value)), None)
    return None


def _child(node: yaml.Node, step: Any) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return value, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step].start_mark.line + 1
    return None


def _is_plain_key(node: yaml.Node, step: str) -> bool:
    # A key that a mapping lacks is worth naming; a union's tag on a sequence is not.
    return isinstance(node, yaml.MappingNode) and all(
        value.value != step for _, value in node.value if isinstance(value, yaml.ScalarNode)
    )
