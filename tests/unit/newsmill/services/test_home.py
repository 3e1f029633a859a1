from __future__ import annotations

import os
from pathlib import Path

import pytest

from newsmill.services.account import Account
from newsmill.services.home import Home, make_folders, make_home, make_private_folder
from schemas.errors import ConfigError


def test_sockets_lie_in_the_home_while_its_path_is_short() -> None:
    assert Home(Path("/var/lib/newsmill")).runtime(account()) == Path("/var/lib/newsmill/run")


@pytest.mark.parametrize("path", ["/home/" + "n" * 80, "/home/René", "/a b", "/a,b"])
def test_sockets_of_an_awkward_home_lie_in_a_short_folder_of_its_own(path: str) -> None:
    runtime = Home(Path(path)).runtime(account())
    assert len(os.fsencode(runtime / ".s.PGSQL.5432.lock")) <= 100
    assert runtime != Home(Path(path + "x")).runtime(account())


def test_folders_get_their_mode_in_spite_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        make_folders(tmp_path / "a/b", 0o711)
    finally:
        os.umask(before)
    assert [(tmp_path / part).stat().st_mode & 0o777 for part in ("a", "a/b")] == [0o711, 0o711]


def test_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    make_home(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o750


def test_home_below_a_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="set NEWSMILL_HOME to a folder that you may write"):
        make_home(tmp_path / "file" / "home")


def test_link_in_place_of_a_private_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="is not a folder of user"):
        make_private_folder(tmp_path / "run", Account.ourselves())


def account() -> Account:
    return Account("somebody", 1000, 1000, is_other=False)
