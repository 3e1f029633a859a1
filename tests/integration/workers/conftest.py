"""A database, an empty Redis and settings in which everything that waits, waits for seconds."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from newsmill.services.launcher import Services
from schemas.settings import InferenceSettings, PrefilterSettings, QueueSettings, Settings
from store.database import Database
from tests.integration.workers.crew import Crew
from workers.app import configure
from workers.mill import Mill, use_mill
from workers.queues import STAGES

HASTE = QueueSettings(
    tick_every=timedelta(seconds=1),
    resend_after=timedelta(seconds=3),
    lease=timedelta(seconds=6),
    max_attempts=3,
    retry_first=timedelta(seconds=1),
    soft_shutdown=timedelta(seconds=5),
    visibility_timeout=timedelta(minutes=15),
    task_time_limit=timedelta(minutes=5),
)


LOCAL = {
    "batch": 20,
    "allowed_hosts": ("127.0.0.0/8",),
    "host_delay": timedelta(milliseconds=20),
    "full_text": False,
}


@pytest.fixture
def settings(
    database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """One lens, all of whose drops go on as audit, so that every article meets the model."""
    given = Settings()
    return given.model_copy(
        update={
            "home": tmp_path,
            "database_url": SecretStr(database_url),
            "redis_url": SecretStr(redis_url),
            "lenses": ("editorial",),
            "prefilter": PrefilterSettings(audit_rate=1.0, batch=20),
            "inference": InferenceSettings(
                build=given.inference.build, sequences=4, slice=timedelta(seconds=20)
            ),
            "ingest": given.ingest.model_copy(update=LOCAL),
            "queue": HASTE,
        }
    )


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    assert settings.database_url is not None
    database = Database(settings.database_url.get_secret_value(), name="newsmill-tests")
    yield database
    database.close()


@pytest.fixture
def mill(settings: Settings) -> Iterator[Mill]:
    """The mill of this process: its tasks can be called as functions, their messages are real."""
    configure(settings)
    mill = Mill(settings)
    use_mill(mill)
    yield mill
    mill.close()


@pytest.fixture
def stages() -> Collection[str]:
    """Those that have a worker. Where a test needs a few, the others' start is not waited for."""
    return STAGES


@pytest.fixture
def crew(
    settings: Settings, services: Services, database: Database, stages: Collection[str]
) -> Iterator[Crew]:
    """Real worker processes; none is left after the test."""
    crew = Crew(settings, services, database, stages)
    yield crew
    crew.end()
