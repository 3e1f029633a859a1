"""Builds on disk: a folder with `model.gguf` and `build.json`, checked before it is used.

Knows where builds lie and what their manifests say; knows nothing about llama.cpp or training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field as Attribute,
    ValidationError,
    field_validator,
    model_validator,
)

from inference.calibration import Calibration
from inference.gates import BuildGate

# Whoever writes a manifest takes `hash_file` from here too.
from inference.hashing import hash_file as hash_file, recall_hash  # noqa: PLC0414
from inference.prompt import PromptStyle
from schemas.contract import Contract
from schemas.errors import ConfigError
from schemas.faults import tell_fault
from schemas.settings import Settings

MANIFEST_FILE = "build.json"
MODEL_FILE = "model.gguf"

_MAGIC = b"GGUF"
_OLDEST_VERSION = 2


class KnownContract(BaseModel):
    """A contract that a build was trained on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    fields: tuple[str, ...]


class Manifest(BaseModel):
    """What `build.json` says. Keys that this version does not know are kept by their writers."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    sha256: str = Attribute(pattern=r"^[0-9a-f]{64}$")
    """Of `model.gguf`."""
    created: datetime
    base: str
    """What it was made from: a hub repository, or `scratch`."""
    prompt: Literal["tag", "brief", "full"]
    """`tag`: the lens's name, `brief`: its fields' names as well, both for a build that was trained
    on them; `full`: an instruction."""
    chat: Literal["starter", "gemma"]
    """Turn markers; `starter` also numbers the sentences."""
    text_mode: Literal["generate", "pointers", "skip"]
    """How free text is answered: written, pointed at in the article, or not at all."""
    text_tokens: int = Attribute(default=96, ge=8, le=1024)
    """Longest written text, in tokens."""
    n_ctx_train: int = Attribute(ge=128)
    """Longest prompt and answer that the model was made for, in tokens."""
    contracts: dict[str, KnownContract] | None = None
    """Lens → contract that it was trained on; None: an instruct model that takes any."""
    budget_tokens: int = Attribute(default=500, ge=32)
    """Tokens of an article that it was trained to read."""
    gates: dict[str, BuildGate] = {}
    """Lens → the gate at which it may stop reading; what is absent is always read in full."""
    licence: str = "unknown"
    scores: dict[str, Any] = {}
    calibration: dict[str, dict[str, Calibration]] = {}
    """Lens → field → how its confidence is calibrated; what is absent keeps the model's shares."""

    @field_validator("gates")
    @classmethod
    def _check_leads(cls, gates: dict[str, BuildGate]) -> dict[str, BuildGate]:
        # Lenses share what is read of an article, so it is divided in one place for all of them.
        if len({gate.lead_tokens for gate in gates.values()}) > 1:
            raise ValueError("the gates of a build need the same lead_tokens; calibrate them anew")
        return gates

    @model_validator(mode="after")
    def _check_prompt(self) -> Self:
        if self.prompt == "tag" and self.contracts is None:
            raise ValueError("prompt 'tag' needs contracts: what a lens's name stands for")
        return self


@dataclass(frozen=True)
class Build:
    """A build that has a folder."""

    folder: Path
    manifest: Manifest

    @property
    def model_path(self) -> Path:
        return self.folder / MODEL_FILE

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def style(self) -> PromptStyle:
        return PromptStyle(self.manifest.prompt, self.manifest.chat)

    def known_fields(self, lens: str, contract: Contract) -> tuple[str, ...]:
        """Name the fields of a contract that this build can answer, in the order it learned.

        A build trained on another version of the contract is only asked for the fields that it
        was trained on and that the contract still has.
        """
        asked = tuple(field.name for field in contract.asked)
        if self.manifest.contracts is None:
            return asked
        known = self.manifest.contracts.get(lens)
        if known is None:
            return ()
        return tuple(name for name in known.fields if name in asked)

    def question_fields(self, lens: str, readable: tuple[str, ...]) -> tuple[str, ...]:
        """Name the fields to ask for, in this build's order, so that these can be read.

        An instruction can ask for any. A build that has learned one question about the lens is
        asked that one, with all its fields, also those that the contract no longer has.
        """
        learned = (self.manifest.contracts or {}).get(lens)
        if not readable or learned is None or self.style.prompt == "full":
            return readable
        return learned.fields


def resolve_build(settings: Settings, name: str | None = None) -> Build:
    """Find a build by name (shipped or pulled) or by path, and read its manifest.

    Raises:
        ConfigError: there is no such build, or its manifest or file cannot be used.
    """
    name = name or settings.inference.build
    folders = (settings.home / "models" / name, settings.models_dir / name, Path(name))
    for folder in folders:
        if (folder / MANIFEST_FILE).is_file():
            return load_build(folder)
    if there := next((folder for folder in folders if folder.exists()), None):
        raise ConfigError(
            f"{there}: no build: that is a folder with {MODEL_FILE} and {MANIFEST_FILE}, "
            f"as {settings.models_dir / 'starter'}"
        )
    known = ", ".join(build.name for build in list_builds(settings)) or "none"
    raise ConfigError(
        f"no build {name!r}: builds here are {known}; get one with 'newsmill models pull'"
    )


def list_builds(settings: Settings) -> list[Build]:
    """List the usable builds; a pulled one, be it damaged, hides a shipped one of its name."""
    found: dict[str, Build | ConfigError] = {}
    for folder, build in _look_around(settings):
        found.setdefault(folder.name, build)
    return [build for build in found.values() if isinstance(build, Build)]


def list_faults(settings: Settings) -> dict[Path, str]:
    """Say of each build here that cannot be used what is wrong with it, by its folder."""
    found = _look_around(settings)
    return {folder: str(fault) for folder, fault in found if isinstance(fault, ConfigError)}


def _look_around(settings: Settings) -> Iterator[tuple[Path, Build | ConfigError]]:
    for parent in (settings.home / "models", settings.models_dir):
        for manifest in sorted(parent.glob(f"*/{MANIFEST_FILE}")):
            try:
                yield manifest.parent, load_build(manifest.parent)
            except ConfigError as fault:
                yield manifest.parent, fault


def load_build(folder: Path) -> Build:
    """Read a build's manifest and look at its file's header; the checksum is `verify_build`'s."""
    path = folder / MANIFEST_FILE
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "not JSON" if first["type"] == "json_invalid" else ".".join(map(str, first["loc"]))
        told = ": ".join(filter(None, (place, tell_fault(first))))
        raise ConfigError(f"{path}: {told}") from None
    build = Build(folder, manifest)
    check_header(build.model_path)
    return build


def verify_build(build: Build, home: Path | None = None) -> None:
    """Compare the file with its checksum; with a home, a file is hashed once as long as it stays.

    Raises:
        ConfigError: the file is not the one that the manifest names.
    """
    path = build.model_path
    found = hash_file(path) if home is None else recall_hash(path, home)
    if found != build.manifest.sha256:
        raise ConfigError(
            f"{build.model_path}: damaged: its SHA-256 is {found[:12]}…, "
            f"{MANIFEST_FILE} says {build.manifest.sha256[:12]}…; pull or build it again"
        )


def check_header(path: Path) -> None:
    """Refuse a file that is no GGUF of a version that llama.cpp reads."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    version = int.from_bytes(head[4:8], "little")
    if head[:4] != _MAGIC or len(head) < 8:
        raise ConfigError(f"{path}: not a GGUF file; pull or build it again")
    if not _OLDEST_VERSION <= version < 1 << 16:
        raise ConfigError(f"{path}: GGUF version {version} cannot be read; convert it anew")
