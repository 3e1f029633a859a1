"""Homes for embedded servers in tests: short paths that the servers' user can enter."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def make_home() -> Path:
    """Make a folder with a short path that the servers' user can enter."""
    home = Path(tempfile.mkdtemp(prefix="newsmill-test-", dir="/tmp"))
    home.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return home
