"""The folders of the embedded services: what lies where, and who may see it.

    <home>/postgres/data, password   owned by the servers' user, 0700
    <home>/valkey/                   the same
    <home>/run/                      the unix sockets, the same; sometimes in /tmp
    <home>/programs/                 copies of the servers, only when they had to be made
    <home>/logs/                     ours
    <home>/*.lock                    ours

Folders that we did not make are never changed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from newsmill.services.account import Account
from schemas.errors import ConfigError

LONGEST_SOCKET_PATH = 100
"""Bytes. The kernel's limit is 107 on Linux and 103 on macOS."""

PLAIN_PATH = re.compile(r"[A-Za-z0-9._/-]+")

LONGEST_SOCKET_NAME = len("/.s.PGSQL.5432.lock")


@dataclass(frozen=True)
class Home:
    """Where everything lies. Making one touches nothing."""

    path: Path

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def valkey(self) -> Path:
        return self.path / "valkey"

    @property
    def programs(self) -> Path:
        return self.path / "programs"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def runtime(self, account: Account) -> Path:
        """Return the folder of the sockets: in the home, or in /tmp when it cannot lie there.

        Sockets stand in URLs and in lists parted by commas, so only plain characters will do.
        """
        inside = self.path / "run"
        is_short = len(str(inside)) + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH
        if is_short and PLAIN_PATH.fullmatch(str(inside)):
            return inside
        mark = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:8]
        # `make_private_folder` refuses one that somebody else has laid there.
        return Path(f"/tmp/newsmill-{account.uid}-{mark}")  # noqa: S108


def make_home(path: Path) -> Home:
    """Make the home and what is missing above it, and the folders that are ours.

    As root the home can be entered, not listed, by the user who runs the servers.
    """
    path = path.expanduser().resolve()
    home = Home(path)
    try:
        make_folders(path, 0o711 if os.geteuid() == 0 else 0o700)
        make_folders(home.logs, 0o700)
        for folder in (path, home.logs):
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, f"{folder} is not yours to write")
    except OSError as error:
        raise ConfigError(
            f"cannot use the data folder {path}: {error.strerror}; set NEWSMILL_HOME to a "
            "folder that you may write",
            home=str(path),
        ) from error
    return home


def is_of_full_disk(words: str) -> bool:
    """Tell whether a server's last words are of a full disk; our servers speak English."""
    return "No space left on device" in words or "Disk quota exceeded" in words


def describe_full_disk(path: Path) -> str:
    """Say that there is no room, and how to mend it."""
    return f"the disk of {path} is full: make room, or set NEWSMILL_HOME to a larger disk"


def make_folders(path: Path, mode: int) -> None:
    """Make a folder and its missing parents with just this mode, whatever the umask."""
    if path.is_dir():
        return
    make_folders(path.parent, mode)
    path.mkdir()
    path.chmod(mode)


def make_private_folder(path: Path, account: Account) -> None:
    """Make a 0700 folder for the servers, or check that the one there is theirs."""
    try:
        path.mkdir(mode=0o700)
        account.own(path)
    except FileExistsError:
        found = path.lstat()  # Not through a link, which somebody else could have laid.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid:
            raise ConfigError(
                f"{path} is not a folder of user {account.name}, who runs the servers: move it "
                "away, or give it to that user with chown -R",
                path=str(path),
            ) from None
