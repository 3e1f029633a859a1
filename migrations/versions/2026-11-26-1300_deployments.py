"""Deployments: which build was made live when, and who refused it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "b41d7c05e9a2"
down_revision = "e7c290a71f17"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table. Until now `live` only repeated a setting, which holds by itself."""
    op.create_table(
        "deployment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("build", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column(
            "deployed_at",
            TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("taken_back_at", TIMESTAMP(timezone=True)),
        sa.Column("taken_on_at", TIMESTAMP(timezone=True)),
        sa.Column("refused_by", sa.Text()),
        sa.Column("refused_at", TIMESTAMP(timezone=True)),
        sa.Column("refusal", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_deployment"),
        sa.ForeignKeyConstraint(
            ["build"], ["build.name"], name="fk_deployment_build_build", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_deployment_build", "deployment", ["build"])
    op.execute("UPDATE build SET live = false")


def downgrade() -> None:
    """Forget the history; the live build stays marked."""
    op.drop_table("deployment")
