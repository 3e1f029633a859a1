"""Commands and the shape of the database: who may change it, and who only makes a new one."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from newsmill.commands.sources import app
from newsmill.workplace import open_workplace
from schemas.errors import ConfigError
from schemas.settings import Settings
from store import migrations, views
from store.database import Database
from tests.integration.store.rows import make_lens, read

LIST_VIEWS = "SELECT viewname FROM pg_views WHERE schemaname = 'public'"


def make_settings(database_url: str, home: Path) -> Settings:
    redis_url = SecretStr("redis://nowhere")
    database = SecretStr(database_url)
    return Settings.model_construct(home=home, database_url=database, redis_url=redis_url)


def make_earlier(database_url: str) -> str | None:
    """Take a database one migration back, with a view as lenses have them; says at which it is."""
    migrations.downgrade(database_url, "-1")
    database = Database(database_url)
    with database.begin() as session:
        views.create_view(session, make_lens([{"name": "biased", "kind": "flag"}]))
    database.close()
    return migrations.current(database_url)


def test_command_refuses_an_earlier_versions_database_and_leaves_its_views(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = make_earlier(database_url)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSMILL_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", "redis://nowhere")
    error = CliRunner().invoke(app, ["list"]).exception
    assert isinstance(error, ConfigError)
    assert f"at migration {earlier}, this version expects {migrations.head()}" in error.message
    assert "newsmill prepare" in error.message
    assert migrations.current(database_url) == earlier
    database = Database(database_url)
    assert read(database, LIST_VIEWS) == [("tried_v1",)]
    database.close()


def test_start_of_the_mill_brings_an_earlier_versions_database_up_to_date(
    database_url: str, tmp_path: Path
) -> None:
    make_earlier(database_url)
    with open_workplace(make_settings(database_url, tmp_path), upgrade=True) as place:
        assert read(place.database, LIST_VIEWS) == []
    assert migrations.current(database_url) == migrations.head()


def test_any_command_makes_the_tables_of_an_empty_database(
    database_url: str, tmp_path: Path
) -> None:
    migrations.downgrade(database_url, "base")
    for _ in range(2):
        with open_workplace(make_settings(database_url, tmp_path)) as place:
            assert read(place.database, "SELECT count(*) FROM source") == [(0,)]


def test_command_refuses_a_later_versions_database(database_url: str, tmp_path: Path) -> None:
    database = Database(database_url)
    read(database, "UPDATE alembic_version SET version_num = 'from_the_future' RETURNING 1")
    database.close()
    with (
        pytest.raises(ConfigError, match="from_the_future, which this version does not know"),
        open_workplace(make_settings(database_url, tmp_path)),
    ):
        pass
