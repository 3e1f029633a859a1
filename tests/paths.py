"""Where tests find their data."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"
"""Golden pairs of our own writing."""
SHARED = Path(os.environ.get("NEWSMILL_SHARED", ROOT.parent / "shared"))
"""Public data that is not in the repository; tests that use it skip when it is absent."""
