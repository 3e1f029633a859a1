"""Logins of mail accounts: one file each, below the home, which only its owner may read.

A login is a password, a command that prints a token, or an OAuth grant. Nothing here is ever
logged or stored elsewhere. How a login is used is the clients' business.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import PermanentError, TransientError

FOLDER = "mail-logins"
"""Name of the folder below the home."""


class _Login(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Password(_Login):
    """A password, best one made for this program alone."""

    kind: Literal["password"] = "password"
    password: str = Field(repr=False)


class TokenCommand(_Login):
    """A program that prints an OAuth access token on its first line."""

    kind: Literal["command"] = "command"
    command: str


class Grant(_Login):
    """What an OAuth login left us with: a refresh token, and the last access token."""

    kind: Literal["oauth"] = "oauth"
    client_id: str
    client_secret: str = Field(default="", repr=False)
    auth_url: str = ""
    """Where a person logs in again; unknown for a grant that was made elsewhere."""
    token_url: str
    refresh_token: str = Field(repr=False)
    access_token: str = Field(default="", repr=False)
    expires_at: datetime | None = None
    """When the access token ends; None: unknown, taken for ended."""
    logged_in_at: datetime | None = None
    dies_at: datetime | None = None
    """When the refresh token is believed to end; None: not by itself."""


Login = Annotated[Password | TokenCommand | Grant, Field(discriminator="kind")]


class StoredLogin(_Login):
    """The content of one file."""

    account: str
    login: Login


class Credentials:
    """The folder of the logins."""

    def __init__(self, home: Path) -> None:
        """Touch nothing yet."""
        self._folder = home / FOLDER

    def find(self, account: str) -> Password | TokenCommand | Grant | None:
        """Return an account's login; PermanentError when others could read it, or it is broken."""
        path = self.path(account)
        return self._read(path).login if path.exists() else None

    def keep(self, account: str, login: Password | TokenCommand | Grant) -> Path:
        """Write an account's login, whole or not at all, for its owner's eyes only.

        Raises TransientError when that fails, as on a full disk.
        """
        path = self.path(account)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._folder.chmod(0o700)
            _write(path, StoredLogin(account=account, login=login).model_dump_json(indent=2))
        except OSError as error:
            raise TransientError(f"the login {path} cannot be kept: {error.strerror}") from error
        return path

    def forget(self, account: str) -> None:
        """Delete an account's login, if there is one."""
        self.path(account).unlink(missing_ok=True)

    def list_all(self) -> Iterator[StoredLogin]:
        """Give every login; PermanentError as in `find`."""
        for path in sorted(self._folder.glob("*.json")):
            yield self._read(path)

    def path(self, account: str) -> Path:
        """Say where an account's login lies, or would."""
        # The digits tell apart what the readable part does not.
        mark = hashlib.sha256(account.encode()).hexdigest()[:8]
        return self._folder / f"{re.sub(r'[^A-Za-z0-9.-]+', '-', account)[:80]}-{mark}.json"

    def _read(self, path: Path) -> StoredLogin:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & 0o077:
                raise PermanentError(f"others can read the login {path}: chmod 600 it")
            return StoredLogin.model_validate_json(path.read_bytes())
        except OSError as error:
            raise PermanentError(f"the login {path} cannot be read: {error.strerror}") from error
        except ValidationError:
            # pydantic's message would quote the file.
            raise PermanentError(
                f"the login {path} is damaged: delete it and log in again"
            ) from None


def _write(path: Path, content: str) -> None:
    # mkstemp makes files with mode 0600; the rename keeps it.
    descriptor, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink()
        raise
