"""The tables of Newsmill, as typed mapped classes.

Columns, keys and indexes only: queries live in `store/`, changes of shape in `migrations/`.
Every time is a `timestamptz`, and "now" is always the database's clock, so that two machines
whose clocks differ agree on what is due. A relationship never loads by itself (`lazy="raise"`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Interval,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text as sql,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

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


class Article(Base):
    """One item of a source. Kept for good, also when every lens drops it."""

    __tablename__ = "article"
    __table_args__ = (
        UniqueConstraint("content_key"),
        UniqueConstraint("address_key"),
        Index(None, "source_id", "external_id"),
        Index(None, "story_id", postgresql_where=sql("story_id IS NOT NULL")),
        Index(None, "created_at", postgresql_using="brin"),
    )

    id: Mapped[RowId]
    source_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("source.id"))
    external_id: Mapped[str]
    """The source's own id: entry id, Message-ID, corpus id."""
    title: Mapped[str]
    text: Mapped[str]
    """Plain text; paragraphs are parted by one blank line."""
    url: Mapped[str | None]
    """Canonical address; null where none identifies the article."""
    address_key: Mapped[str | None]
    """The same for all forms of the address: http or https, mobile, AMP."""
    content_key: Mapped[str]
    """32 hex digits over the title and text that the source gave, normalised."""
    revision: Mapped[int] = mapped_column(server_default=sql("1"))
    """Counts the source's edits; what they replaced is in `revision`."""
    story_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("story.id", ondelete="SET NULL")
    )
    """Null while no other article tells the same news."""
    story_similarity: Mapped[float | None]
    """To its nearest neighbour in the story, when it joined: 0 to 1."""
    published_at: Mapped[Moment | None]
    author: Mapped[str | None]
    language: Mapped[str | None]
    """ISO 639-1, as the source states it or, noted in `metadata`, as its text shows."""
    links: Mapped[JsonList]
    """`[{"url": …, "text": …}]`, in the order of the page."""
    details: Mapped[JsonObject] = mapped_column("metadata", JSONB, server_default=sql("'{}'"))
    """The draft's `metadata`, a name that the mapped base keeps for itself."""
    notes: Mapped[JsonList]
    """What was mended on the way in, one sentence each."""
    created_at: Mapped[Now]


class Revision(Base):
    """What an article said before its source edited it."""

    __tablename__ = "revision"
    __table_args__ = (PrimaryKeyConstraint("article_id", "number"),)

    article_id: Mapped[ArticleId]
    number: Mapped[int]
    """1 for the article as it first came."""
    title: Mapped[str]
    text: Mapped[str]
    content_key: Mapped[str]
    replaced_at: Mapped[Now]


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
    __table_args__ = (Index(None, "created_at", postgresql_using="brin"),)

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


class Screening(Base):
    """The prefilter's decision on one article for one lens."""

    __tablename__ = "screening"
    __table_args__ = (
        PrimaryKeyConstraint("article_id", "lens", "lens_version"),
        CheckConstraint("decision IN ('keep', 'drop')", name="decision"),
        Index(None, "created_at", postgresql_using="brin"),
    )

    article_id: Mapped[ArticleId]
    lens: Mapped[str]
    lens_version: Mapped[int]
    decision: Mapped[str]
    rule_id: Mapped[str | None]
    """The rule that decided; null where none matched and the lens's default did."""
    span_start: Mapped[int | None]
    """Where the match begins in what the rules were shown, in characters."""
    span_end: Mapped[int | None]
    matched: Mapped[str | None]
    """The text of the span."""
    audit: Mapped[bool] = mapped_column(server_default=sql("false"))
    """Dropped, but drawn by chance to go on, so that the rules' misses can be seen."""
    created_at: Mapped[Now]


class Completion(Base):
    """A stored stream: what one build answered about one article through one lens."""

    __tablename__ = "completion"
    __table_args__ = (
        UniqueConstraint("article_id", "lens", "contract_version", "build"),
        CheckConstraint("effort IN ('full', 'short', 'closed', 'gate')", name="effort"),
        Index(None, "read_as_article_id", postgresql_where=sql("read_as_article_id IS NOT NULL")),
        Index(None, "text_key", postgresql_where=sql("read_as_article_id IS NULL")),
        Index(None, "created_at", postgresql_using="brin"),
    )

    id: Mapped[RowId]
    article_id: Mapped[ArticleId]
    lens: Mapped[str]
    contract_version: Mapped[str]
    """8 hex digits over the asked fields."""
    build: Mapped[str]
    """The build's name; a completion outlives the build's row."""
    stream: Mapped[str]
    readings: Mapped[JsonObject]
    """Field name → how it was decoded: text, confidence, probabilities, note."""
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    timings_ms: Mapped[JsonObject]
    """Phase → wall-clock milliseconds."""
    cpu_s: Mapped[float]
    """CPU seconds, this article's share of its batch."""
    prompt_hash: Mapped[str]
    """16 hex digits over the prompt's bytes."""
    left_out: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=sql("'{}'"))
    """Fields that were not asked, on purpose or because the build does not know them."""
    effort: Mapped[str] = mapped_column(server_default=sql("'full'"))
    """How much of the article was read; below full effort, it is read in full later."""
    postponed: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=sql("'{}'"))
    """Of the fields left out, those that are read later."""
    text_key: Mapped[str | None]
    """32 hex digits over the title and text that were read, the same where they agree."""
    read_as_article_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("article.id", ondelete="SET NULL")
    )
    """The article of the same title and text that was read instead; null: this one was read."""
    created_at: Mapped[Now]


class Analysis(Base):
    """The validated row of one article under one lens version."""

    __tablename__ = "analysis"
    __table_args__ = (
        UniqueConstraint("article_id", "lens", "lens_version"),
        CheckConstraint("status IN ('complete', 'partial', 'rejected')", name="status"),
        CheckConstraint("effort IN ('full', 'short', 'closed', 'gate')", name="effort"),
        Index(None, "lens", "lens_version", "score"),
        Index(None, "updated_at"),
    )

    id: Mapped[RowId]
    article_id: Mapped[ArticleId]
    lens: Mapped[str]
    lens_version: Mapped[int]
    completion_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("completion.id", ondelete="SET NULL"), index=True
    )
    """Null where the values came from a label."""
    status: Mapped[str]
    reason: Mapped[str | None]
    """What is to be said of the whole row: why it was rejected, how it was read and scored."""
    values: Mapped[JsonObject]
    """Field name → value; a field that could not be read is absent or null."""
    confidences: Mapped[JsonObject]
    """Field name → 0 to 1."""
    notes: Mapped[JsonObject]
    """Field name → why the value is null or was mended."""
    score: Mapped[float | None]
    """0 to 10, over the lens's weights."""
    tier: Mapped[str | None]
    effort: Mapped[str] = mapped_column(server_default=sql("'full'"))
    """Of the completion. Below full effort, the row is made whole later."""
    postponed: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=sql("'{}'"))
    """Fields that are null by choice, for the time being; any other null is a failure."""
    created_at: Mapped[Now]
    updated_at: Mapped[Now]

    article: Mapped[Article] = relationship(lazy="raise")
    completion: Mapped[Completion | None] = relationship(lazy="raise")


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
    """When the first worker held it."""
    refused_by: Mapped[str | None]
    """The machine whose worker could not hold it."""
    refused_at: Mapped[Moment | None]
    refusal: Mapped[str | None]
    """Why not."""
