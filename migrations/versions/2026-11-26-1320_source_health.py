"""Sources' health and folders, hosts left in peace, and articles' revisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

revision = "b41f6d20c9aa"
down_revision = "b41d6e0f52c8"
branch_labels = None
depends_on = None

STATES = "state IN ('new', 'healthy', 'failing', 'retired', 'removed')"

EDITS = "ix_article_source_id_external_id"


def upgrade() -> None:
    """Add the columns and tables; a source that was read or failed before says so at once."""
    op.add_column("source", sa.Column("folder", sa.Text()))
    op.add_column("source", sa.Column("rhythm", sa.Interval()))
    op.add_column(
        "source", sa.Column("state", sa.Text(), server_default=sa.text("'new'"), nullable=False)
    )
    op.add_column("source", sa.Column("last_item_at", TIMESTAMP(timezone=True)))
    op.add_column(
        "source", sa.Column("notes", JSONB(), server_default=sa.text("'[]'"), nullable=False)
    )
    op.create_check_constraint(op.f("ck_source_state"), "source", STATES)
    op.execute(
        "UPDATE source SET state = CASE WHEN failures > 0 THEN 'failing' ELSE 'healthy' END, "
        "last_item_at = (SELECT max(created_at) FROM article WHERE source_id = source.id) "
        "WHERE last_polled_at IS NOT NULL"
    )
    op.create_table(
        "host",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("free_at", TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_host"),
    )
    op.add_column(
        "article", sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False)
    )
    # Edits are found by the source's own id; the longer index serves the shorter one's readers.
    op.create_index(EDITS, "article", ["source_id", "external_id"])
    op.drop_index("ix_article_source_id", "article")
    _create_revision()


def downgrade() -> None:
    """Take all of it away; what articles said before their last edit is lost."""
    op.drop_table("revision")
    op.create_index("ix_article_source_id", "article", ["source_id"])
    op.drop_index(EDITS, "article")
    op.drop_column("article", "revision")
    op.drop_table("host")
    op.drop_constraint(op.f("ck_source_state"), "source")
    for column in ("notes", "last_item_at", "state", "rhythm", "folder"):
        op.drop_column("source", column)


def _create_revision() -> None:
    op.create_table(
        "revision",
        sa.Column("article_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("content_key", sa.Text(), nullable=False),
        sa.Column(
            "replaced_at",
            TIMESTAMP(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("article_id", "number", name="pk_revision"),
        sa.ForeignKeyConstraint(
            ["article_id"],
            ["article.id"],
            name="fk_revision_article_id_article",
            ondelete="CASCADE",
        ),
    )
