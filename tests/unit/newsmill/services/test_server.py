from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest

from newsmill.services.server import Reach, knock
from schemas.errors import ConfigError


def test_nobody_is_there_without_a_socket(tmp_path: Path) -> None:
    assert knock(tmp_path / "socket") is Reach.DOWN


def test_nobody_is_there_behind_a_stale_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    assert knock(tmp_path / "socket") is Reach.DOWN


def test_somebody_is_there_who_listens_and_one_with_a_full_queue_is_busy(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as waiting:
        listener.bind(str(path))
        listener.listen(0)
        assert knock(path) is Reach.UP
        listener.accept()[0].close()
        waiting.connect(str(path))
        assert knock(path) is Reach.BUSY


def test_server_that_we_may_not_connect_to_is_told_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed(socket.socket):
        def connect(self, _: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "socket", Closed)
    with pytest.raises(ConfigError, match="no permission to connect"):
        knock(tmp_path / "socket")
