"""A nasty web, polled by the real worker: each behaviour leaves the right state and reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from ingest.batches import Batch, SourceState
from ingest.mail_batches import Received
from newsmill.services.launcher import Services
from schemas.errors import TransientError
from schemas.settings import Settings
from store import hosts, sources, work
from store.database import Database
from tests.integration.store.rows import await_lock
from tests.integration.workers.corpus import count, write_corpus
from tests.integration.workers.crew import Crew
from tests.nasty_web import ADDRESS, asked, find_certificate, serve_nastily
from workers import rounds
from workers.attempts import fail
from workers.ingest import poll_source
from workers.mill import Mill
from workers.polling import store_batch
from workers.queues import INGEST
from workers.tick import sweep

HOUR = timedelta(hours=1)
NO_PUBLIC_ADDRESS = "is not an address of the public Internet"

# path, state after one poll, articles, words of the reason or of a note
BEHAVIOURS = [
    ("good", "healthy", 3, ""),
    ("unchanged", "healthy", 0, ""),
    ("missing", "failing", 0, "the server answered 404 (Not Found)"),
    ("moved", "healthy", 3, ""),
    ("gone", "retired", 0, "the server answered 410 (Gone)"),
    ("busy", "failing", 0, "the server answered 429 (Too Many Requests)"),
    ("broken", "failing", 0, "the server answered 500"),
    ("page", "failing", 0, "this is an HTML page, not a feed"),
    ("empty", "failing", 0, "the body is empty"),
    ("charset", "healthy", 3, ""),
    ("bomb", "healthy", 3, "its end was not read"),
    ("home", "failing", 0, NO_PUBLIC_ADDRESS),
    ("metadata", "failing", 0, NO_PUBLIC_ADDRESS),
    ("circle", "failing", 0, "redirects"),
    ("entities", "healthy", 3, ""),
    ("loris", "failing", 0, "longer than 6 s in all"),
    ("endless", "healthy", 1_900, "its end was not read"),  # As many as 0.5 MB hold.
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    patience = {"timeout_s": 6.0, "deadline_s": 6.0, "max_body_mb": 0.5}
    ingest = settings.ingest.model_copy(update={"allowed_hosts": (ADDRESS,), **patience})
    queue = settings.queue.model_copy(update={"lease": timedelta(minutes=2)})
    return settings.model_copy(update={"ingest": ingest, "queue": queue})


@pytest.fixture
def web() -> Iterator[str]:
    with serve_nastily() as base_url:
        yield base_url


@pytest.fixture
def untrusted(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Two servers over TLS. Who vouches for the second is trusted, but no longer what it says."""
    monkeypatch.setenv("SSL_CERT_FILE", find_certificate("expired"))
    with serve_nastily("self_signed") as self_signed, serve_nastily("expired") as expired:
        yield {"self_signed": self_signed, "expired": expired}


def add(database: Database, location: str, interval: timedelta | None = HOUR) -> int:
    with database.begin() as session:
        return sources.upsert(session, kind="feed", location=location, interval=interval)


def read(database: Database, columns: str, source_id: int) -> tuple[Any, ...]:
    with database.begin() as session:
        query = text(f"SELECT {columns} FROM source WHERE id = :id")
        return tuple(session.execute(query, {"id": source_id}).one())


def poll(database: Database, source_id: int) -> None:
    """Let the source be due now, and poll it."""
    with database.begin() as session:
        session.execute(text("UPDATE source SET next_due_at = now()"))
    sweep.run()
    poll_source.run(source_id)


def test_real_worker_notes_every_behaviour_with_its_reason(
    settings: Settings,
    services: Services,
    database: Database,
    web: str,
    untrusted: dict[str, str],
) -> None:
    crew = Crew(settings, services, database, stages=(INGEST,))
    added = {path: add(database, f"{web}/{path}") for path, *_ in BEHAVIOURS}
    added["tls"] = add(database, web.replace("http:", "https:") + "/good")
    added |= {name: add(database, f"{base_url}/good") for name, base_url in untrusted.items()}
    crew.start()
    try:
        polled = f"SELECT count(*) = {len(added)} FROM source WHERE last_polled_at IS NOT NULL"
        waiting = "SELECT count(*) FROM work WHERE stage = 'ingest'"
        crew.run_until(
            lambda: count(database, polled) and not count(database, waiting), timeout_s=90
        )
    finally:
        crew.end()
    for path, state, articles, words in BEHAVIOURS:
        found, error, notes = read(database, "state, last_error, notes", added[path])
        told = f"{error} {notes}"
        assert (path, found) == (path, state), told
        assert words in told, (path, told)
        kept = f"SELECT count(*) FROM article WHERE source_id = {added[path]}"
        assert (path, count(database, kept)) == (path, articles)
    assert read(database, "state", added["tls"]) == ("failing",)
    assert read(database, "last_error", added["tls"])[0].startswith("no secure connection: ")
    assert [read(database, "state, last_error", added[name]) for name in untrusted] == [
        ("failing", "its certificate is not trusted: self-signed certificate"),
        ("failing", "its certificate is not trusted: certificate has expired"),
    ]
    assert count(database, "SELECT count(*) FROM work WHERE stage = 'ingest'") == 0
    assert count(database, "SELECT count(*) FROM article WHERE title LIKE 'Names:%root%'") == 0
    assert count(database, "SELECT count(*) FROM article WHERE title = 'Über Öl'") == 3
    assert read(database, "location, name", added["moved"]) == (f"{web}/arrived", "Feed arrived")
    waits = "next_due_at - now() BETWEEN interval '119 min' AND interval '133 min'"
    assert read(database, waits, added["busy"]) == (True,)
    assert read(database, "paused, next_due_at", added["gone"]) == (True, None)


def test_second_poll_asks_whether_the_feed_changed_and_waits_longer(
    mill: Mill, database: Database, web: str
) -> None:
    source_id = add(database, f"{web}/good")
    poll(database, source_id)
    first, last_item_at = read(database, "rhythm, last_item_at", source_id)
    poll(database, source_id)
    second, unchanged = read(database, "rhythm, last_item_at", source_id)
    assert asked == ["good", "good"]
    assert count(database, "SELECT count(*) FROM article") == 3
    assert second >= first
    assert unchanged == last_item_at


def test_feed_that_moves_to_a_known_one_is_retired_with_the_reason(
    mill: Mill, database: Database, web: str
) -> None:
    known, moving = add(database, f"{web}/good"), add(database, f"{web}/rejoined")
    poll(database, moving)
    state, error = read(database, "state, last_error", moving)
    assert (state, error) == ("retired", f"it has moved to {web}/good, which is source {known}")


def test_edited_entry_is_a_revision_and_is_screened_anew(
    mill: Mill, database: Database, web: str
) -> None:
    source_id, signatures = add(database, f"{web}/edited"), set()
    for _ in range(2):
        poll(database, source_id)
        with database.begin() as session:
            signatures |= set(session.scalars(text("SELECT hashes FROM signature")))
            session.execute(text("DELETE FROM work WHERE stage = 'prefilter'"))
    poll(database, source_id)
    assert count(database, "SELECT count(*) FROM article") == 3
    assert count(database, "SELECT max(revision) FROM article") == 3
    assert count(database, "SELECT count(*) FROM article WHERE text LIKE '%3 people%'") == 1
    assert count(database, "SELECT count(*) FROM revision") == 2
    assert count(database, "SELECT count(*) FROM signature") == 3
    assert len(signatures) == 4
    assert count(database, "SELECT count(*) FROM work WHERE stage = 'prefilter'") == 1


def test_failures_in_a_row_are_counted_and_waited_for_longer(
    mill: Mill, database: Database, web: str
) -> None:
    source_id = add(database, f"{web}/missing")
    waits = []
    for _ in range(3):
        poll(database, source_id)
        (wait,) = read(database, "next_due_at - last_polled_at", source_id)
        waits.append(wait)
    assert read(database, "failures", source_id) == (3,)
    assert waits[0] < waits[1] < waits[2]


@pytest.mark.parametrize("end", ["store", "fail"])
def test_poll_and_tick_that_meet_at_one_source_do_not_wait_for_each_other(
    mill: Mill, database: Database, end: str
) -> None:
    source_id = add(database, "https://paper.example/feed")
    with database.begin() as session:
        work.enqueue(session, INGEST, [source_id])
        claims = work.claim(session, INGEST, limit=1, lease=HOUR)
        source = sources.load(session, source_id)

    def go_on() -> None:
        if end == "store":
            store_batch(mill, source, Batch((), (), (), SourceState()), claims[0])
        else:
            fail(mill, claims, ValueError("broken"), on_failure=sources.record_failure)

    with ThreadPoolExecutor(1) as pool:
        with database.begin() as tick:
            sources.pause(tick, [source_id])  # Any change to the row, as a tick makes one.
            poll_end = pool.submit(go_on)
            await_lock(database, poll_end)
            work.enqueue(tick, INGEST, [source_id])
        poll_end.result()


class BreakingLine:
    """A mail account of which a poll receives so many mails before the line breaks."""

    def __init__(self, mails: int) -> None:
        self._mails = mails

    def receive(self, location: str, marks: Mapping[str, Any], now: datetime) -> Iterator[Received]:
        for number in range(self._mails):
            mail = f"Subject: Letter {number}\r\n\r\nThe council met.".encode()
            yield Received(f"UID {number}", mail, {"reached": number})
        raise TransientError("the connection was cut")


@pytest.mark.parametrize(("mails", "is_soon"), [(0, False), (20, True)])
def test_mailbox_whose_line_breaks_is_tried_soon_again_as_long_as_mails_come(
    mill: Mill, database: Database, monkeypatch: pytest.MonkeyPatch, mails: int, is_soon: bool
) -> None:
    with database.begin() as session:
        location = "imaps://me@mail.example/INBOX"
        source_id = sources.upsert(session, kind="imap", location=location, interval=HOUR)
        session.execute(text("UPDATE source SET failures = 5"))
    monkeypatch.setattr(mill, "mail", BreakingLine(mails))
    poll(database, source_id)
    assert count(database, "SELECT count(*) FROM article") == mails
    assert read(database, "state, failures", source_id) == ("failing", 6)
    soon = "next_due_at - now() < interval '6 minutes'"
    assert read(database, soon, source_id) == (is_soon,)


def test_host_in_use_is_left_alone_and_the_poll_comes_later(
    mill: Mill, database: Database, web: str
) -> None:
    source_id = add(database, f"{web}/good")
    with database.begin() as session:
        assert hosts.claim(session, [ADDRESS], hold=HOUR) == {}
    poll(database, source_id)
    assert asked == []
    delayed = "SELECT attempts FROM work WHERE state = 'waiting' AND due_at > now()"
    assert count(database, delayed) == 0
    with database.begin() as session:
        hosts.free(session, [ADDRESS], pause=timedelta(0))
        session.execute(text("UPDATE work SET due_at = now()"))
    poll_source.run(source_id)
    assert asked == ["good"]


def test_sources_of_one_message_are_polled_whatever_becomes_of_the_others(
    mill: Mill, database: Database, web: str, tmp_path: Path
) -> None:
    corpus = write_corpus(tmp_path / "corpus.jsonl", 5)
    added = [add(database, f"{web}/{path}") for path in ("good", "missing", "arrived")]
    with database.begin() as session:
        added.append(sources.upsert(session, kind="jsonl", location=str(corpus)))
        work.enqueue(session, INGEST, added)
    poll_source.run(*added, 999)
    states = [read(database, "state", source_id)[0] for source_id in added]
    assert states == ["healthy", "failing", "healthy", "new"]
    assert count(database, "SELECT subject_id FROM work WHERE stage = 'ingest'") == added[-1]
    poll_source.run(added[-1])
    assert read(database, "state", added[-1]) == ("healthy",)


def test_round_that_is_over_gives_the_rest_back(
    mill: Mill, database: Database, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = [add(database, f"{web}/{path}") for path in ("good", "arrived", "charset")]
    with database.begin() as session:
        work.enqueue(session, INGEST, added)
    monkeypatch.setattr(rounds, "LENGTH", timedelta(0))
    poll_source.run(*added)
    assert asked == ["good"]
    waiting = (
        "SELECT count(*) FROM work WHERE stage = 'ingest' AND attempts = 0 AND due_at <= now()"
    )
    assert count(database, waiting) == 2
    assert count(database, "SELECT count(*) FROM host WHERE free_at < now() + interval '1 s'") == 1


def test_polls_that_cannot_be_noted_are_given_back_at_once(
    mill: Mill, database: Database, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source_id = add(database, f"{web}/good")
    poll(database, source_id)

    def fail(*_: Any) -> None:
        raise TransientError("the database cannot be used")

    monkeypatch.setattr(rounds, "note_polls", fail)
    with pytest.raises(TransientError):
        poll(database, source_id)
    waiting = "SELECT count(*) FROM work WHERE stage = 'ingest' AND state = 'waiting'"
    assert count(database, f"{waiting} AND attempts = 0") == 1


def test_host_is_free_again_after_a_poll_that_fails(
    mill: Mill, database: Database, web: str
) -> None:
    poll(database, add(database, f"{web}/missing"))
    poll(database, add(database, f"{web}/good"))
    assert asked == ["missing", "good"]


def test_feed_that_is_read_once_and_cannot_be_is_a_dead_letter(
    mill: Mill, database: Database, web: str
) -> None:
    source_id = add(database, f"{web}/missing", interval=None)
    with database.begin() as session:
        work.enqueue(session, INGEST, [source_id])
    poll_source.run(source_id)
    assert count(database, "SELECT count(*) FROM work WHERE state = 'dead'") == 1
