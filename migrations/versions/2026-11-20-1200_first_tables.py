"""First tables: source, article, work, screening, completion, analysis, label, run, build."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

revision = "e7c290a71f17"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, those that others refer to first."""
    _create_source()
    _create_article()
    _create_work()
    _create_screening()
    _create_completion()
    _create_analysis()
    _create_label()
    _create_run()
    _create_build()


def downgrade() -> None:
    """Drop the tables and all that is in them."""
    for table in (
        "build",
        "run",
        "label",
        "analysis",
        "completion",
        "screening",
        "work",
        "article",
        "source",
    ):
        op.drop_table(table)


def _create_source() -> None:
    op.create_table(
        "source",
        _id(),
        _text("kind"),
        _text("location"),
        _text("name"),
        _json("settings"),
        sa.Column("interval", sa.Interval()),
        _flag("paused"),
        _moment("next_due_at"),
        _json("cursor"),
        _moment("last_polled_at"),
        _moment("last_success_at"),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _text("last_error", nullable=True),
        _now("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_source"),
        sa.UniqueConstraint("kind", "location", name="uq_source_kind_location"),
    )
    op.create_index(
        "ix_source_next_due_at",
        "source",
        ["next_due_at"],
        postgresql_where=sa.text("NOT paused"),
    )


def _create_article() -> None:
    op.create_table(
        "article",
        _id(),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        _text("external_id"),
        _text("title"),
        _text("text"),
        _text("url", nullable=True),
        _text("content_key"),
        _moment("published_at"),
        _text("author", nullable=True),
        _text("language", nullable=True),
        _json("links", default="'[]'"),
        _json("metadata"),
        _json("notes", default="'[]'"),
        _now("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_article"),
        sa.UniqueConstraint("content_key", name="uq_article_content_key"),
        sa.UniqueConstraint("url", name="uq_article_url"),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name="fk_article_source_id_source"),
    )
    op.create_index("ix_article_source_id", "article", ["source_id"])
    _index_age("article")


def _create_work() -> None:
    op.create_table(
        "work",
        _text("stage"),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        _text("lens", default="''"),
        _text("state", default="'waiting'"),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("claim_id", sa.Uuid()),
        _moment("lease_until"),
        _flag("alone"),
        _now("due_at"),
        sa.Column("priority", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        _now("enqueued_at"),
        _moment("sent_at"),
        _moment("failed_at"),
        _text("error", nullable=True),
        _text("traceback", nullable=True),
        sa.PrimaryKeyConstraint("stage", "subject_id", "lens", name="pk_work"),
        _check("work", "state", "state IN ('waiting', 'claimed', 'dead')"),
        _check("work", "claim", "(state = 'claimed') = (claim_id IS NOT NULL)"),
        _check("work", "lease", "(claim_id IS NULL) = (lease_until IS NULL)"),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_work_next",
        "work",
        ["stage", sa.text("priority DESC"), sa.text("subject_id DESC"), "lens"],
        postgresql_where=waiting,
    )
    op.create_index(
        "ix_work_unsent",
        "work",
        ["stage", sa.text("sent_at NULLS FIRST")],
        postgresql_where=waiting,
    )
    op.create_index(
        "ix_work_lease_until",
        "work",
        ["lease_until"],
        postgresql_where=sa.text("state = 'claimed'"),
    )
    op.create_index(
        "ix_work_failed_at",
        "work",
        ["failed_at"],
        postgresql_where=sa.text("failed_at IS NOT NULL"),
    )
    # Every row is written three times and then deleted. Vacuum by the number of dead rows: by
    # the default share of the table, a long queue would leave its claims to read through them.
    op.execute(
        "ALTER TABLE work SET (autovacuum_vacuum_threshold = 2000,"
        " autovacuum_vacuum_scale_factor = 0, autovacuum_analyze_threshold = 2000)"
    )


def _create_screening() -> None:
    op.create_table(
        "screening",
        _article_id(),
        _text("lens"),
        sa.Column("lens_version", sa.Integer(), nullable=False),
        _text("decision"),
        _text("rule_id", nullable=True),
        sa.Column("span_start", sa.Integer()),
        sa.Column("span_end", sa.Integer()),
        _text("matched", nullable=True),
        _flag("audit"),
        _now("created_at"),
        sa.PrimaryKeyConstraint("article_id", "lens", "lens_version", name="pk_screening"),
        _check("screening", "decision", "decision IN ('keep', 'drop')"),
        _of_article("screening"),
    )
    _index_age("screening")


def _create_completion() -> None:
    op.create_table(
        "completion",
        _id(),
        _article_id(),
        _text("lens"),
        _text("contract_version"),
        _text("build"),
        _text("stream"),
        _json("readings"),
        sa.Column("prompt_tokens", sa.Integer(), nullable=False),
        sa.Column("completion_tokens", sa.Integer(), nullable=False),
        _json("timings_ms"),
        sa.Column("cpu_s", sa.Double(), nullable=False),
        _text("prompt_hash"),
        sa.Column("left_out", ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        _now("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_completion"),
        sa.UniqueConstraint(
            "article_id",
            "lens",
            "contract_version",
            "build",
            name="uq_completion_article_id_lens_contract_version_build",
        ),
        _of_article("completion"),
    )
    _index_age("completion")


def _create_analysis() -> None:
    op.create_table(
        "analysis",
        _id(),
        _article_id(),
        _text("lens"),
        sa.Column("lens_version", sa.Integer(), nullable=False),
        sa.Column("completion_id", sa.BigInteger()),
        _text("status"),
        _text("reason", nullable=True),
        _json("values"),
        _json("confidences"),
        _json("notes"),
        sa.Column("score", sa.Double()),
        _text("tier", nullable=True),
        _now("created_at"),
        _now("updated_at"),
        sa.PrimaryKeyConstraint("id", name="pk_analysis"),
        sa.UniqueConstraint(
            "article_id", "lens", "lens_version", name="uq_analysis_article_id_lens_lens_version"
        ),
        _check("analysis", "status", "status IN ('complete', 'partial', 'rejected')"),
        _of_article("analysis"),
        sa.ForeignKeyConstraint(
            ["completion_id"],
            ["completion.id"],
            name="fk_analysis_completion_id_completion",
            ondelete="SET NULL",
        ),
    )
    op.create_index("ix_analysis_completion_id", "analysis", ["completion_id"])
    op.create_index(
        "ix_analysis_lens_lens_version_score", "analysis", ["lens", "lens_version", "score"]
    )
    op.create_index("ix_analysis_updated_at", "analysis", ["updated_at"])


def _create_label() -> None:
    op.create_table(
        "label",
        _id(),
        _article_id(),
        _text("lens"),
        sa.Column("lens_version", sa.Integer(), nullable=False),
        _text("field"),
        sa.Column("value", JSONB()),
        _text("giver"),
        _text("giver_kind"),
        _text("prompt_hash", nullable=True),
        _now("created_at"),
        _now("updated_at"),
        sa.PrimaryKeyConstraint("id", name="pk_label"),
        sa.UniqueConstraint(
            "article_id", "lens", "field", "giver", name="uq_label_article_id_lens_field_giver"
        ),
        _check("label", "giver_kind", "giver_kind IN ('person', 'oracle')"),
        _of_article("label"),
    )


def _create_run() -> None:
    op.create_table(
        "run",
        _id(),
        _text("kind"),
        _text("status", default="'running'"),
        _json("recipe"),
        _json("metrics"),
        _text("error", nullable=True),
        _now("started_at"),
        _moment("finished_at"),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        _check("run", "kind", "kind IN ('training', 'evaluation')"),
        _check("run", "status", "status IN ('running', 'done', 'failed')"),
    )


def _create_build() -> None:
    op.create_table(
        "build",
        _text("name"),
        _text("sha256"),
        _json("manifest"),
        _flag("live"),
        sa.Column("run_id", sa.BigInteger()),
        _now("registered_at"),
        sa.PrimaryKeyConstraint("name", name="pk_build"),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name="fk_build_run_id_run", ondelete="SET NULL"
        ),
    )
    op.create_index("ix_build_run_id", "build", ["run_id"])
    op.create_index(
        "uq_build_live", "build", ["live"], unique=True, postgresql_where=sa.text("live")
    )


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False)


def _article_id() -> sa.Column[int]:
    return sa.Column("article_id", sa.BigInteger(), nullable=False)


def _of_article(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["article_id"], ["article.id"], name=f"fk_{table}_article_id_article", ondelete="CASCADE"
    )


def _text(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[str]:
    server_default = None if default is None else sa.text(default)
    return sa.Column(name, sa.Text(), server_default=server_default, nullable=nullable)


def _json(name: str, default: str = "'{}'") -> sa.Column[object]:
    return sa.Column(name, JSONB(), server_default=sa.text(default), nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default=sa.text("false"), nullable=False)


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, TIMESTAMP(timezone=True))


def _now(name: str) -> sa.Column[object]:
    return sa.Column(
        name, TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
    )


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def _index_age(table: str) -> None:
    # Rows come in the order of their time, so a block range index of a few pages will do.
    op.create_index(f"ix_{table}_created_at", table, ["created_at"], postgresql_using="brin")
