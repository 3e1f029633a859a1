"""Playing a recording: each visit in its turn, through the very tasks of the workers.

One thing at a time and in the recording's order, so that the same inputs give the same rows. The
clock stands still while a visit is worked on, and then goes on to the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis import Redis

from ingest.recordings.masking import is_masked, mask_url
from ingest.recordings.visits import PolledSource, Visit
from newsmill.replay.mill import ReplayMill
from newsmill.workplace import Workplace
from store import counts, pages, signatures, sources, work
from store.played_clock import set_clock
from workers.inference import analyse
from workers.ingest import poll_source
from workers.journal import current_facts, start_journal
from workers.page import read_page
from workers.prefilter import screen
from workers.queues import INFERENCE, INGEST, PREFILTER, RECONSTRUCT
from workers.reconstruct import rebuild

PAST_RETRIES = timedelta(hours=1)
"""A page that is to be tried again is so within 15 minutes."""
THIN_EVERY = timedelta(hours=1)
"""By the recording's clock; a running mill does it at every tick."""
FORGET_EVERY = 500
"""Visits after which the messages that nobody reads here are thrown away."""


@dataclass
class Played:
    """How far a replay is."""

    polls: int = 0
    pages: int = 0
    unused_pages: int = 0
    """Pages that no article asked for this time."""
    at: datetime | None = None
    """The recording's clock."""
    behind_s: float = 0.0
    """How much later the last visit came than its speed asks for."""

    @property
    def visits(self) -> int:
        return self.polls + self.pages + self.unused_pages


class Player:
    """One replay."""

    def __init__(self, place: Workplace, mill: ReplayMill, redis: Redis) -> None:
        self._place = place
        self._mill = mill
        self._redis = redis
        self._source_ids: dict[str, int] = {}
        """By the source as the recording describes it."""
        self._thin_at: datetime | None = None
        self.played = Played()

    def play(
        self, visits: Iterable[Visit], speed: float | None, show: Callable[[Played], None]
    ) -> None:
        """Play visits, `speed` times as fast as they were, or as fast as it goes."""
        pacer = _Pacer(speed)
        for visit in visits:
            self.played.behind_s = pacer.wait(visit.at)
            self._set_clock(visit.at)
            self._mill.visit.begin(visit)
            if visit.source is not None:
                self._poll(visit.source)
            else:
                self._read_page(visit.page or "")
            if self.played.visits % FORGET_EVERY == 0:
                self._redis.flushdb()
            show(self.played)

    def finish(self, *, read: bool, show: Callable[[Played], None]) -> None:
        """Bring to their end the articles whose page was never recorded, and all that waits.

        read: let the model read what the rules kept, too.
        """
        self._mill.visit.begin(None)
        with self._place.database.begin() as session:
            waiting = pages.list_waiting(session)
        if waiting:
            self._set_clock(self._mill.moment + PAST_RETRIES)
        for article_id, _ in waiting:
            read_page.run(article_id)
        self._work_off(PREFILTER, lambda: screen.run([]))
        while read and self._count_waiting(INFERENCE):
            analyse.run([])
            self._work_off(RECONSTRUCT, lambda: rebuild.run([]))
            show(self.played)

    def _poll(self, source: PolledSource) -> None:
        source_id = self._find_source(source)
        with self._place.database.begin() as session:
            work.enqueue(session, INGEST, [source_id], again=True)
        start_journal()
        poll_source.run(source_id)
        self.played.polls += 1
        facts = current_facts()
        if facts.get("new") or facts.get("edited"):
            screen.run([])

    def _find_source(self, source: PolledSource) -> int:
        """Find a source as it was; it is added, or changed, where somebody did that then."""
        described = source.model_dump_json()
        if described not in self._source_ids:
            with self._place.database.begin() as session:
                self._source_ids[described] = sources.upsert(
                    session,
                    kind=source.kind,
                    location=source.location,
                    interval=source.interval,
                    settings=source.settings,
                )
        return self._source_ids[described]

    def _read_page(self, page: str) -> None:
        url = None if is_masked(page) else page
        with self._place.database.begin() as session:
            waiting = pages.list_waiting(session, url)
        asked = [article_id for article_id, found in waiting if mask_url(found) == page]
        for article_id in asked:
            read_page.run(article_id)
            screen.run([])
        self.played.pages += bool(asked)
        self.played.unused_pages += not asked

    def _set_clock(self, moment: datetime) -> None:
        """Let it be as late as the visit was; never earlier than it is."""
        moment = max(moment, self._mill.moment)
        self._mill.moment = self.played.at = moment
        with self._place.database.begin() as session:
            set_clock(session, moment)
            if self._thin_at is None or moment >= self._thin_at:
                signatures.thin(session, self._mill.settings.ingest.story_window)
                self._thin_at = moment + THIN_EVERY

    def _work_off(self, stage: str, work_on: Callable[[], None]) -> None:
        while self._count_waiting(stage):
            work_on()

    def _count_waiting(self, stage: str) -> int:
        with self._place.database.begin() as session:
            queues = {each.stage: each.waiting for each in counts.count_queues(session)}
        return queues.get(stage, 0)


class _Pacer:
    """Waits until a visit's time has come."""

    def __init__(self, speed: float | None) -> None:
        """speed: None for no waits."""
        self._speed = speed
        self._first_at: datetime | None = None
        self._began_s = time.monotonic()

    def wait(self, at: datetime) -> float:
        """Wait for a moment of the recording; returns by how many seconds it is missed."""
        if self._speed is None:
            return 0.0
        self._first_at = self._first_at or at
        due_s = self._began_s + (at - self._first_at).total_seconds() / self._speed
        wait_s = due_s - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        return max(0.0, -wait_s)
