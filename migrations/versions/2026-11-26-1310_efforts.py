"""Efforts: how much of an article was read, and at which effort a stage works."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

revision = "b41d6e0f52c8"
down_revision = "b41d7c05e9a2"
branch_labels = None
depends_on = None

ALLOWED = "effort IN ('full', 'short', 'closed', 'gate')"


def upgrade() -> None:
    """Count all that was read so far as read in full."""
    for table in ("completion", "analysis"):
        op.add_column(table, _effort())
        op.add_column(
            table,
            sa.Column(
                "postponed", ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
            ),
        )
        op.create_check_constraint(op.f(f"ck_{table}_effort"), table, ALLOWED)
    op.create_table(
        "pace",
        sa.Column("stage", sa.Text(), nullable=False),
        _effort(),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", TIMESTAMP(timezone=True), nullable=False),
        sa.Column("measured", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("looked_at", TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("stage", name="pk_pace"),
    )


def downgrade() -> None:
    """Forget which rows are not whole yet."""
    op.drop_table("pace")
    for table in ("analysis", "completion"):
        op.drop_constraint(op.f(f"ck_{table}_effort"), table)
        op.drop_column(table, "postponed")
        op.drop_column(table, "effort")


def _effort() -> sa.Column[str]:
    return sa.Column("effort", sa.Text(), server_default=sa.text("'full'"), nullable=False)
