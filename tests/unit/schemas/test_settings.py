"""Settings: where they come from, and what is said when they are wrong."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from schemas.errors import ConfigError
from schemas.faults import DURATION_WANTED
from schemas.settings import (
    Settings,
    default_home,
    find_unknown_variables,
    list_variables,
    load_settings,
)


@pytest.fixture(autouse=True)
def _no_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list_variables():
        monkeypatch.delenv(name, raising=False)


def test_defaults_load_without_any_variable() -> None:
    settings = load_settings()
    assert settings.database_url is None
    assert settings.inference.build == "starter"


@pytest.mark.parametrize("written", ["90", "PT1M30S", "90.0"])
def test_duration_is_seconds_or_iso_8601(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("NEWSMILL_QUEUE__LEASE", written)
    assert load_settings().queue.lease == timedelta(seconds=90)


def test_urls_are_read_without_prefix_and_kept_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:secret@host/db")
    settings = load_settings()
    assert settings.database_url is not None
    assert "secret" not in repr(settings)


def test_env_file_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NEWSMILL_INFERENCE__SEQUENCES=4\n")
    assert load_settings().inference.sequences == 4


def test_misspelt_variable_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSMILL_INFERENCE__TREADS", "2")
    with pytest.raises(ConfigError, match=r"unknown setting NEWSMILL_INFERENCE__TREADS"):
        load_settings()


def test_bad_value_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSMILL_INFERENCE__THREADS", "many")
    with pytest.raises(ConfigError, match=r"^NEWSMILL_INFERENCE__THREADS: .*integer"):
        load_settings()


def test_visibility_timeout_must_outlast_the_longest_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSMILL_QUEUE__VISIBILITY_TIMEOUT", "60")
    with pytest.raises(ConfigError, match="visibility_timeout must be longer"):
        load_settings()


def test_small_cache_without_flash_attention_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSMILL_INFERENCE__KV_TYPE", "q8_0")
    load_settings()
    monkeypatch.setenv("NEWSMILL_INFERENCE__FLASH_ATTENTION", "false")
    with pytest.raises(ConfigError, match=r"^NEWSMILL_INFERENCE: .*q8_0 needs flash_attention"):
        load_settings()


def test_every_setting_says_what_it_means() -> None:
    assert all(list_variables().values())


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().home = Path("/elsewhere")  # type: ignore[misc]


def test_root_keeps_its_data_in_var_lib() -> None:
    assert default_home(0) == Path("/var/lib/newsmill")
    assert default_home(1000).parts[-3:] == (".local", "share", "newsmill")


def test_other_programs_variables_are_no_concern() -> None:
    assert find_unknown_variables({"PATH": "/bin", "NEWSMILL_HOME": "/x"}) == []


def test_variables_of_others_in_the_env_file_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=x\nNEWSMILL_LOG__LEVEL=debug\n")
    assert load_settings().log.level == "debug"


def test_unknown_setting_in_the_env_file_is_refused_by_name(tmp_path: Path) -> None:
    for unknown in ("NEWSMILL_LOG__LEVLE", "NEWSMILL_NONSENSE"):
        (tmp_path / ".env").write_text(f"{unknown}=debug\n")
        with pytest.raises(ConfigError, match=unknown):
            load_settings()


def test_url_in_the_env_file_may_carry_the_prefix(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NEWSMILL_REDIS_URL=redis://host/1\n")
    url = load_settings().redis_url
    assert url is not None
    assert url.get_secret_value() == "redis://host/1"


@pytest.mark.parametrize("variable", ["QUEUE__TICK_EVERY", "QUEUE__LEASE", "INGEST__POLL_EVERY"])
@pytest.mark.parametrize("written", ["0", "-5", "-PT5M"])
def test_duration_of_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, written: str
) -> None:
    monkeypatch.setenv(f"NEWSMILL_{variable}", written)
    with pytest.raises(ConfigError, match=f"NEWSMILL_{variable}: "):
        load_settings()


@pytest.mark.parametrize("written", ["editorial", "[editorial"])
def test_list_that_is_none_is_told_with_an_example(
    monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("NEWSMILL_LENSES", written)
    with pytest.raises(ConfigError, match=r'NEWSMILL_LENSES: write a JSON list, such as \["'):
        load_settings()


def test_tilde_is_the_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSMILL_HOME", "~/mill")
    assert load_settings().home == Path.home() / "mill"


@pytest.mark.parametrize(
    ("variable", "written", "told"),
    [
        ("INGEST__ALLOWED_HOSTS", "127.0.0.1", 'write a JSON list, such as ["127.0.0.1"]'),
        ("INGEST__ALLOWED_HOSTS", "a.lan, b.lan", 'write a JSON list, such as ["a.lan", "b.lan"]'),
        ("INGEST__ALLOWED_HOSTS", "[1]", 'write a JSON list, such as ["1"]'),
        ("MAIL__PLAIN_HOSTS", "['mail']", 'write a JSON list, such as ["mail"]'),
        ("INFERENCE__FLASH_ATTENTION", "maybe", "must be a valid boolean or 'auto'"),
        ("INFERENCE__SEQUENCES", "1000", "must be less than or equal to 64"),
        ("INFERENCE__THREADS", "many", "must be a valid integer"),
        ("QUEUE__LEASE", "0", DURATION_WANTED),
        ("QUEUE__LEASE", "banana", DURATION_WANTED),
        ("QUEUE__LEASE", "-5", DURATION_WANTED),
        ("QUEUE", "banana", "see .env.example"),
    ],
)
def test_bad_value_is_told_in_one_line_without_words_of_python(
    monkeypatch: pytest.MonkeyPatch, variable: str, written: str, told: str
) -> None:
    monkeypatch.setenv(f"NEWSMILL_{variable}", written)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    (line,) = str(caught.value).splitlines()
    assert f"NEWSMILL_{variable}: " in line
    assert line.endswith(told) or told in line


def test_lists_are_read_as_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NEWSMILL_LENSES", '["editorial", "newsletter"]')
    (tmp_path / ".env").write_text('NEWSMILL_INGEST__ALLOWED_HOSTS=["10.1.0.0/16"]\n')
    settings = load_settings()
    assert settings.lenses == ("editorial", "newsletter")
    assert settings.ingest.allowed_hosts == ("10.1.0.0/16",)


def test_variable_without_a_value_asks_for_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NEWSMILL_HOME", "")
    (tmp_path / ".env").write_text("NEWSMILL_FLOWER__PASSWORD=\nDATABASE_URL=\n")
    settings = load_settings()
    assert settings.home == default_home(os.geteuid())
    assert settings.flower.password is None
    assert settings.database_url is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"NEWSMILL_LOG__LEVEL=debug\n\nnonsense here\n", r"^\.env:3: neither NAME=value nor"),
        (b"\xff\xfe\x00", r"^\.env: is not UTF-8"),
    ],
)
def test_env_file_that_cannot_be_read_is_told_with_its_line(
    tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(ConfigError, match=told):
        load_settings()
