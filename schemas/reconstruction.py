"""From a stream to typed values: the schema reconstructor.

Any text gives either values, with a note for every field that was salvaged or could not be
read, or a `Rejection` with its reason. Pure: the same stream, contract and context give the
same result, so history can be rebuilt without the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from schemas.contract import Contract
from schemas.fields import AnyField, ParseContext, Parsed

MAX_STREAM_CHARS = 100_000
"""No contract asks for more; a longer text is a runaway, and only its beginning is read."""


class Reconstruction(BaseModel):
    """The values of one stream. Every value that is not None is valid against its field."""

    model_config = ConfigDict(frozen=True)

    values: dict[str, Any]
    """Field name → value, None where unreadable; all fields of the contract, in its order."""
    notes: dict[str, str]
    """Field name → what was salvaged, or why there is no value."""
    status: Literal["complete", "partial"]
    """`partial`: at least one field has no value."""


class Rejection(BaseModel):
    """The stream holds nothing that the contract could use."""

    model_config = ConfigDict(frozen=True)

    reason: str


def reconstruct(
    stream: str,
    contract: Contract,
    context: ParseContext,
    unread: Mapping[str, str] | None = None,
) -> Reconstruction | Rejection:
    """Read a stream against a contract.

    Args:
        stream: any text; parts in contract order, parted by ` ||| `.
        contract: the fields that were asked for.
        context: what values are checked against (the article's text and links).
        unread: fields that the model was not asked for on purpose → why. Their part of the
            stream is empty and is not a fault of the stream.
    """
    unread = unread or {}
    if not stream.strip():
        return Rejection(reason="the stream is empty")
    parts = contract.split(stream[:MAX_STREAM_CHARS].replace("\x00", ""))
    read = {
        field.name: _read_field(field, place, parts, context, unread)
        for place, field in enumerate(contract.asked)
    }
    if all(parsed.value is None or parsed.value in ([], "") for parsed in read.values()):
        first = next((parsed.note for parsed in read.values() if parsed.note), "all are empty")
        return Rejection(reason=f"no field could be read ({first})")
    for field in contract.fields:
        if not field.asked:
            read[field.name] = field.parse("", context)
    return _assemble(contract, read, surplus=len(parts) - len(contract.asked))


def _read_field(
    field: AnyField,
    place: int,
    parts: list[str],
    context: ParseContext,
    unread: Mapping[str, str],
) -> Parsed:
    if field.name in unread:
        return Parsed(None, unread[field.name])
    if place >= len(parts):
        return Parsed(None, "the stream ended before this field")
    parsed = field.parse(parts[place], context)
    if parsed.value is not None and (wrong := field.validate_value(parsed.value)):
        return Parsed(None, wrong)
    return parsed


def _assemble(contract: Contract, read: dict[str, Parsed], *, surplus: int) -> Reconstruction:
    values = {field.name: read[field.name].value for field in contract.fields}
    notes = {name: parsed.note for name, parsed in read.items() if parsed.note}
    if surplus > 0:
        last = contract.asked[-1].name
        extra = f"{surplus} more parts after the last field were ignored"
        notes[last] = f"{notes[last]}; {extra}" if last in notes else extra
    status: Literal["complete", "partial"] = (
        "partial" if any(value is None for value in values.values()) else "complete"
    )
    return Reconstruction(values=values, notes=notes, status=status)
