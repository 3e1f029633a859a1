"""What all tables share: the mapped base, the names of constraints, columns that recur."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Interval, MetaData, Text, func, text as sql
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, mapped_column

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names that a migration can count on, the same on every database."""

RowId = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
ArticleId = Annotated[int, mapped_column(BigInteger, ForeignKey("article.id", ondelete="CASCADE"))]
Moment = Annotated[datetime, mapped_column(TIMESTAMP(timezone=True))]
Now = Annotated[datetime, mapped_column(TIMESTAMP(timezone=True), server_default=func.now())]
JsonObject = Annotated[dict[str, Any], mapped_column(JSONB, server_default=sql("'{}'"))]
JsonList = Annotated[list[Any], mapped_column(JSONB, server_default=sql("'[]'"))]


class Base(DeclarativeBase):
    """Base of the mapped classes."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy reads it from the class)
        str: Text,
        timedelta: Interval,
        datetime: TIMESTAMP(timezone=True),
    }
