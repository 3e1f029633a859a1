"""The mill of a replay: everything as ever, but for the clock and for what comes from outside."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property

from ingest.batches import Refused
from ingest.http import HttpClient
from ingest.mail_batches import ReceivesMail
from ingest.reading_sources import WebClient
from ingest.recordings.bodies import Bodies
from ingest.recordings.playing import PlayedTransport, PlayedVisit
from ingest.sources import is_remote
from schemas.settings import Settings
from workers.mill import Mill
from workers.recording import NoTape

FILES = "files"


class ReplayMill(Mill):
    """A mill that reads the visit at hand, at the moment that was set."""

    def __init__(self, settings: Settings, bodies: Bodies) -> None:
        super().__init__(settings, _pass_over)
        self.moment = datetime(1971, 1, 1, tzinfo=UTC)
        self.visit = PlayedVisit(bodies)

    def clock(self) -> datetime:
        return self.moment

    def locate(self, location: str) -> str:
        """Lay out the recorded files of a source on disk, and say where."""
        if is_remote(location):
            return location
        name = hashlib.sha256(location.encode()).hexdigest()[:16]
        return str(self.visit.lay_out(self.settings.home / FILES / name))

    @cached_property
    def tape(self) -> NoTape:
        return NoTape()

    @cached_property
    def http(self) -> WebClient:
        return HttpClient(make=lambda *_: PlayedTransport(self.visit), **self.http_options)

    @cached_property
    def mail(self) -> ReceivesMail:
        return self.visit


def _pass_over(source_id: int, refused: Sequence[Refused]) -> None:
    """Log nothing: what was refused stands in the notes of its source."""
