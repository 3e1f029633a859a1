"""Verdicts on the model: how it was tuned, which build is live. All from facts that are given."""

from __future__ import annotations

from collections.abc import Iterable

from inference.builds import Build
from inference.tuned import Tuned
from inference.tuning import Choice
from newsmill.doctor.check import Check, Status, fail, ok, warn
from schemas.lens import Lens
from store.builds import MOST_OPENINGS, Live, describe_deadly


def judge_tuning(build: str, tuned: Tuned | None, choice: Choice) -> Check:
    """Say how the build is opened here. Without a result it runs as well, if not as fast."""
    spins = "as libgomp has it" if choice.spins is None else str(choice.spins)
    shape = (
        f"{choice.threads} thread{'s' * (choice.threads > 1)} (spins {spins}), "
        f"{choice.sequences} sequences, "
        f"ubatch {choice.ubatch}, cache {choice.kv_type}, "
        f"flash attention {'on' if choice.flash_attention else 'off'}"
    )
    if tuned is None:
        mend = "newsmill tune finds what is fastest here, in about a minute"
        return Check("tuning", Status.OK, f"{build} is not tuned for this machine: {shape}", mend)
    return ok("tuning", f"{build}, tuned for this machine on {tuned.at:%Y-%m-%d}: {shape}")


def judge_answers(build: Build, lenses: Iterable[Lens]) -> Check:
    """Say which lenses in use a build cannot answer at all: articles are read for them in vain."""
    unknown = [lens.name for lens in lenses if not build.known_fields(lens.name, lens.contract)]
    if not unknown:
        return ok("answers", f"{build.name} answers every lens in use")
    detail = f"{build.name} was not trained on {', '.join(unknown)}: all of its fields stay null"
    mend = (
        "newsmill models pull gemma-3-1b, which answers any lens; or leave it out with "
        "NEWSMILL_LENSES"
    )
    return warn("answers", detail, mend)


def judge_live(live: Live | None, default: str, openings: int = 0) -> Check:
    """Say which build the workers are to hold, and whether one could not.

    openings: of the settings' build, those that have ended its worker.
    """
    if live is None and openings >= MOST_OPENINGS:
        mend = "mend what the other checks name, or use another build; newsmill up tries it again"
        return fail("build", describe_deadly(default), mend)
    if live is None:
        return ok("build", f"{default}, by NEWSMILL_INFERENCE__BUILD: none was made live")
    detail = f"{live.name}, live since {live.deployed_at:%Y-%m-%d %H:%M}"
    if live.refusal:
        detail += f", refused by {live.refused_by}: {live.refusal}"
        mend = f"newsmill models back; or mend it, then newsmill models use {live.name}"
        return warn("build", detail, mend)
    if default not in (live.name, "starter"):
        detail += f"; NEWSMILL_INFERENCE__BUILD={default} holds when it is taken back"
    return ok("build", detail)
