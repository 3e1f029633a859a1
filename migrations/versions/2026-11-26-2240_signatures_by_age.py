"""Signatures by age: an index for thinning them out at a cost that their number does not change."""

from __future__ import annotations

from alembic import op

revision = "8f3a61d2c07e"
down_revision = "5d0b8c41a6f3"
branch_labels = None
depends_on = None

INDEX = "ix_signature_created_at"


def upgrade() -> None:
    """Let a B-tree take the place of the BRIN index."""
    op.drop_index(INDEX, "signature")
    op.create_index(INDEX, "signature", ["created_at"])


def downgrade() -> None:
    """Put the BRIN index back."""
    op.drop_index(INDEX, "signature")
    op.create_index(INDEX, "signature", ["created_at"], postgresql_using="brin")
