"""The switch of a recording: one key in Redis, which every worker on every machine sees.

It ends by itself at its time. An emptied Redis ends a recording too, and harms no poll: what was
recorded until then stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from redis import Redis

KEY = "newsmill:recording"
REMEMBERED = timedelta(days=30)
"""How long after its end one can still ask what was recorded."""
TIMEOUT_S = 2.0
FULL = "it is full"
COUNTED = ("visits", "answers", "mails", "files", "size_bytes")


@dataclass(frozen=True)
class RecordingState:
    """A recording as it was ordered, and how far it is."""

    folder: Path
    since: datetime
    until: datetime
    limit_bytes: int
    visits: int = 0
    """Polls and pages."""
    answers: int = 0
    mails: int = 0
    files: int = 0
    size_bytes: int = 0
    ended: str | None = None
    """Why it ended before its time."""

    def is_on(self, now: datetime) -> bool:
        """Whether what comes in now is to be recorded."""
        return self.ended is None and now < self.until


def connect(redis_url: str) -> Redis:
    """Open a client whose calls end soon, whatever the server does; close it."""
    return Redis.from_url(
        redis_url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        decode_responses=True,
    )


def switch_on(client: Redis, state: RecordingState) -> None:
    """Let every worker record from now on."""
    given: dict[Any, Any] = {
        "folder": str(state.folder),
        "since": state.since.isoformat(),
        "until": state.until.isoformat(),
        "limit_bytes": state.limit_bytes,
    }
    with client.pipeline() as pipeline:
        pipeline.delete(KEY)
        pipeline.hset(KEY, mapping=given)
        pipeline.expireat(KEY, state.until + REMEMBERED)
        pipeline.execute()


def switch_off(client: Redis, reason: str) -> None:
    """Let no worker record any more; the first reason stays."""
    if client.exists(KEY):
        client.hsetnx(KEY, "ended", reason)


def read_state(client: Redis) -> RecordingState | None:
    """Read what is or was recorded; None when nothing was of late."""
    found = {str(name): str(value) for name, value in client.hgetall(KEY).items()}
    return _parse(found) if "folder" in found else None


def add(client: Redis, **numbers: int) -> int:
    """Add to what was recorded, by the names in `COUNTED`; returns the bytes in all."""
    with client.pipeline() as pipeline:
        for name in COUNTED:
            pipeline.hincrby(KEY, name, numbers.get(name, 0))
        pipeline.hexists(KEY, "folder")
        *sums, is_ordered = pipeline.execute()
    if not is_ordered:
        # Redis was emptied meanwhile: these numbers alone are not to stay for ever.
        client.delete(KEY)
    return int(sums[COUNTED.index("size_bytes")])


def _parse(found: Mapping[str, str]) -> RecordingState:
    numbers = {name: int(found.get(name, 0)) for name in COUNTED}
    return RecordingState(
        folder=Path(found["folder"]),
        since=datetime.fromisoformat(found["since"]).astimezone(UTC),
        until=datetime.fromisoformat(found["until"]).astimezone(UTC),
        limit_bytes=int(found["limit_bytes"]),
        ended=found.get("ended"),
        **numbers,
    )
