"""The recorder of a worker: writes down what its clients hear while a recording is on.

No poll ever fails of it: what goes wrong ends the recording with one warning, and is seen in its
state. While nothing is recorded it costs a look at a clock, and every two seconds one at Redis.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from redis import Redis, RedisError

from ingest.recordings.files import hear_files
from ingest.recordings.masking import mask_url
from ingest.recordings.visits import Exchange, Failure, PolledSource, RecordedMail, Visit
from ingest.recordings.writing import RecordingWriter
from ingest.sources import is_remote
from store.sources import StoredSource
from workers import recording_switch
from workers.recording_switch import FULL, RecordingState

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0
LOOK_AFTER_FAULT_S = 30.0
"""How long Redis is left alone once it did not answer."""


class NoTape:
    """A tape that never runs: for a mill that has nothing to record."""

    @property
    def is_running(self) -> bool:
        """Whether what comes in now is to be noted."""
        return False

    def begin_poll(self, source: StoredSource, now: datetime) -> None: ...
    def begin_page(self, url: str, now: datetime) -> None: ...
    def keep(self, body: bytes) -> str | None: ...
    def note_exchanges(self, exchanges: tuple[Exchange, ...]) -> None: ...
    def note_mail(self, mail: RecordedMail) -> None: ...
    def end_mails(self, failure: Failure | None) -> None: ...
    def close(self) -> None: ...


class Recorder(NoTape):
    """The tape of one process, which runs while the switch is on."""

    def __init__(self, redis_url: str) -> None:
        """Open nothing yet."""
        self._redis_url = redis_url
        self._client: Redis | None = None
        self._look_at = 0.0
        self._state: RecordingState | None = None
        self._writer: RecordingWriter | None = None
        self._visit: Visit | None = None
        self._kept_bytes = 0

    @property
    def is_running(self) -> bool:
        """Whether the visit that was begun is to be noted."""
        return self._visit is not None

    def begin_poll(self, source: StoredSource, now: datetime) -> None:
        """Note from here on what a poll brings."""
        self._begin(lambda: Visit(at=now, source=describe_source(source)))
        if self.is_running and not is_remote(source.location):
            position = int(source.cursor.get("position", 0))
            files = hear_files(Path(source.location), position, self.keep)
            self._write({"files": files}, files=len(files))
            self._visit = None

    def begin_page(self, url: str, now: datetime) -> None:
        """Note from here on what the page of an article brings."""
        self._begin(lambda: Visit(at=now, page=mask_url(url)))

    def keep(self, body: bytes) -> str | None:
        """Keep a body; None when that failed, and then the tape has stopped."""
        if self._writer is None:
            return None
        try:
            name, written = self._writer.keep(body)
        except OSError as error:
            self._give_up(error)
            return None
        self._kept_bytes += written
        return name

    def note_exchanges(self, exchanges: tuple[Exchange, ...]) -> None:
        self._write({"exchanges": exchanges}, answers=len(exchanges))

    def note_mail(self, mail: RecordedMail) -> None:
        self._write({"mails": (mail,), "goes_on": True}, mails=int(mail.mail is not None))

    def end_mails(self, failure: Failure | None) -> None:
        self._write({"failure": failure})
        self._visit = None

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _begin(self, make: Callable[[], Visit]) -> None:
        if time.monotonic() >= self._look_at:
            self._look()
        self._visit = make() if self._writer and self._is_on() else None

    def _is_on(self) -> bool:
        return self._state is not None and self._state.is_on(datetime.now(UTC))

    def _look(self) -> None:
        """Look at the switch; while Redis is away, what was on stays on."""
        self._look_at = time.monotonic() + LOOK_EVERY_S
        try:
            self._client = self._client or recording_switch.connect(self._redis_url)
            state = recording_switch.read_state(self._client)
        except (RedisError, ValueError) as error:
            self._look_at = time.monotonic() + LOOK_AFTER_FAULT_S
            log.info("recording_switch_not_read", error=str(error))
            return
        is_new = state is not None and (
            self._state is None or (state.folder, state.since) != _name(self._state)
        )
        if state is not None and is_new:
            self._writer = RecordingWriter(state.folder)
        self._state = state

    def _write(self, found: dict[str, Any], **numbers: int) -> None:
        """Write a line about the visit that was begun."""
        if self._visit is None or self._writer is None:
            return
        visit = self._visit.model_copy(update=found)
        try:
            written = self._kept_bytes + self._writer.write(visit)
        except OSError as error:
            self._give_up(error)
            return
        self._kept_bytes = 0
        self._count(visits=int(not visit.goes_on), size_bytes=written, **numbers)

    def _count(self, **numbers: int) -> None:
        """Add to what all have recorded; end it when that is as much as it may be."""
        assert self._state is not None
        assert self._client is not None
        try:
            if recording_switch.add(self._client, **numbers) >= self._state.limit_bytes:
                log.warning("recording_is_full", folder=str(self._state.folder))
                self._stop()
                recording_switch.switch_off(self._client, FULL)
        except RedisError as error:
            log.info("recording_not_counted", error=str(error))

    def _give_up(self, error: OSError) -> None:
        """End the recording for all; who has no Redis just now, for this process."""
        reason = f"it could not be written: {error.strerror or error}"
        log.warning("recording_failed", reason=reason)
        self._stop()
        try:
            if self._client is not None:
                recording_switch.switch_off(self._client, reason)
        except RedisError as fault:
            log.info("recording_not_ended", error=str(fault))

    def _stop(self) -> None:
        """Write no more of this recording, whatever the switch says."""
        self._visit = self._writer = None


def _name(state: RecordingState) -> tuple[Any, datetime]:
    """Give what tells one recording from another."""
    return state.folder, state.since


def describe_source(source: StoredSource) -> PolledSource:
    """Give what a poll knew of its source, without secrets."""
    return PolledSource(
        source_id=source.source_id,
        kind=source.kind,
        location=mask_url(source.location),
        settings=source.settings,
        interval=source.interval,
    )
