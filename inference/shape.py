"""How much of the machine an engine takes for a build: what is set, what was tuned, the default.

Also estimates the memory of a shape before anything is loaded. Measures nothing.
"""

from __future__ import annotations

from inference.builds import Build
from inference.cpu import usable_cores
from inference.gguf_header import ModelSizes, read_sizes
from inference.tuning import Choice, Load, can_be
from schemas.settings import InferenceSettings

SLOT_STEP = 256
SMALL_MODEL_BYTES = 64_000_000
EXPLAINED_TOKENS = 480
"""Of a question that explains its fields."""
INSTRUCTION_TOKENS = 512
"""More, for a build that is told of its lenses beforehand: its questions are shorter then."""
LISTED_TOKENS = 352
"""Of a brief question and of an answer's names, tags and closed fields, as long as most may be."""
QUESTION_TOKENS = 100
"""Of a lens: about, for tuning."""
CLOSED_STEPS = 20
"""Tokens of the closed fields, names and delimiters of an answer: about, for tuning."""
WRITTEN_TEXTS = 2
"""Of the editorial lens."""

PROCESS_BYTES = 150_000_000
"""Python, NumPy, Celery and llama.cpp's library."""

_KV_BYTES = {"f16": 2.0, "q8_0": 34 / 32}
"""Of one number; a block of 32 has a scale of its own."""


def default_choice(build: Build, cores: int | None = None) -> Choice:
    """Give a large model all cores and 16 sequences, and a small one a core to itself.

    A small model has hundreds of barriers to a step and hardly any work between them. Where other
    processes want the cores too, two threads read a tenth of the articles that one reads.
    """
    is_small = build.model_path.stat().st_size < SMALL_MODEL_BYTES
    if is_small:
        return Choice(threads=1)
    # A step of 16 rows takes 1.5 times as long as one of 8: bench/inference.py has both.
    return Choice(threads=cores or usable_cores(), sequences=16)


def apply_settings(choice: Choice, settings: InferenceSettings) -> Choice:
    """Let what is set explicitly win; what does not go together with it gives way."""
    given = explicit(settings)
    chosen = choice.model_copy(update=given)
    if can_be(chosen):
        return chosen
    gives_way = {"kv_type": "f16"} if "flash_attention" in given else {"flash_attention": True}
    return chosen.model_copy(update=gives_way)


def explicit(settings: InferenceSettings) -> dict[str, object]:
    """Give what the settings do not leave open, by the names of a choice."""
    given = {
        "threads": settings.threads or None,
        "sequences": settings.sequences or None,
        "flash_attention": None if settings.flash_attention == "auto" else settings.flash_attention,
        "ubatch": settings.ubatch or None,
        "kv_type": None if settings.kv_type == "auto" else settings.kv_type,
    }
    return {name: value for name, value in given.items() if value is not None}


def budget_of(build: Build, settings: InferenceSettings) -> int:
    """Say how many tokens of an article are read."""
    return settings.budget_tokens or build.manifest.budget_tokens


def slot_tokens(build: Build, budget: int) -> int:
    """Say how long a sequence may be: the article's budget, some slack, question and answer."""
    wanted = budget + budget // 4 + EXPLAINED_TOKENS + answer_tokens(build)
    if build.style.prompt == "full":
        wanted += INSTRUCTION_TOKENS
    return min(build.manifest.n_ctx_train, -(-wanted // SLOT_STEP) * SLOT_STEP)


def answer_tokens(build: Build) -> int:
    """Say for how long an answer an article leaves room; what is longer may lose its last fields.

    A brief question fits in beside it. Without a bound, a lens of many long lists would leave no
    room for the article itself.
    """
    return LISTED_TOKENS + WRITTEN_TEXTS * build.manifest.text_tokens


def instruction_room(build: Build, budget: int) -> int:
    """Say how many tokens of a sequence an instruction may take."""
    if build.style.prompt != "full":
        return 0
    return slot_tokens(build, budget) - budget - budget // 4 - answer_tokens(build)


def typical_load(build: Build, budget: int) -> Load:
    """Say what an article of this build asks for, about."""
    writes = build.manifest.text_mode == "generate"
    steps = CLOSED_STEPS + writes * WRITTEN_TEXTS * build.manifest.text_tokens
    room = slot_tokens(build, budget) - CLOSED_STEPS
    return Load(min(budget + QUESTION_TOKENS, room), steps)


def memory_needed(build: Build, settings: InferenceSettings, choice: Choice) -> int:
    """Estimate the bytes that a build takes when it is open; its file is looked at."""
    return estimate_memory(
        read_sizes(build.model_path),
        build.model_path.stat().st_size,
        choice,
        slot_tokens(build, budget_of(build, settings)),
    )


def estimate_memory(
    sizes: ModelSizes, file_bytes: int, choice: Choice, sequence_tokens: int
) -> int:
    """Estimate the bytes a loaded build takes at its peak, a little too high.

    The file counts twice: once as it is mapped, once more as llama.cpp lays it out for the CPU.
    The kernel can take the mapped half back.
    """
    cells = choice.sequences * sequence_tokens
    numbers = sizes.layers * sizes.kv_heads * (sizes.key_width + sizes.value_width)
    cache = cells * numbers * _KV_BYTES[choice.kv_type]
    rows = max(choice.ubatch, choice.sequences)
    scores = 0 if choice.flash_attention else rows * sizes.heads * sequence_tokens
    work = 4 * (rows * (8 * sizes.width + 3 * sizes.feed_forward) + scores)
    logits = 4 * choice.sequences * sizes.vocabulary
    return int(2 * file_bytes + cache + work + logits) + PROCESS_BYTES
