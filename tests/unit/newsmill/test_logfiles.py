from __future__ import annotations

import errno
import shutil
import stat
from pathlib import Path

import pytest

from newsmill.logfiles import open_log, read_tail, rotate_log


def test_only_the_owner_may_read_a_log(tmp_path: Path) -> None:
    with open_log(tmp_path / "a.log"):
        assert stat.S_IMODE((tmp_path / "a.log").stat().st_mode) == 0o600


def test_log_is_cut_while_its_writer_holds_it_open(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with open_log(path) as log:
        log.write(b"old\n" * 10)
        assert rotate_log(path, largest_bytes=20)
        log.write(b"new\n")
    assert path.read_bytes() == b"new\n"
    assert (tmp_path / "a.log.1").read_bytes() == b"old\n" * 10


def test_small_or_missing_log_is_left_alone(tmp_path: Path) -> None:
    assert not rotate_log(tmp_path / "none.log")
    (tmp_path / "a.log").write_text("short\n")
    assert not rotate_log(tmp_path / "a.log")


def test_only_the_newest_old_logs_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    for number in range(5):
        path.write_text(f"{number}" * 10)
        rotate_log(path, largest_bytes=5, kept=2)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.log", "a.log.1", "a.log.2"]
    assert (tmp_path / "a.log.1").read_text() == "4" * 10
    assert (tmp_path / "a.log.2").read_text() == "3" * 10


def test_log_is_cut_also_where_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(source: Path, target: Path) -> None:
        target.write_text("a piece")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copy2", copy)
    (tmp_path / "a.log").write_text("old")
    assert rotate_log(tmp_path / "a.log", largest_bytes=2)
    assert [each.name for each in tmp_path.iterdir()] == ["a.log"]
    assert (tmp_path / "a.log").read_text() == ""


def test_tail_is_the_last_lines_and_never_an_error(tmp_path: Path) -> None:
    assert read_tail(tmp_path / "none.log") == []
    (tmp_path / "a.log").write_bytes(b"one\n\n\xff two\nthree\n")
    assert read_tail(tmp_path / "a.log", 2) == ["� two", "three"]
