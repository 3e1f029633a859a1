"""A contract: the ordered, typed fields that a lens asks for, and the stream that answers it.

A stream is the values in contract order, parted by ` ||| `: no keys, no JSON. This module
knows how a stream is put together and taken apart; what a part means, its field knows.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field as Attribute, field_validator

from schemas.fields import EMPTY, AnyField

DELIMITER = " ||| "

_DELIMITER_SEEN = re.compile(r"\|{3,}")
"""As a careless model may write it, with more bars; of the parts, white space is taken off."""


class Contract(BaseModel):
    """The fields of a lens, in the order in which the model is asked for them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: tuple[AnyField, ...] = Attribute(min_length=1, max_length=40)

    @field_validator("fields")
    @classmethod
    def _check_names(cls, fields: tuple[AnyField, ...]) -> tuple[AnyField, ...]:
        names = [field.name for field in fields]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the field {twice[0]!r} stands twice")
        if not any(field.asked for field in fields):
            raise ValueError("the model is asked for no field at all")
        return fields

    @cached_property
    def asked(self) -> tuple[AnyField, ...]:
        """The fields of the stream: all but those taken from the HTML."""
        return tuple(field for field in self.fields if field.asked)

    @cached_property
    def version(self) -> str:
        """8 hex digits over what a model must know of the asked fields.

        Taken from the content so that nobody can forget to raise it. Help texts do not count:
        a better explanation does not make old answers wrong.
        """
        shape = [field.model_dump(mode="json", exclude={"help"}) for field in self.asked]
        canonical = json.dumps(shape, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:8]

    def field(self, name: str) -> AnyField:
        """Return the field of that name; KeyError when there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    def render(self, values: Mapping[str, Any]) -> str:
        """Write values as a stream; a missing or null value is written as `none`."""
        parts = (
            EMPTY if values.get(field.name) is None else field.render(values[field.name])
            for field in self.asked
        )
        return DELIMITER.join(parts)

    @staticmethod
    def split(stream: str) -> list[str]:
        """Take any text apart into the parts of a stream, in order."""
        return [part.strip() for part in _DELIMITER_SEEN.split(stream)]
