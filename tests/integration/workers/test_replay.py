"""A recording of real workers, replayed offline: the same inputs give identical rows."""

from __future__ import annotations

import gzip
import json
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis
from sqlalchemy import text

from ingest.recordings.reading import Recording, open_recording
from ingest.recordings.writing import prepare_recording
from newsmill.replay.mill import ReplayMill
from newsmill.replay.place import fit_settings
from newsmill.replay.player import Played, Player
from newsmill.replay.rows import Row, list_rows, spell
from newsmill.services.launcher import Services
from newsmill.workplace import Workplace
from schemas.settings import MailSettings, Settings
from store import migrations, sources
from store.database import Database
from store.played_clock import make_played_database
from tests.integration.conftest import name_database
from tests.integration.workers.corpus import count, write_corpus
from tests.integration.workers.crew import Crew
from tests.integration.workers.mailboxes import ServedGmail
from tests.mailservers.gmail import GmailMailbox, run_gmail
from tests.nasty_web import ADDRESS, serve_nastily
from tests.paths import DATA
from workers import recording_switch
from workers.app import configure
from workers.mill import use_mill
from workers.queues import INGEST, PREFILTER
from workers.recording_switch import RecordingState

HOUR = timedelta(hours=1)
SECRET = "s3cret-tok3n"
FEEDS = (
    *("good", "edited", "teasers", "moved", "gone", "busy", "broken", "page", "charset", "bomb"),
    *("metadata", "circle", "rejoined", "retold", f"missing?auth_token={SECRET}"),
)
MAILS = sorted((DATA / "newsletters").glob("*.eml"))[:6]
LETTERS = [DATA / "mails" / name for name in ("plain_latin1.eml", "nested.eml")]


@pytest.fixture
def web() -> Iterator[str]:
    with serve_nastily() as base_url:
        yield base_url


@pytest.fixture
def gmail(tmp_path: Path) -> Iterator[tuple[ServedGmail, str]]:
    state = GmailMailbox()
    with run_gmail(state) as url:
        yield ServedGmail(state, url, tmp_path), url


@pytest.fixture
def settings(settings: Settings, gmail: tuple[ServedGmail, str]) -> Settings:
    web = {"allowed_hosts": (ADDRESS,), "full_text": True, "max_body_mb": 0.5}
    # A page whose server is busy is tried again, at once and not in a minute.
    web |= {"page_retry": timedelta(milliseconds=100), "page_attempts": 2}
    ingest = settings.ingest.model_copy(update=web)
    mail = MailSettings(gmail_url=gmail[1])
    # No poll is to be begun anew while a slow machine is at it.
    queue = settings.queue.model_copy(update={"lease": timedelta(minutes=2)})
    update = {"ingest": ingest, "mail": mail, "queue": queue, "lenses": None}
    return settings.model_copy(update=update)


def switch_on(settings: Settings, folder: Path, limit_bytes: int = 10**9) -> None:
    now = datetime.now(UTC)
    prepare_recording(folder, now)
    with connect(settings) as client:
        state = RecordingState(folder, now, now + HOUR, limit_bytes)
        recording_switch.switch_on(client, state)


def read_state(settings: Settings) -> RecordingState:
    with connect(settings) as client:
        state = recording_switch.read_state(client)
    assert state is not None
    return state


@contextmanager
def connect(settings: Settings) -> Iterator[Redis]:
    assert settings.redis_url is not None
    client = recording_switch.connect(settings.redis_url.get_secret_value())
    yield client
    client.close()


def poll_all(crew: Crew, database: Database) -> None:
    """Let every source be due, and wait until all is stored and screened."""
    with database.begin() as session:
        before = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        session.execute(text("UPDATE source SET next_due_at = now() WHERE NOT paused"))
    left = f"SELECT count(*) FROM source WHERE NOT paused AND last_polled_at < '{before}'"
    new = "SELECT count(*) FROM source WHERE last_polled_at IS NULL"
    crew.run_until(lambda: not count(database, left) and not count(database, new), timeout_s=90)
    crew.run_until(crew_is_through(database))


def crew_is_through(database: Database) -> Any:
    waiting = "SELECT count(*) FROM work WHERE stage IN ('ingest', 'page', 'prefilter')"
    return lambda: count(database, waiting) == 0


@contextmanager
def open_place(settings: Settings, services: Services) -> Iterator[Workplace]:
    """A place for a replay on the servers of the tests."""
    url = name_database(services.database_url, "played")
    make_played_database(url)
    migrations.upgrade(url)
    database = Database(url, name="newsmill-tests")
    addresses = {"database_url": SecretStr(url), "redis_url": settings.redis_url}
    yield Workplace(fit_settings(settings).model_copy(update=addresses), services, database)
    database.close()


def replay(
    settings: Settings, services: Services, recording: Recording
) -> tuple[list[str], Played]:
    """Replay a recording; returns its rows as they are spelled."""
    with open_place(settings, services) as place, connect(settings) as client:
        configure(place.settings)
        mill = ReplayMill(place.settings, recording.bodies)
        use_mill(mill)
        player = Player(place, mill, client)
        try:
            player.play(recording.read(), None, lambda _: None)
            player.finish(read=False, show=lambda _: None)
        finally:
            mill.close()
        return spell_all(list_rows(place.database)), player.played


def spell_all(rows: Iterator[Row]) -> list[str]:
    return [spell(row) for row in rows]


def refuse_network(*_: Any, **__: Any) -> None:
    raise AssertionError("a replay must not touch the network")


def test_replay_gives_the_rows_of_the_recorded_run_and_holds_no_secret(
    settings: Settings,
    services: Services,
    database: Database,
    web: str,
    gmail: tuple[ServedGmail, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    maildir, corpus = make_maildir(tmp_path / "mails"), write_corpus(tmp_path / "news.jsonl", 5)
    with database.begin() as session:
        for path in FEEDS:
            sources.upsert(session, kind="feed", location=f"{web}/{path}", interval=HOUR)
        sources.upsert(session, kind="gmail", location=gmail[0].location, interval=HOUR)
        sources.upsert(session, kind="mail", location=str(maildir), interval=HOUR)
        sources.upsert(session, kind="jsonl", location=str(corpus), interval=HOUR)
    gmail[0].deliver([path.read_bytes() for path in MAILS[:4]])
    switch_on(settings, tmp_path / "recording")
    crew = Crew(settings, services, database, stages=(INGEST, PREFILTER))
    crew.start()
    try:
        poll_all(crew, database)
        gmail[0].deliver([path.read_bytes() for path in MAILS[4:]])
        (maildir / "new" / "late").write_bytes(LETTERS[1].read_bytes())
        poll_all(crew, database)
    finally:
        crew.stop()
    live = spell_all(list_rows(database))
    kinds = Counter(json.loads(row)["row"] for row in live)
    assert kinds["source"] == len(FEEDS) + 3
    assert kinds["article"] > 20
    assert kinds["story"] > 0

    recording = open_recording(tmp_path / "recording")
    monkeypatch.setattr(socket, "getaddrinfo", refuse_network)
    replayed, played = replay(settings, services, recording)
    assert replayed == live
    again, _ = replay(settings, services, recording)
    assert again == replayed
    assert recording.faults == []
    state = read_state(settings)
    assert (state.mails, state.visits) == (len(MAILS), played.visits)
    # The last mail of a Maildir is read again with the next, and the corpus at each poll.
    assert state.files == 1 + 2 + 2
    told = read_all(tmp_path / "recording")
    for secret in (SECRET, "access-1", "refresh-1", "Bearer", "Authorization", "b1scuit"):
        assert secret.encode() not in told, secret


def make_maildir(folder: Path) -> Path:
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    (folder / "cur" / "early:2,S").write_bytes(LETTERS[0].read_bytes())
    return folder


def read_all(folder: Path) -> bytes:
    """Read all that a recording holds, unpacked."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return b"\n".join(
        gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for path in files
    )
