"""The recipe of a starter build: every number that shapes it, read from one YAML file.

Knows nothing about data or torch: a recipe is plain, frozen data and can be stored with a run.
"""

from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from inference.prompt import PromptStyle
from schemas.errors import ConfigError

RECIPES = Path(__file__).parent / "recipes"


class RecipeError(ConfigError):
    """A recipe file that cannot be used; the message says where and why."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TokeniserRecipe(_Part):
    pieces: int = Field(ge=512)
    """Whole vocabulary with control and byte tokens; a multiple of 256 keeps the head tiled."""
    sample_chars: int
    """Characters of article text that the merges are learned from."""
    alphabet: int
    """Single characters that get a piece of their own; all others fall back to bytes."""


class ModelRecipe(_Part):
    width: int = Field(multiple_of=32)
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    feed_forward: int = Field(multiple_of=32)
    window: int
    """Tokens a sliding-window layer looks back; every sixth layer sees everything."""
    context: int
    """Longest prompt plus answer that the build promises to read, in tokens."""


class PretrainRecipe(_Part):
    steps: int
    minutes: float
    """The stage ends after `steps` or `minutes`, whatever is first; so does its schedule."""
    sequence: int
    """Tokens of one packed row."""
    rows: int
    """Packed rows of one optimiser step."""
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    prompt_share: float
    """Share of the rows that are written as serving prompts with their answers."""
    bf16: bool


class SftRecipe(_Part):
    steps: int
    minutes: float
    tokens: int
    """Tokens of one optimiser step, padding included."""
    budget_tokens: int
    """Longest article text in a prompt, in tokens, as serving compresses it."""
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    prompt_loss: float
    """Loss on the prompt's own tokens, as a share of that on the answers: keeps the language."""
    balance: float
    """Exponent of a label's frequency in sampling: 1 as found, 0 all labels alike."""
    mixture: dict[str, float]
    """Share of the rows of one corpus and lens, named `corpus.lens`."""
    bf16: bool


class ExportRecipe(_Part):
    file_type: str
    """`Q8_0` or `F16`."""
    max_bytes: int


class Recipe(_Part):
    name: str
    seed: int
    prompt: Literal["tag", "brief"]
    """How the build is asked: `tag` names the lens, `brief` its fields too. A lens is always asked
    for its whole contract in training, so either is the same words for each of its articles."""
    tokeniser: TokeniserRecipe
    model: ModelRecipe
    pretrain: PretrainRecipe
    sft: SftRecipe
    export: ExportRecipe

    @property
    def style(self) -> PromptStyle:
        """The prompts that the build is trained on, and that its manifest asks serving for."""
        return PromptStyle(self.prompt, "starter")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a recipe; raise RecipeError naming the file and the faulty entry."""
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, yaml.YAMLError, ValidationError) as error:
            raise RecipeError(f"{path}: {error}") from error
