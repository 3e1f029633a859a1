"""Sources: what is polled, and the hosts that are left in peace between two requests."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text as sql
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base, JsonList, JsonObject, Moment, Now, RowId


class Source(Base):
    """Something polled: a feed, a mailbox, a folder or a JSONL corpus."""

    __tablename__ = "source"
    __table_args__ = (
        UniqueConstraint("kind", "location"),
        CheckConstraint(
            "state IN ('new', 'healthy', 'failing', 'retired', 'removed')", name="state"
        ),
        Index(None, "next_due_at", postgresql_where=sql("NOT paused")),
    )

    id: Mapped[RowId]
    kind: Mapped[str]
    """Which client and parser read it, e.g. `feed` or `jsonl`."""
    location: Mapped[str]
    """A URL or an absolute path."""
    name: Mapped[str]
    """What a person calls it; until then what it calls itself, or its location."""
    folder: Mapped[str | None]
    """Where a person has filed it; a path such as `News/World`."""
    settings: Mapped[JsonObject]
    """What only this kind of source needs to know."""
    interval: Mapped[timedelta | None]
    """From one poll to the next; null for a source that is read once, when asked."""
    rhythm: Mapped[timedelta | None]
    """What polls have made of the interval, for a source whose changes it follows."""
    state: Mapped[str] = mapped_column(server_default=sql("'new'"))
    """How its last poll went. `retired`: it is gone for good; `removed`: a person wants it no
    more, and only its articles remain."""
    paused: Mapped[bool] = mapped_column(server_default=sql("false"))
    next_due_at: Mapped[Moment | None]
    cursor: Mapped[JsonObject]
    """Where the last poll stopped: ETag, Last-Modified, offset, UID."""
    last_polled_at: Mapped[Moment | None]
    last_success_at: Mapped[Moment | None]
    last_item_at: Mapped[Moment | None]
    """When a poll last brought an article that was new."""
    failures: Mapped[int] = mapped_column(server_default=sql("0"))
    """Polls that failed since the last one that did not."""
    last_error: Mapped[str | None]
    """Of the last poll, if it failed: the reason in words."""
    notes: Mapped[JsonList]
    """What was mended or left out at the last poll that went well, one sentence each."""
    created_at: Mapped[Now]


class Host(Base):
    """A server that was asked of late, so that workers do not ask it all at once."""

    __tablename__ = "host"

    name: Mapped[str] = mapped_column(primary_key=True)
    free_at: Mapped[Moment]
    """Until then it is in one worker's hands, or left in peace."""
