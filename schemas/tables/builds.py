"""Builds: the models that this database knows, the runs that made them, and which is live."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text as sql
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base, JsonObject, Moment, Now, RowId


class Build(Base):
    """A deployable model that this database knows; its files lie in the models folder."""

    __tablename__ = "build"
    __table_args__ = (
        # At most one row may say true.
        Index("uq_build_live", "live", unique=True, postgresql_where=sql("live")),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    """Of the GGUF."""
    manifest: Mapped[JsonObject]
    """The build's `build.json`: base, prompt, contracts it knows, scores, licence."""
    live: Mapped[bool] = mapped_column(server_default=sql("false"))
    """The one that inference workers are to hold."""
    run_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("run.id", ondelete="SET NULL"), index=True
    )
    """The training run that made it, if that ran here."""
    registered_at: Mapped[Now]
    openings: Mapped[JsonObject]
    """By machine: how often opening it was begun and has not ended, but perhaps the process."""


class Run(Base):
    """One training or evaluation run, with the recipe as it was resolved."""

    __tablename__ = "run"
    __table_args__ = (
        CheckConstraint("kind IN ('training', 'evaluation')", name="kind"),
        CheckConstraint("status IN ('running', 'done', 'failed')", name="status"),
    )

    id: Mapped[RowId]
    kind: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=sql("'running'"))
    recipe: Mapped[JsonObject]
    metrics: Mapped[JsonObject]
    error: Mapped[str | None]
    started_at: Mapped[Now]
    finished_at: Mapped[Moment | None]


class Deployment(Base):
    """One time that a build was made live; the topmost that was not taken back counts."""

    __tablename__ = "deployment"

    id: Mapped[RowId]
    build: Mapped[str] = mapped_column(ForeignKey("build.name", ondelete="CASCADE"), index=True)
    reason: Mapped[str | None]
    """Why, in the words of whoever did it."""
    deployed_at: Mapped[Now]
    taken_back_at: Mapped[Moment | None]
    taken_on_at: Mapped[Moment | None]
    """When the first worker had read an article with it."""
    refused_by: Mapped[str | None]
    """The machine whose worker could not hold it."""
    refused_at: Mapped[Moment | None]
    refusal: Mapped[str | None]
    """Why not."""
