"""A lens: one way of looking at articles, read from a reviewed folder of data.

`lenses/<name>/lens.yaml` holds prefilter rules, contract, gate, scoring and oracle rubric; there is
no Python in it. A file that is wrong anywhere is refused as a whole, with the file, the line and
the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field as Attribute,
    ValidationError,
    field_validator,
    model_validator,
)

from schemas.contract import Contract
from schemas.errors import ConfigError
from schemas.faults import Fault, find_double_key, list_faults
from schemas.fields import ChoiceField, FlagField, ScaleField
from schemas.gate import Gate
from schemas.rules import compile_pattern, fold_text
from schemas.scoring import Scoring

LENS_FILE = "lens.yaml"
_NAME = r"^[a-z][a-z0-9_]{0,39}$"
_LANGUAGE_CODE = re.compile("[a-z]{2,3}")
LANGUAGE_RULE = "language"
"""Id of the rule that drops what a lens does not read; no lens may name one of its own so."""
_MAX_SHOWN_FAULTS = 5
# libyaml reads ten times as fast, and every command and worker begins with reading lenses.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Rule(BaseModel):
    """One prefilter rule. Its examples are checked whenever the lens is loaded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Attribute(pattern=r"^[a-z][a-z0-9_-]{0,59}$")
    action: Literal["keep", "drop"]
    pattern: str = Attribute(min_length=1)
    """RE2 syntax; any case; `\\b` knows the letters of every script."""
    reason: str = ""
    """Why an article is dropped, for the person who looks at it."""
    example: str
    """A text that the pattern matches."""
    counter_example: str | None = None
    """A text that looks alike and that the pattern does not match."""

    @model_validator(mode="after")
    def _check_examples(self) -> Self:
        try:
            compiled = compile_pattern(self.pattern)
        except ConfigError as error:
            raise Fault(("pattern",), f"rule {self.id!r}: {error}") from None
        if not compiled.search(fold_text(self.example)):
            raise Fault(("example",), f"the example of rule {self.id!r} does not match its pattern")
        if self.counter_example and compiled.search(fold_text(self.counter_example)):
            raise Fault(
                ("counter_example",),
                f"the counter-example of rule {self.id!r} matches its pattern, it must not",
            )
        if self.action == "drop" and not self.reason:
            raise Fault((), f"rule {self.id!r} drops articles, so it needs a reason")
        return self


class Prefilter(BaseModel):
    """Ordered rules; the first that matches decides, else `default`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[Rule, ...] = ()
    default: Literal["keep", "drop"]

    @model_validator(mode="after")
    def _check_ids(self) -> Self:
        seen: set[str] = set()
        for place, rule in enumerate(self.rules):
            if rule.id == LANGUAGE_RULE:
                raise Fault(
                    ("rules", place, "id"), f"the rule id {rule.id!r} is kept for `languages`"
                )
            if rule.id in seen:
                raise Fault(("rules", place, "id"), f"the rule id {rule.id!r} stands twice")
            seen.add(rule.id)
        return self


class Oracle(BaseModel):
    """What a labeller, human or machine, is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instruction: str = ""
    rubric: str = ""


class Lens(BaseModel):
    """A whole lens, checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Attribute(pattern=_NAME)
    version: int = Attribute(ge=1, le=100_000)
    title: str
    description: str = ""
    languages: tuple[str, ...] | None = Attribute(default=None, min_length=1)
    """ISO 639-1 codes of the languages it reads; None: all. Articles in others are dropped by the
    rule `language`; one whose language is not known is read."""
    prefilter: Prefilter
    contract: Contract
    gate: Gate | None = None
    """The field that may stop the reading after the lead; None: every article is read in full."""
    scoring: Scoring | None = None
    oracle: Oracle = Oracle()

    @field_validator("contract", mode="before")
    @classmethod
    def _list_is_contract(cls, value: Any) -> Any:
        return {"fields": value} if isinstance(value, list) else value

    @model_validator(mode="after")
    def _check_languages(self) -> Self:
        for place, code in enumerate(self.languages or ()):
            if not _LANGUAGE_CODE.fullmatch(code):
                raise Fault(("languages", place), f"{code!r} is no language code such as en or nl")
        return self

    @model_validator(mode="after")
    def _check_scoring(self) -> Self:
        for path, message in self._scoring_faults():
            raise Fault(path, message)
        return self

    @model_validator(mode="after")
    def _check_gate(self) -> Self:
        for path, message in self.gate.faults(self.contract) if self.gate else ():
            raise Fault(("gate", *path), message)
        return self

    @cached_property
    def view_name(self) -> str:
        """The name of the SQL view that shows this version's analyses."""
        return f"{self.name}_v{self.version}"

    def _scoring_faults(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if self.scoring is None:
            return
        fields = {field.name: field for field in self.contract.fields}
        gates = (
            (("gatekeepers", n, "field"), g.field) for n, g in enumerate(self.scoring.gatekeepers)
        )
        weights = ((("weights", name), name) for name in self.scoring.weights)
        for path, name in (*weights, *gates):
            field = fields.get(name)
            if field is None:
                yield ("scoring", *path), f"the contract has no field {name!r}"
            elif isinstance(field, ChoiceField):
                unvalued = set(field.options) - set(self.scoring.values.get(name, {}))
                if unvalued:
                    yield (
                        ("scoring", *path),
                        f"{name!r} is a choice, so scoring.values.{name} must give a number for "
                        f"each option; missing: {', '.join(sorted(unvalued))}",
                    )
            elif not isinstance(field, ScaleField | FlagField):
                yield ("scoring", *path), f"{name!r} is a {field.kind}, which has no number"


def load_lens(path: Path) -> Lens:
    """Read one lens from its folder or file.

    Raises:
        ConfigError: one line per fault: file, line, what is wrong.
    """
    file = path / LENS_FILE if path.is_dir() else path
    try:
        text = file.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=_Loader)
        content = yaml.load(text, Loader=_Loader)  # noqa: S506  # A safe one, see above.
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: is not UTF-8 text") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{file}:{line}: not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: not YAML: {error}") from None
    if root is None or not isinstance(content, dict):
        raise ConfigError(f"{file}:1: a lens is a mapping that begins with 'name: …'")
    try:
        double = find_double_key(root)
    except RecursionError:
        raise ConfigError(f"{file}: an alias (*name) stands inside what it refers to") from None
    if double:
        raise ConfigError(f"{file}:{double[0]}: {double[1]}")
    try:
        lens = Lens.model_validate(content)
    except ValidationError as error:
        raise ConfigError(_describe(file, list(list_faults(error, root)))) from None
    if path.is_dir() and lens.name != path.name:
        raise ConfigError(f"{file}: the lens is named {lens.name!r} but its folder {path.name!r}")
    return lens


def load_lenses(folder: Path) -> dict[str, Lens]:
    """Read every lens of a folder, by name.

    Raises:
        ConfigError: the folder has no lens, or one of them is wrong.
    """
    files = sorted(folder.glob(f"*/{LENS_FILE}"))
    if not files:
        raise ConfigError(f"{folder}: no lens here; expected folders with a {LENS_FILE} each")
    lenses = (load_lens(file.parent) for file in files)
    return {lens.name: lens for lens in lenses}


def _describe(file: Path, faults: list[tuple[int, str]]) -> str:
    lines = [f"{file}:{line}: {message}" for line, message in faults[:_MAX_SHOWN_FAULTS]]
    if len(faults) > _MAX_SHOWN_FAULTS:
        lines.append(f"{file}: and {len(faults) - _MAX_SHOWN_FAULTS} more")
    return "\n".join(lines)
