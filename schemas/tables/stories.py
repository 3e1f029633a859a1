"""Stories: which articles tell the same news, and by what they are recognised."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, PrimaryKeyConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import ArticleId, Base, Now, RowId


class Story(Base):
    """Two or more articles that tell the same news."""

    __tablename__ = "story"
    __table_args__ = (Index(None, "last_seen_at"),)

    id: Mapped[RowId]
    first_article_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("article.id", ondelete="SET NULL", use_alter=True), index=True
    )
    """Who had it first: published first or, where that is not said, seen first."""
    articles: Mapped[int]
    """How many tell it; at least 2."""
    first_seen_at: Mapped[Now]
    last_seen_at: Mapped[Now]
    """When the mill took in the first and the last of them."""


class Signature(Base):
    """By what an article is recognised as telling known news; kept for a window of days."""

    __tablename__ = "signature"
    # No BRIN: newcomers fill the room of those that were thinned out, so that all times lie mixed.
    __table_args__ = (Index(None, "created_at"),)

    article_id: Mapped[ArticleId] = mapped_column(primary_key=True)
    told_at: Mapped[Now]
    """When it was published or, where that is not said, first seen."""
    hashes: Mapped[bytes] = mapped_column(LargeBinary)
    """MinHash of title and text."""
    keys: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    """Of its rows in `band`."""
    created_at: Mapped[Now]


class Band(Base):
    """One key of a signature: articles with alike wording have at least one in common.

    No foreign key: its check would cost more than the row. Rows go with their signature.
    """

    __tablename__ = "band"
    __table_args__ = (PrimaryKeyConstraint("key", "article_id"),)

    key: Mapped[int] = mapped_column(BigInteger)
    article_id: Mapped[int] = mapped_column(BigInteger)
