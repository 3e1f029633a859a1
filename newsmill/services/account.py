"""The operating system's user that runs the two servers.

Postgres refuses to run as root. So when we are root, an unprivileged user that exists already
takes over; no user is ever created. When we are not root, the servers run as ourselves.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from schemas.errors import ConfigError

CANDIDATES = ("postgres", "_postgres", "valkey", "redis", "_redis")
"""Users that a package of a server has made; the underscore is macOS'. Tried in this order."""

CHECK_TIMEOUT_S = 20


class Identity(TypedDict, total=False):
    """The arguments of `subprocess.Popen` that change the user; empty when nothing changes."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """A user, and whether we have to turn into it first."""

    name: str
    uid: int
    gid: int
    is_other: bool
    """True when we are root and this is somebody else."""

    def identity(self) -> Identity:
        if not self.is_other:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    @staticmethod
    def ourselves() -> Account:
        """Return the user that we are."""
        return _account(pwd.getpwuid(os.geteuid()), is_other=False)

    def own(self, path: Path) -> None:
        """Give a file or folder that we have just made to this user."""
        if self.is_other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def run(
        self, command: list[str], timeout_s: float = CHECK_TIMEOUT_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a short command as this user, away from our folder and our environment."""
        return subprocess.run(
            command,
            cwd="/",
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_s,
            **self.identity(),
        )

    def can_enter(self, folder: Path) -> bool:
        """Ask the kernel, not the mode bits: access lists and mounts count too."""
        try:
            entered = self.run(["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)])
        except OSError:  # We may not turn into this user: a container without CAP_SETUID.
            return False
        return entered.returncode == 0


def clean_environment() -> dict[str, str]:
    """Return what a server gets to see: none of our secrets, and English messages."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def choose_account(home: Path, data_folders: list[Path], wanted: str | None) -> Account:
    """Choose who runs the servers.

    As root: the user asked for, else the owner of the data that is there already, else the
    first candidate that can enter `home`.

    Raises:
        ConfigError: There is no such user, it is root, or it cannot enter `home`.
    """
    if os.geteuid() != 0:
        return Account.ourselves()
    owner = _find_owner(data_folders)
    if wanted:
        account = _named(wanted)
        if owner is not None and owner.uid != account.uid:
            raise ConfigError(
                f"NEWSMILL_SERVICE_USER={wanted}, but the data in {home} belongs to "
                f"{owner.name}: give it away with chown -R, or change the setting",
                home=str(home),
            )
        return _checked(home, [account])
    return _checked(home, [owner] if owner else list(_candidates()))


def _checked(home: Path, accounts: list[Account]) -> Account:
    for account in accounts:
        if account.can_enter(home):
            return account
    tried = ", ".join(account.name for account in accounts)
    raise ConfigError(
        "the servers cannot run as root, and none of the users that could run them can enter "
        f"{home} (tried: {tried}): "
        "set NEWSMILL_HOME to a folder open to them, such as /var/lib/newsmill, or set "
        "NEWSMILL_SERVICE_USER, or set DATABASE_URL and REDIS_URL to servers of your own",
        home=str(home),
    )


def _find_owner(data_folders: list[Path]) -> Account | None:
    for folder in data_folders:
        if folder.is_dir() and (owner := folder.stat()).st_uid != 0:
            entry = _entry(str(owner.st_uid))
            name = entry.pw_name if entry else str(owner.st_uid)
            return Account(name, owner.st_uid, owner.st_gid, is_other=True)
    return None


def _named(wanted: str) -> Account:
    entry = _entry(wanted)
    if entry is None or entry.pw_uid == 0:
        fault = "Postgres refuses to run as root" if entry else "there is no such user here"
        raise ConfigError(f"NEWSMILL_SERVICE_USER={wanted}: {fault}; name an existing other user")
    return _account(entry, is_other=True)


def _candidates() -> Iterator[Account]:
    for name in (*CANDIDATES, os.environ.get("SUDO_UID", ""), "nobody"):
        entry = _entry(name)
        if entry is not None and entry.pw_uid != 0:
            yield _account(entry, is_other=True)


def _entry(name_or_uid: str) -> pwd.struct_passwd | None:
    try:
        if name_or_uid.isdecimal():
            return pwd.getpwuid(int(name_or_uid))
        return pwd.getpwnam(name_or_uid)
    except KeyError:
        return None


def _account(entry: pwd.struct_passwd, *, is_other: bool) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, is_other)
