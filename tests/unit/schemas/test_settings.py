"""Settings: where they come from, and what is said when they are wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from schemas.errors import ConfigError
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
