"""The catalogue of models that can be pulled: a reviewed file of data.

Knows what the file may say; fetches nothing.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field as Attribute, TypeAdapter, ValidationError

from inference.builds import Manifest
from schemas.errors import ConfigError
from schemas.faults import tell_fault

CATALOGUE_FILE = "catalogue.yaml"


class CatalogueEntry(BaseModel):
    """One model on the hub, and how it wants to be asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Attribute(pattern=r"^[a-z0-9][a-z0-9.-]{0,59}$")
    title: str
    repo: str = Attribute(pattern=r"^[\w.-]+/[\w.-]+$")
    file: str = Attribute(pattern=r"^[\w.-]+\.gguf$")
    revision: str = "main"
    bytes: int = Attribute(gt=0)
    """About; the hub says it exactly."""
    sha256: str | None = Attribute(default=None, pattern=r"^[0-9a-f]{64}$")
    """None: the hub's own checksum is taken, and recorded at the first pull."""
    licence: str
    base: str
    prompt: Literal["brief", "full"] = "full"
    chat: Literal["starter", "gemma"] = "gemma"
    text_mode: Literal["generate", "pointers", "skip"] = "generate"
    n_ctx_train: int = 32_768
    budget_tokens: int = 500

    def to_manifest(self, sha256: str, created: datetime) -> Manifest:
        """Make the manifest of the build that this entry becomes. It takes any contract."""
        return Manifest(
            name=self.name,
            sha256=sha256,
            created=created,
            base=self.base,
            prompt=self.prompt,
            chat=self.chat,
            text_mode=self.text_mode,
            n_ctx_train=self.n_ctx_train,
            contracts=None,
            budget_tokens=self.budget_tokens,
            licence=self.licence,
        )


_ENTRIES = TypeAdapter(tuple[CatalogueEntry, ...])


def load_catalogue(models_dir: Path) -> dict[str, CatalogueEntry]:
    """Read the catalogue; ConfigError naming the file and the entry when it is wrong."""
    path = models_dir / CATALOGUE_FILE
    try:
        entries = _ENTRIES.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path}: entry {place}: {tell_fault(first)}") from None
    return {entry.name: entry for entry in entries}
