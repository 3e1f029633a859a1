"""What tuning found, kept below the home: one file for each machine and model.

Knows what is kept and for what it holds; the finding is `tuning.py`'s and `trial.py`'s. Loads no
llama.cpp: how its threads wait must be settled before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from inference.builds import Build
from inference.cpu import Machine, describe_machine, limit_spinning
from inference.shape import apply_settings, default_choice
from inference.tuning import Choice
from schemas.lens import Lens
from schemas.settings import InferenceSettings

if TYPE_CHECKING:
    from inference.analyst import Analyst

FOLDER = "tuning"


class Trial(BaseModel):
    """One challenger, as it did against the choice before it."""

    model_config = ConfigDict(frozen=True)

    factor: str
    value: str
    ratio: float | None
    """Its seconds by the incumbent's, the middle round; None: llama.cpp refused it."""
    rounds: int
    is_taken: bool


class Tuned(BaseModel):
    """The choice for one model on one machine, and how it came about."""

    model_config = ConfigDict(frozen=True)

    cpu: str
    features: tuple[str, ...]
    cores: int
    build: str
    sha256: str
    """Of the model."""
    at: datetime
    choice: Choice
    article_s: float
    """Seconds that an article takes in a full batch, about: with the choice, and without it."""
    default_article_s: float
    trials: tuple[Trial, ...] = ()
    untried: tuple[str, ...] = ()
    """Factors for which there was no time."""

    @property
    def machine(self) -> Machine:
        return Machine(self.cpu, self.features, self.cores)


def save_tuned(home: Path, tuned: Tuned) -> Path:
    """Keep a result; it replaces the one for the same machine and model."""
    path = _path_of(home, tuned.machine, tuned.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(tuned.model_dump_json(indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
    return path


def find_tuned(home: Path, machine: Machine, sha256: str) -> Tuned | None:
    """Find the result for a machine and a model; one that cannot be read is none."""
    try:
        return Tuned.model_validate_json(_path_of(home, machine, sha256).read_bytes())
    except (OSError, ValidationError):
        return None


def forget_tuned(home: Path, machine: Machine, sha256: str) -> bool:
    """Forget a result; returns whether there was one."""
    path = _path_of(home, machine, sha256)
    there = path.exists()
    path.unlink(missing_ok=True)
    return there


def choose(build: Build, settings: InferenceSettings, home: Path) -> Choice:
    """Say how a build is opened here: as set, else as tuned, else as usual."""
    tuned = find_tuned(home, describe_machine(), build.manifest.sha256)
    return apply_settings(tuned.choice if tuned else default_choice(build), settings)


def open_analyst(
    build: Build, settings: InferenceSettings, home: Path, lenses: Iterable[Lens]
) -> Analyst:
    """Open a build as it was tuned for this machine, to be asked for these lenses."""
    choice = choose(build, settings, home)
    limit_spinning(choice.spins)
    from inference.analyst import Analyst  # noqa: PLC0415  # It loads llama.cpp, see above.

    return Analyst(build, settings, lenses=lenses, tuned=choice, home=home)


def _path_of(home: Path, machine: Machine, sha256: str) -> Path:
    # A home may be shared by machines.
    key = hashlib.sha256(repr((machine, sha256)).encode()).hexdigest()[:16]
    return home / FOLDER / f"{key}.json"
