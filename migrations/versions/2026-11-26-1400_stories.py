"""Stories: who tells the same news, signatures to find out, one key for all forms of an address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

revision = "5d0b8c41a6f3"
down_revision = "b41f6d20c9aa"
branch_labels = None
depends_on = None

_FILL_KEYS = r"""
UPDATE article SET address_key = known.key
FROM (
    SELECT min(id) AS id, regexp_replace(url, '^https?://(www\.|m\.|mobile\.|amp\.)?', '') AS key
    FROM article WHERE url IS NOT NULL GROUP BY 2
) AS known
WHERE article.id = known.id
"""

_LEAVE_FIRST_URLS = """
UPDATE article SET url = NULL
WHERE id NOT IN (SELECT min(id) FROM article WHERE url IS NOT NULL GROUP BY url)
"""


def upgrade() -> None:
    """Add stories, and key every known address without what differs between its forms."""
    op.create_table(
        "story",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("first_article_id", sa.BigInteger()),
        sa.Column("articles", sa.Integer(), nullable=False),
        _now("first_seen_at"),
        _now("last_seen_at"),
        sa.PrimaryKeyConstraint("id", name="pk_story"),
        _to_article("story", "first_article_id", "SET NULL"),
    )
    op.create_index("ix_story_first_article_id", "story", ["first_article_id"])
    op.create_index("ix_story_last_seen_at", "story", ["last_seen_at"])
    _create_signature()
    _change_article()
    op.add_column("completion", sa.Column("text_key", sa.Text()))
    op.add_column("completion", sa.Column("read_as_article_id", sa.BigInteger()))
    op.create_foreign_key(
        "fk_completion_read_as_article_id_article",
        "completion",
        "article",
        ["read_as_article_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_index(
        "ix_completion_read_as_article_id",
        "completion",
        ["read_as_article_id"],
        postgresql_where=sa.text("read_as_article_id IS NOT NULL"),
    )
    op.create_index(
        "ix_completion_text_key",
        "completion",
        ["text_key"],
        postgresql_where=sa.text("read_as_article_id IS NULL"),
    )


def downgrade() -> None:
    """Take it away; of articles that share an address, the first keeps it."""
    op.drop_index("ix_completion_text_key", "completion")
    op.drop_column("completion", "read_as_article_id")
    op.drop_column("completion", "text_key")
    op.drop_column("article", "story_similarity")
    op.drop_column("article", "story_id")
    op.drop_column("article", "address_key")
    op.execute(_LEAVE_FIRST_URLS)
    op.create_unique_constraint("uq_article_url", "article", ["url"])
    for table in ("band", "signature", "story"):
        op.drop_table(table)


def _create_signature() -> None:
    op.create_table(
        "signature",
        sa.Column("article_id", sa.BigInteger(), nullable=False),
        _now("told_at"),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.Column("keys", ARRAY(sa.BigInteger()), nullable=False),
        _now("created_at"),
        sa.PrimaryKeyConstraint("article_id", name="pk_signature"),
        _to_article("signature", "article_id", "CASCADE"),
    )
    op.create_index("ix_signature_created_at", "signature", ["created_at"], postgresql_using="brin")
    op.create_table(
        "band",
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("article_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "article_id", name="pk_band"),
    )


def _change_article() -> None:
    op.add_column("article", sa.Column("address_key", sa.Text()))
    op.execute(_FILL_KEYS)
    op.drop_constraint("uq_article_url", "article")
    op.create_unique_constraint("uq_article_address_key", "article", ["address_key"])
    op.add_column("article", sa.Column("story_id", sa.BigInteger()))
    op.add_column("article", sa.Column("story_similarity", sa.Double()))
    op.create_foreign_key(
        "fk_article_story_id_story", "article", "story", ["story_id"], ["id"], ondelete="SET NULL"
    )
    op.create_index(
        "ix_article_story_id",
        "article",
        ["story_id"],
        postgresql_where=sa.text("story_id IS NOT NULL"),
    )


def _now(name: str) -> sa.Column[object]:
    return sa.Column(
        name, TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
    )


def _to_article(table: str, column: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], ["article.id"], name=f"fk_{table}_{column}_article", ondelete=ondelete
    )
