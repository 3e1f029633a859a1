"""The trial of a build before it takes over: one article, whose answer must be readable.

A file may load and still be no model for the mill: trained on other lenses, or with a vocabulary
that cannot spell an answer. What becomes of a build that fails is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterable

from inference.analyst import Analyst, Request
from schemas.analyses import rebuild
from schemas.errors import ConfigError
from schemas.fields import ParseContext
from schemas.lens import Lens

TITLE = "Council approves new library"
TEXT = (
    "The town council approved a new library on Monday. It will cost two million euros and open "
    "next spring. The opposition called the price too high."
)


def prove(analyst: Analyst, lenses: Iterable[Lens]) -> None:
    """Let a build read an article through the first lens that it knows.

    Raises:
        ConfigError: it knows none of the lenses, or its answer has no readable value.
    """
    name, lenses = analyst.build.name, list(lenses)
    known = [each for each in lenses if analyst.build.known_fields(each.name, each.contract)]
    if not known:
        there = ", ".join(lens.name for lens in lenses)
        raise ConfigError(f"build {name} knows no field of the lenses in use: {there}")
    [(_, completion)] = analyst.analyse([Request("trial", TITLE, TEXT, known[0])])
    analysis = rebuild(completion, known[0], ParseContext(f"{TITLE}\n{TEXT}"))
    if all(value is None for value in analysis.values.values()):
        notes = analysis.reason or "; ".join(analysis.notes.values()) or "no value"
        raise ConfigError(f"build {name} cannot answer {known[0].name}: {notes}")
