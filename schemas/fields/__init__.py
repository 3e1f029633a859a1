"""The field kinds of a contract, one module each. A new kind is added here and nowhere else."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field as Attribute

from schemas.fields.base import (
    EMPTY,
    ITEM_SEPARATOR,
    BaseField,
    CopySpans,
    DecodePlan,
    ParseContext,
    Parsed,
    ScoreOptions,
    ScoreSet,
    Widget,
    WriteText,
)
from schemas.fields.choice import ChoiceField
from schemas.fields.flag import FlagField
from schemas.fields.links import LinksField
from schemas.fields.names import NamesField
from schemas.fields.points import PointsField
from schemas.fields.scale import ScaleField
from schemas.fields.tags import TagsField
from schemas.fields.text import TextField

AnyField = Annotated[
    ChoiceField
    | FlagField
    | ScaleField
    | NamesField
    | TagsField
    | PointsField
    | TextField
    | LinksField,
    Attribute(discriminator="kind"),
]

FIELD_KINDS: tuple[type[BaseField], ...] = (
    ChoiceField,
    FlagField,
    ScaleField,
    NamesField,
    TagsField,
    PointsField,
    TextField,
    LinksField,
)

__all__ = [
    "EMPTY",
    "FIELD_KINDS",
    "ITEM_SEPARATOR",
    "AnyField",
    "BaseField",
    "ChoiceField",
    "CopySpans",
    "DecodePlan",
    "FlagField",
    "LinksField",
    "NamesField",
    "ParseContext",
    "Parsed",
    "PointsField",
    "ScaleField",
    "ScoreOptions",
    "ScoreSet",
    "TagsField",
    "TextField",
    "Widget",
    "WriteText",
]
