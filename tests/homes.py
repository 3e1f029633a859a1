"""Homes for embedded servers in tests: short paths that the servers' user can enter."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import psutil


def list_processes_of(home: Path) -> list[psutil.Process]:
    """List the processes that have to do with a home, by their arguments or environment."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        environment = process.info["environ"] or {}
        command = " ".join(process.info["cmdline"] or ())
        if str(home) in command or str(home) in environment.get("NEWSMILL_HOME", ""):
            found.append(process)
    return found


def make_home() -> Path:
    """Make a folder with a short path that the servers' user can enter."""
    home = Path(tempfile.mkdtemp(prefix="newsmill-test-", dir="/tmp"))
    home.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return home
