"""Migrations: they make what the models say, and take it away again, on each Postgres at hand."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from newsmill.services import binaries
from newsmill.services.launcher import Services
from schemas.errors import ConfigError
from schemas.settings import ROOT
from schemas.tables import Base
from store import migrations, views
from store.database import Database
from tests.homes import make_home
from tests.integration.conftest import name_database
from tests.integration.store.rows import make_lens, read


@pytest.fixture(scope="module")
def system_postgres() -> Iterator[str]:
    """The Postgres of the system, older than the embedded one, where there is one."""
    if not any(Path("/").glob("usr/lib/postgresql/*/bin/postgres")):
        pytest.skip("no Postgres is installed in the system")
    home = make_home()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(binaries, "POSTGRES_WHEELS", ())
        with Services.launch(home, redis_url="redis://nobody.invalid") as services:
            yield services.database_url
    shutil.rmtree(home)


@pytest.fixture(params=["embedded", "system"])
def empty_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database without any table."""
    if request.param == "embedded":
        server = request.getfixturevalue("services").database_url
    else:
        server = request.getfixturevalue("system_postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE empty")
        yield name_database(server, "empty")
        connection.execute("DROP DATABASE empty WITH (FORCE)")


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    database = Database(empty_url)
    yield database
    database.close()


def list_tables(database: Database) -> list[str]:
    statement = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'v') \
        AND relnamespace = CAST('public' AS regnamespace) ORDER BY 1"
    return [row[0] for row in read(database, statement)]


def test_upgrade_makes_exactly_what_the_models_say(empty_url: str, empty: Database) -> None:
    migrations.upgrade(empty_url)
    assert migrations.current(empty_url) == migrations.head()
    with empty.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_indexes_and_checks_are_the_models_too(empty_url: str, empty: Database) -> None:
    # Alembic compares neither an index's condition and order nor a check.
    described = """
        SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL
        SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = CAST('public' AS regnamespace)
        ORDER BY 1
    """
    migrations.upgrade(empty_url)
    migrated = read(empty, described)
    migrations.downgrade(empty_url, "base")
    Base.metadata.create_all(empty.engine)
    assert migrated == read(empty, described)


def test_downgrade_leaves_nothing_behind(empty_url: str, empty: Database) -> None:
    migrations.upgrade(empty_url)
    with empty.begin() as session:
        views.create_view(session, make_lens([{"name": "biased", "kind": "flag"}]))
    migrations.downgrade(empty_url, "base")
    assert list_tables(empty) == ["alembic_version"]
    assert migrations.current(empty_url) is None
    migrations.upgrade(empty_url)


def test_second_upgrade_touches_nothing(empty_url: str, empty: Database) -> None:
    migrations.upgrade(empty_url)
    with empty.begin() as session:
        views.create_view(session, make_lens([{"name": "biased", "kind": "flag"}]))
    before = list_tables(empty)
    migrations.upgrade(empty_url)
    assert list_tables(empty) == before
    assert "tried_v1" in before


def upgrade_at_once(url: str) -> list[int]:
    """Run three upgrades side by side; gives their exit codes."""
    program = "import sys; from store import migrations; migrations.upgrade(sys.argv[1])"
    arguments = [sys.executable, "-c", program, url]
    upgrades = [subprocess.Popen(arguments, cwd=ROOT) for _ in range(3)]
    return [each.wait() for each in upgrades]


def test_three_upgrades_at_once_take_turns(empty_url: str) -> None:
    assert upgrade_at_once(empty_url) == [0, 0, 0]
    assert migrations.current(empty_url) == migrations.head()


def test_three_upgrades_at_once_drop_the_views_of_before_once(
    empty_url: str, empty: Database
) -> None:
    migrations.upgrade(empty_url)
    migrations.downgrade(empty_url, "-1")
    with empty.begin() as session:
        views.create_view(session, make_lens([{"name": "biased", "kind": "flag"}]))
    with psycopg.connect(empty_url) as holder:
        # Until the end of this transaction none of them can drop the view; then all want to.
        holder.execute("LOCK TABLE tried_v1 IN ACCESS SHARE MODE")
        with ThreadPoolExecutor(1) as pool:
            codes = pool.submit(upgrade_at_once, empty_url)
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while not codes.done() and read(empty, waiting) != [(3,)]:
                time.sleep(0.05)
            holder.commit()
            assert codes.result() == [0, 0, 0]
    assert "tried_v1" not in list_tables(empty)


def test_database_of_a_later_version_is_refused(empty_url: str, empty: Database) -> None:
    migrations.upgrade(empty_url)
    read(empty, "UPDATE alembic_version SET version_num = 'from_the_future' RETURNING 1")
    with pytest.raises(ConfigError, match="from_the_future, which this version does not know"):
        migrations.upgrade(empty_url)
