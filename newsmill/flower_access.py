"""Where Flower listens and who may look: a free port, and a password kept in the home.

Flower without a password lets everyone read; this mill never starts it so.
"""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from schemas.errors import ConfigError
from schemas.settings import FlowerSettings

KEPT_IN = "flower.password"

PORTS_TRIED = 50


@dataclass(frozen=True)
class FlowerAccess:
    """What a person needs to open Flower."""

    port: int
    user: str
    password: SecretStr
    password_file: Path | None
    """Where to read the password; None when the settings give it."""

    @property
    def url(self) -> str:
        """The address, without the password."""
        return f"http://127.0.0.1:{self.port}"


def arrange_access(settings: FlowerSettings, home: Path) -> FlowerAccess:
    """Choose a port that is free now, and take the password or make one."""
    port = find_free_port(settings.port)
    if settings.password is not None:
        return FlowerAccess(port, settings.user, settings.password, None)
    file = home / KEPT_IN
    return FlowerAccess(port, settings.user, SecretStr(read_or_make_password(file)), file)


def find_free_port(wanted: int) -> int:
    """Return the first port from `wanted` on where nobody listens on the loopback address."""
    for port in range(wanted, min(wanted + PORTS_TRIED, 65_536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ConfigError(
        f"no free port for Flower from {wanted} on: set NEWSMILL_FLOWER__PORT to another"
    )


def read_or_make_password(file: Path) -> str:
    """Read the password, or write a new one that only its owner can read."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text(encoding="utf-8").strip()
    password = secrets.token_urlsafe(18)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(password + "\n")
    return password
