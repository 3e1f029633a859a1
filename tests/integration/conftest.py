"""Real servers for the integration and end-to-end tests, one pair for the whole session."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator

import psycopg
import pytest
import redis
from sqlalchemy import make_url

from newsmill.services.launcher import Services
from schemas.lens import Lens, load_lenses
from store import migrations
from tests.homes import make_home
from tests.mailservers import dovecot
from tests.paths import ROOT

TEMPLATE = "template_newsmill"


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """Embedded Postgres and Valkey, without the waits that only a power cut makes worth it."""
    home = make_home()
    with Services.launch(home) as running:
        execute(running.database_url, "alter system set fsync = off", "select pg_reload_conf()")
        yield running
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def database_template(services: Services) -> str:
    """A database with all migrations run, to make others from."""
    execute(services.database_url, f"create database {TEMPLATE}")
    migrations.upgrade(name_database(services.database_url, TEMPLATE))
    return TEMPLATE


@pytest.fixture
def database_url(services: Services, database_template: str) -> Iterator[str]:
    """A migrated, empty database of this test's own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    execute(services.database_url, f"create database {name} template {database_template}")
    yield name_database(services.database_url, name)
    execute(services.database_url, f"drop database {name} with (force)")


@pytest.fixture
def redis_url(services: Services) -> str:
    """An empty Redis."""
    with redis.Redis.from_url(services.redis_url) as client:
        client.flushall()
    return services.redis_url


@pytest.fixture(scope="session")
def dovecot_server() -> Iterator[dovecot.Dovecot]:
    """An IMAP server with one empty mailbox; tests make folders of their own in it."""
    if not dovecot.PROGRAM:
        pytest.skip("Dovecot is not here; on Debian: apt-get install dovecot-imapd")
    base = make_home()
    with dovecot.run_dovecot(base) as server:
        yield server
    shutil.rmtree(base)


@pytest.fixture(scope="session")
def lenses() -> dict[str, Lens]:
    """The shipped lenses."""
    return load_lenses(ROOT / "lenses")


def name_database(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
