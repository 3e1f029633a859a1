"""Openings: how often a machine began to open a build and did not end it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "c83e5f17b2d4"
down_revision = "8f3a61d2c07e"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Count from now on."""
    op.add_column(
        "build", sa.Column("openings", JSONB(), server_default=sa.text("'{}'"), nullable=False)
    )


def downgrade() -> None:
    """Forget what was counted."""
    op.drop_column("build", "openings")
