"""Recording never costs a poll: whatever becomes of it, the polls go on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import text
from structlog.testing import capture_logs

from ingest.recordings.reading import open_recording
from ingest.recordings.writing import prepare_recording
from schemas.settings import Settings
from store import sources
from store.database import Database
from tests.nasty_web import ADDRESS, serve_nastily
from workers import recording, recording_switch
from workers.ingest import poll_source
from workers.mill import Mill
from workers.recording import Recorder
from workers.recording_switch import FULL, RecordingState

HOUR = timedelta(hours=1)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    ingest = settings.ingest.model_copy(update={"allowed_hosts": (ADDRESS,)})
    return settings.model_copy(update={"ingest": ingest})


@pytest.fixture
def client(settings: Settings) -> Iterator[Redis]:
    assert settings.redis_url is not None
    client = recording_switch.connect(settings.redis_url.get_secret_value())
    yield client
    client.close()


@pytest.fixture
def web(mill: Mill, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Two feeds, and a mill that polls them in this process."""
    monkeypatch.setattr(recording, "LOOK_EVERY_S", 0.0)
    with serve_nastily() as base_url:
        with database.begin() as session:
            for path in ("good", "edited"):
                sources.upsert(session, kind="feed", location=f"{base_url}/{path}", interval=HOUR)
        yield base_url


def poll(database: Database) -> list[str]:
    """Poll both feeds; returns their states."""
    with database.begin() as session:
        session.execute(text("UPDATE source SET next_due_at = now()"))
    with database.begin() as session:
        source_ids = sources.enqueue_due(session)
    for source_id in source_ids:
        poll_source.run(source_id)
    with database.begin() as session:
        return [each.state for each in sources.load_all(session, source_ids)]


def order(
    client: Redis, folder: Path, *, lasts: timedelta = HOUR, limit_bytes: int = 10**9
) -> None:
    now = datetime.now(UTC)
    prepare_recording(folder, now)
    recording_switch.switch_on(client, RecordingState(folder, now, now + lasts, limit_bytes))


def read(client: Redis) -> RecordingState:
    state = recording_switch.read_state(client)
    assert state is not None
    return state


def test_polls_are_recorded_from_the_order_on_until_the_end_of_it(
    client: Redis, database: Database, web: str, tmp_path: Path
) -> None:
    poll(database)
    order(client, tmp_path / "one")
    poll(database)
    recording_switch.switch_off(client, "somebody ended it")
    poll(database)
    assert open_recording(tmp_path / "one").count() == 2
    state = read(client)
    assert (state.visits, state.answers, state.ended) == (2, 2, "somebody ended it")
    order(client, tmp_path / "two")
    poll(database)
    assert open_recording(tmp_path / "two").count() == 2
    assert open_recording(tmp_path / "one").count() == 2


def test_recording_ends_by_itself_when_its_time_is_up(
    client: Redis, database: Database, web: str, tmp_path: Path
) -> None:
    order(client, tmp_path / "recording", lasts=timedelta(0))
    assert poll(database) == ["healthy", "healthy"]
    assert open_recording(tmp_path / "recording").count() == 0
    assert 0 < client.ttl(recording_switch.KEY) <= recording_switch.REMEMBERED.total_seconds()


def test_full_recording_says_so_once_and_polls_go_on(
    client: Redis, database: Database, web: str, tmp_path: Path
) -> None:
    order(client, tmp_path / "recording", limit_bytes=1)
    with capture_logs() as logs:
        assert poll(database) == ["healthy", "healthy"]
        assert poll(database) == ["healthy", "healthy"]
    assert [each["event"] for each in logs if "recording" in each["event"]] == ["recording_is_full"]
    assert open_recording(tmp_path / "recording").count() == 1
    assert read(client).ended == FULL


@pytest.mark.parametrize("lost", ["visits", "bodies"])
def test_disk_that_takes_nothing_ends_the_recording_with_one_warning(
    client: Redis, database: Database, web: str, tmp_path: Path, lost: str
) -> None:
    order(client, tmp_path / "recording")
    (tmp_path / "recording" / lost).rmdir()
    (tmp_path / "recording" / lost).write_text("in the way")
    with capture_logs() as logs:
        assert poll(database) == ["healthy", "healthy"]
        assert poll(database) == ["healthy", "healthy"]
    warnings = [each["event"] for each in logs if each["log_level"] == "warning"]
    assert warnings == ["recording_failed"]
    ended = read(client).ended
    assert ended is not None
    assert ended.startswith("it could not be written: ")


def test_emptied_redis_ends_the_recording_and_no_poll(
    client: Redis, database: Database, web: str, tmp_path: Path
) -> None:
    order(client, tmp_path / "recording")
    poll(database)
    client.flushall()
    assert poll(database) == ["healthy", "healthy"]
    assert open_recording(tmp_path / "recording").count() == 2


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "carrier-pigeon://coop"])
def test_redis_that_is_away_is_no_trouble(
    url: str, database: Database, web: str, mill: Mill
) -> None:
    with database.begin() as session:
        source = sources.load(session, 1)
    recorder = Recorder(url)
    recorder.begin_poll(source, datetime.now(UTC))
    assert not recorder.is_running
    recorder.close()
