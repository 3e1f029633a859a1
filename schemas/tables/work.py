"""Work: the queue of record, and the effort at which each stage goes through it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    text as sql,
)
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base, JsonObject, Moment, Now


class Work(Base):
    """The queue of record: one row for all that waits, is claimed or is dead.

    A row that is done is deleted. Redis only carries messages that say "look here".
    """

    __tablename__ = "work"
    __table_args__ = (
        PrimaryKeyConstraint("stage", "subject_id", "lens"),
        CheckConstraint("state IN ('waiting', 'claimed', 'dead')", name="state"),
        CheckConstraint("(state = 'claimed') = (claim_id IS NOT NULL)", name="claim"),
        CheckConstraint("(claim_id IS NULL) = (lease_until IS NULL)", name="lease"),
        # What a claim reads, in the order in which it takes: most urgent, then newest.
        Index(
            "ix_work_next",
            "stage",
            sql("priority DESC"),
            sql("subject_id DESC"),
            "lens",
            postgresql_where=sql("state = 'waiting'"),
        ),
        # What a sweep reads: messages never sent first, then those sent longest ago.
        Index(
            "ix_work_unsent",
            "stage",
            sql("sent_at NULLS FIRST"),
            postgresql_where=sql("state = 'waiting'"),
        ),
        Index(None, "lease_until", postgresql_where=sql("state = 'claimed'")),
        Index(None, "failed_at", postgresql_where=sql("failed_at IS NOT NULL")),
    )

    stage: Mapped[str]
    subject_id: Mapped[int] = mapped_column(BigInteger)
    """Of a source, an article or a completion, as the stage has it."""
    lens: Mapped[str] = mapped_column(server_default=sql("''"))
    """Empty where the stage does not work lens by lens."""
    state: Mapped[str] = mapped_column(server_default=sql("'waiting'"))
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=sql("0"))
    """Begun, not finished: counted and committed before the work."""
    claim_id: Mapped[UUID | None]
    """The fence: only who holds it may finish, fail or release the row."""
    lease_until: Mapped[Moment | None]
    alone: Mapped[bool] = mapped_column(server_default=sql("false"))
    """An attempt failed: it is claimed by itself, lest it takes its neighbours along."""
    due_at: Mapped[Now]
    priority: Mapped[int] = mapped_column(SmallInteger, server_default=sql("0"))
    """Higher goes first."""
    enqueued_at: Mapped[Now]
    sent_at: Mapped[Moment | None]
    """When a message that names this row was last sent; null asks the sweep to send one."""
    failed_at: Mapped[Moment | None]
    error: Mapped[str | None]
    """Of the last attempt, one line."""
    traceback: Mapped[str | None]


class Pace(Base):
    """At which effort a stage works now; shared by all its workers, whichever machine they run on.

    Not history: one row a stage, written every few seconds while there is work.
    """

    __tablename__ = "pace"

    stage: Mapped[str] = mapped_column(primary_key=True)
    effort: Mapped[str] = mapped_column(server_default=sql("'full'"))
    reason: Mapped[str]
    """Why it is this effort, in words."""
    since: Mapped[Moment]
    """When the effort changed last."""
    measured: Mapped[JsonObject]
    """The rates on which the next decision rests."""
    looked_at: Mapped[Moment]
    """When a worker looked at the load last."""
