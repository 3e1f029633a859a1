"""The one place where a draft is made: every parser ends here, whatever it reads.

Cleans, dates, identifies and caps the raw parts of an item. Knows no format.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ingest.addresses import address_key, choose_address
from ingest.batches import Refused
from ingest.dates import mend_date
from ingest.identity import canonical_url, content_key
from ingest.opaque_links import is_opaque
from ingest.text import ReadText, clean_text, cut_line, one_line
from schemas.articles import ArticleDraft

MAX_TITLE_CHARS = 500
MAX_ID_CHARS = 500
MAX_NAME_CHARS = 200
BORROWED_TITLE_CHARS = 120
MAX_METADATA_CHARS = 2_000
MAX_METADATA_ITEMS = 50
OPAQUE_NOTE = "its link is a redirector's, which does not say where it leads: it identifies nothing"
EMPTY: tuple[Any, ...] = ("", None, [])


@dataclass(slots=True)
class RawItem:
    """The parts of an item as a parser found them; all optional but one."""

    where: str
    """Names the item in its source, e.g. "line 12", for the reason if it is refused."""
    body: ReadText = field(default_factory=ReadText)
    external_id: str = ""
    title: str = ""
    url: str | None = None
    published_at: datetime | None = None
    author: str = ""
    language: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def make_draft(raw: RawItem, now: datetime) -> ArticleDraft | Refused:
    """Make an article of an item, mending what is missing; refuse one that says nothing."""
    notes = list(raw.notes)
    if raw.body.note:
        notes.append(raw.body.note)
    text = raw.body.text
    title = one_line(raw.title)[:MAX_TITLE_CHARS]
    if not title:
        title = _borrow_title(text, raw.url)
        notes.append("the item has no title: its first words stand in")
    if not title:
        return Refused(raw.where, "it has neither title, text nor link")
    published_at, note = mend_date(raw.published_at, now)
    if note:
        notes.append(note)
    url = choose_address(canonical_url(raw.url), canonical_url(raw.body.declared_url))
    is_nobodys = url is not None and is_opaque(url)
    if is_nobodys:
        notes.append(OPAQUE_NOTE)
    key = content_key(title, text, raw.url)
    # All parts were made here, so pydantic's validation (three times the cost) is left out.
    return ArticleDraft.model_construct(
        external_id=one_line(raw.external_id or raw.url or key)[:MAX_ID_CHARS],
        title=title,
        text=text,
        url=url,
        address_key=None if is_nobodys else address_key(url),
        content_key=key,
        published_at=published_at,
        author=one_line(raw.author)[:MAX_NAME_CHARS] or None,
        language=_language(raw.language),
        links=raw.body.links,
        metadata=_clean_metadata(raw.metadata),
        notes=tuple(notes),
    )


def _clean_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _clean_value(value) for name, value in metadata.items() if value not in EMPTY}


def _clean_value(value: Any) -> Any:
    """Make a JSON value storable: strings cleaned and cut, depth and lengths bounded."""
    if isinstance(value, str):
        return clean_text(value[:MAX_METADATA_CHARS])[0]
    if isinstance(value, (list, tuple)):
        return [_clean_value(item) for item in value[:MAX_METADATA_ITEMS] if _is_flat(item)]
    return value if _is_flat(value) else None


def _is_flat(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, (str, int))


def _borrow_title(text: str, url: str | None) -> str:
    """Take the first line, cut at a word; an item without text is named by its address."""
    line = cut_line(text.partition("\n")[0], BORROWED_TITLE_CHARS)
    return line or one_line(url or "")[:MAX_TITLE_CHARS]


def _language(raw: str) -> str | None:
    """Bring "en-US" or "EN_us" to "en"; anything else than a code is no language."""
    code = raw.strip().replace("_", "-").partition("-")[0].lower()
    return code if len(code) in {2, 3} and code.isascii() and code.isalpha() else None
