"""Labels: the answers that a person or an oracle gave."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import ArticleId, Base, Now, RowId


class Label(Base):
    """A field value given by a person or an oracle."""

    __tablename__ = "label"
    __table_args__ = (
        UniqueConstraint("article_id", "lens", "field", "giver"),
        CheckConstraint("giver_kind IN ('person', 'oracle')", name="giver_kind"),
    )

    id: Mapped[RowId]
    article_id: Mapped[ArticleId]
    lens: Mapped[str]
    lens_version: Mapped[int]
    field: Mapped[str]
    value: Mapped[Any | None] = mapped_column(JSONB)
    """Null says: the article holds no answer."""
    giver: Mapped[str]
    """The person's or the oracle's name."""
    giver_kind: Mapped[str]
    prompt_hash: Mapped[str | None]
    """Of the oracle's prompt."""
    created_at: Mapped[Now]
    updated_at: Mapped[Now]
