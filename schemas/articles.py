"""The records that leave ingest: an article before it has an id, and its links."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class Link(BaseModel):
    """One link of an article's HTML, in the order of the page."""

    model_config = ConfigDict(frozen=True)

    url: str
    text: str = ""


class ArticleDraft(BaseModel):
    """One item of a source, parsed and identified, not yet stored."""

    model_config = ConfigDict(frozen=True)

    external_id: str
    """The source's own id: entry id, Message-ID, corpus id."""
    title: str
    text: str
    """Plain text; paragraphs are parted by one blank line."""
    url: str | None = None
    """Canonical address; None where none identifies the article."""
    address_key: str | None = None
    """The address without what differs between its forms; None where there is no address."""
    content_key: str
    """32 hex digits over the normalised title and text."""
    published_at: datetime | None = None
    """Aware, UTC."""
    author: str | None = None
    language: str | None = None
    """ISO 639-1, as the source states it; else as the text shows, with the detector's confidence
    as `language_detected` in the metadata; None where neither says."""
    links: tuple[Link, ...] = ()
    metadata: dict[str, Any] = {}
    """JSON values of this source's kind, e.g. a mail's subject and sender."""
    notes: tuple[str, ...] = ()
    """What was mended while parsing, one sentence each."""
