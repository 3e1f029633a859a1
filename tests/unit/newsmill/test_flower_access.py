from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from newsmill.flower_access import KEPT_IN, arrange_access, find_free_port
from schemas.errors import ConfigError
from schemas.settings import FlowerSettings


def test_password_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    first = arrange_access(FlowerSettings(), tmp_path)
    second = arrange_access(FlowerSettings(), tmp_path)
    assert first.password == second.password
    assert len(first.password.get_secret_value()) >= 20
    assert stat.S_IMODE((tmp_path / KEPT_IN).stat().st_mode) == 0o600


def test_password_of_the_settings_is_taken_and_written_nowhere(tmp_path: Path) -> None:
    access = arrange_access(FlowerSettings(password=SecretStr("mine")), tmp_path)
    assert access.password.get_secret_value() == "mine"
    assert access.password_file is None
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert find_free_port(port) > port


def test_no_port_at_all_names_the_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 65_535))
        taken.listen()
        with pytest.raises(ConfigError, match="NEWSMILL_FLOWER__PORT"):
            find_free_port(65_535)
