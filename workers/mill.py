"""What the tasks of one process work with: settings, database, rules, client, model.

Each part is opened when it is first asked for, so after the fork: neither database connections
nor llama.cpp's threads survive one, and a worker holds only what its own queue needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import structlog
from celery.signals import worker_process_shutdown

from schemas.errors import ConfigError
from schemas.lens import Lens, load_lenses
from schemas.settings import Settings, load_settings
from store.database import Database

if TYPE_CHECKING:
    from inference.analyst import Analyst
    from ingest.batches import Refused
    from ingest.extraction import Extractor
    from ingest.feed_parsing import FeedParser
    from ingest.helper import Helper
    from ingest.mail_batches import ReceivesMail
    from ingest.reading_sources import WebClient
    from ingest.screening import Screener
    from workers.live import LiveAnalyst
    from workers.pace import Pilot
    from workers.recording import NoTape

log = structlog.get_logger(__name__)

NoteRefused = Callable[[int, "Sequence[Refused]"], None]
"""With a source's id and what of it was refused."""

BYTES_PER_MB = 1_000_000


class Mill:
    """The parts of one process. Tasks get it from `get_mill`."""

    def __init__(self, settings: Settings, on_refused: NoteRefused | None = None) -> None:
        self.settings = settings
        self.on_refused = on_refused
        """Told of the items that a poll refuses, once what goes with them is stored; else a log."""
        self._left_out: set[str] = set()
        """Lenses of which it was told that they are left out."""

    def clock(self) -> datetime:
        """Say what time it is, for whatever ends up in rows."""
        return datetime.now(UTC)

    def locate(self, location: str) -> str:
        """Say where a source is to be read; elsewhere only when a recording is replayed."""
        return location

    @cached_property
    def database(self) -> Database:
        """A small pool of connections."""
        url = self.settings.database_url
        if url is None:
            raise ConfigError("DATABASE_URL is not set, and a worker does not start a server")
        return Database(url.get_secret_value(), name="newsmill-worker")

    @cached_property
    def lenses(self) -> dict[str, Lens]:
        """The lenses in use, by name."""
        return load_lenses_in_use(self.settings)

    def leaves_out(self, lens: str) -> bool:
        """Tell whether the settings leave out a lens that is there: then its work is let go.

        The log tells it once. One that is not there may be new, and this machine behind others.
        """
        if lens in self.lenses or not (self.settings.lenses_dir / lens).is_dir():
            return False
        if lens not in self._left_out:
            self._left_out.add(lens)
            log.warning("lens_left_out", lens=lens)
        return True

    @cached_property
    def tape(self) -> NoTape:
        """What writes down what comes in, while that is wanted."""
        from workers.recording import NoTape, Recorder

        url = self.settings.redis_url
        return NoTape() if url is None else Recorder(url.get_secret_value())

    @cached_property
    def http(self) -> WebClient:
        """The client that fetches feeds and pages."""
        from ingest.recordings.tapping import make_heard_client

        return make_heard_client(self.tape, **self.http_options)

    @property
    def http_options(self) -> dict[str, Any]:
        """What the settings say of the HTTP client."""
        ingest = self.settings.ingest
        return {
            "user_agent": ingest.user_agent,
            "timeout_s": ingest.timeout_s,
            "deadline_s": ingest.deadline_s,
            "max_body_bytes": int(ingest.max_body_mb * BYTES_PER_MB),
            "allowed_hosts": ingest.allowed_hosts,
            "clock": self.clock,
        }

    @cached_property
    def mail(self) -> ReceivesMail:
        """How mail servers are reached, and where the logins are."""
        from ingest.mail_accounts import make_mail_access
        from ingest.recordings.tapping import HeardMail

        return HeardMail(make_mail_access(self.settings), self.tape)

    @cached_property
    def helper(self) -> Helper:
        """The process that parses what may take for ever."""
        from ingest.helper import Helper

        return Helper()

    @cached_property
    def feed_parser(self) -> FeedParser:
        """What reads feeds."""
        from ingest.feed_parsing import FeedParser

        return FeedParser(self.helper)

    @cached_property
    def extractor(self) -> Extractor:
        """What finds the article in a page."""
        from ingest.extraction import Extractor

        return Extractor(self.helper, limit_s=self.settings.ingest.page_limit_s)

    @cached_property
    def screener(self) -> Screener:
        """The compiled rules of the lenses in use."""
        from ingest.screening import Screener

        prefilter = self.settings.prefilter
        return Screener(
            self.lenses.values(), chars=prefilter.chars, audit_rate=prefilter.audit_rate
        )

    @cached_property
    def live(self) -> LiveAnalyst:
        """The build that is live, and whether another one is by now."""
        from workers.live import LiveAnalyst

        return LiveAnalyst(self.settings, self.database, self.lenses)

    @property
    def analyst(self) -> Analyst:
        """The build in use, loaded: a fraction of a second for the starter, more for others."""
        return self.live.analyst

    @cached_property
    def pilot(self) -> Pilot:
        """What says at which effort articles are read."""
        from workers.pace import Pilot

        return Pilot(self)

    def close(self) -> None:
        """Close what was opened."""
        opened = vars(self)
        for name in ("live", "helper", "http", "tape", "database"):
            if name in opened:
                opened.pop(name).close()


def load_lenses_in_use(settings: Settings) -> dict[str, Lens]:
    """Read the lenses that the settings name, or all; ConfigError for no or unknown names."""
    lenses = load_lenses(settings.lenses_dir)
    if settings.lenses is None:
        return lenses
    if not settings.lenses:
        raise ConfigError(
            "NEWSMILL_LENSES names no lens, so nothing would be read: leave it out for all, or "
            f"name some of {', '.join(lenses)}"
        )
    unknown = sorted(set(settings.lenses) - set(lenses))
    if unknown:
        raise ConfigError(
            f"NEWSMILL_LENSES names {unknown[0]!r}, which is not in {settings.lenses_dir}; "
            f"there are: {', '.join(lenses)}"
        )
    return {name: lenses[name] for name in settings.lenses}


_mill: Mill | None = None


def get_mill() -> Mill:
    """Return this process's mill, made on the first call."""
    global _mill  # noqa: PLW0603  # One to a process, and not before the fork.
    if _mill is None:
        _mill = Mill(load_settings())
    return _mill


def use_mill(mill: Mill) -> None:
    """Let the tasks of this process work with another mill: for a command with its own settings."""
    global _mill  # noqa: PLW0603  # See above.
    _mill = mill


@worker_process_shutdown.connect
def _close_mill(**_: Any) -> None:
    if _mill is not None:
        _mill.close()
