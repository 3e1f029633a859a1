"""The analyst that this process holds, and its change for another while work goes on.

The live build is the one in the database; without one, that of the settings. A change opens the
new build first, and the old one is closed when the new one has read an article. A build that
cannot be opened is refused: its reason goes into the log and the database, the old one goes on,
and the same deployment is tried again after a pause. Each opening is counted before it begins, and
ends for a build that nobody has held yet with the first real article that it has read: a build
that has ended its worker a few times, or failed at all that it was given, is left alone. Knows
nothing of claims.
"""

from __future__ import annotations

import socket
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.orm import Session

from inference.builds import resolve_build
from inference.cpu import resident_bytes, usable_memory
from inference.shape import memory_needed
from inference.tuned import choose, open_analyst
from schemas.errors import ConfigError, TransientError
from schemas.lens import Lens
from schemas.settings import Settings
from store import builds
from store.builds import MOST_OPENINGS, Live
from store.database import Database
from workers.attempts import describe_error
from workers.journal import phase

if TYPE_CHECKING:
    from inference.analyst import Analyst

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0
"""A look is one short query; a fast model claims many times a second."""

TRY_AGAIN_AFTER = timedelta(minutes=10)
"""A refused build may have been mended on disk."""

FALLBACKS = 3
"""Earlier deployments that a starting worker tries when it cannot open the live one."""

GIGABYTE = 10**9


class LiveAnalyst:
    """What one inference process reads with. Not for use from two threads at once."""

    def __init__(self, settings: Settings, database: Database, lenses: Mapping[str, Lens]) -> None:
        self._settings = settings
        self._database = database
        self._lenses = lenses
        self._machine = socket.gethostname()
        self._analyst: Analyst | None = None
        self._deployment_id: int | None = None
        """What is held; None: the settings' build."""
        self._on_trial: Live | None = None
        """What is held, if no worker has read a real article with it yet."""
        self._look_again_at = 0.0
        self._default_again_at = 0.0
        self._again_at: dict[int, float] = {}
        """When a refused deployment may be tried again. The database keeps the last machine's
        refusal only, and two that cannot open a build would try it again and again in turns."""
        self._is_due = False

    @property
    def analyst(self) -> Analyst:
        """The analyst that is held; the first one is opened here."""
        if self._analyst is None:
            self._open_first()
        assert self._analyst is not None
        return self._analyst

    def take(self) -> Analyst:
        """Give the analyst to read on with, changed if it must be. Nothing may be in flight."""
        if self._analyst is not None and self.is_due():
            self._change()
        analyst = self.analyst
        if self._on_trial:
            with self._database.begin() as session:
                self._note_trial(session, self._on_trial)
        return analyst

    def rest(self) -> None:
        """Note that there was nothing to read: a trial goes on with the next article."""
        if self._on_trial:
            with self._database.begin() as session:
                builds.forget_refusal(session, self._on_trial.deployment_id, self._machine)

    def pass_trial(self) -> None:
        """Note that what was taken has read real articles, so that it is proven."""
        if self._on_trial:
            with self._database.begin() as session:
                self._note_proven(session, self._on_trial)
            self._on_trial = None

    @property
    def is_on_trial(self) -> bool:
        """Whether what is held is a build with which no worker has read a real article yet."""
        return self._on_trial is not None

    def refuse_trial(self, error: Exception) -> bool:
        """Take an error for that of the build on trial: the build before is the next to be taken.

        False, and nothing happens: no build is on trial, or the error passes by itself. The opening
        stays counted, as one that ended the worker does.
        """
        live = self._on_trial
        if live is None or isinstance(error, TransientError):
            return False
        told = f"it failed at its first articles: {describe_error(error)}"
        # Without the error's own text, which may quote an article.
        trace = "".join(traceback.format_tb(error.__traceback__))
        log.error("build_refused", build=live.name, reason=told, traceback=trace)
        with self._database.begin() as session:
            reason = f"{told}{_describe_tries(live, self._machine)}"
            builds.note_refusal(session, live.deployment_id, self._machine, reason)
        self._again_at[live.deployment_id] = time.monotonic() + TRY_AGAIN_AFTER.total_seconds()
        self._on_trial = None
        self.close()
        return True

    def is_due(self) -> bool:
        """Whether another build is live than the one that is held; looks at most once a second."""
        if not self._is_due and time.monotonic() >= self._look_again_at:
            self._look_again_at = time.monotonic() + LOOK_EVERY_S
            self._is_due = self._is_wanted(self._find_live())
        return self._is_due

    def close(self) -> None:
        """Free the model."""
        if self._analyst is not None:
            self._analyst.close()
            self._analyst = None
        self._end_trial()

    def _find_live(self) -> Live | None:
        with phase("look"), self._database.begin() as session:
            return builds.find_live(session)

    def _is_wanted(self, live: Live | None) -> bool:
        if live is None:
            is_waiting = time.monotonic() < self._default_again_at
            return self._deployment_id is not None and not is_waiting
        return live.deployment_id != self._deployment_id and not self._has_refused(live)

    def _has_refused(self, live: Live) -> bool:
        """Whether this machine found of late, or too often, that it cannot open a deployment."""
        if live.count_openings(self._machine) >= MOST_OPENINGS:
            return True
        if time.monotonic() < self._again_at.get(live.deployment_id, 0.0):
            return True
        if live.refused_by != self._machine or live.refused_for is None:
            return False
        return live.refused_for < TRY_AGAIN_AFTER

    def _change(self) -> None:
        """Take another build for the one that is held, if it can be opened."""
        self._is_due = False
        live = self._find_live()
        if not self._is_wanted(live):
            return
        began = time.perf_counter()
        if live is None:
            self._change_to_default()
        elif (analyst := self._try(live)) is not None:
            self._hold(analyst, live)
        seconds = round(time.perf_counter() - began, 3)
        log.info("build_looked_for", held=self.analyst.build.name, seconds=seconds)

    def _change_to_default(self) -> None:
        try:
            analyst = self._open_default()
        except Exception as error:  # noqa: BLE001  # See `_try`.
            self._default_again_at = time.monotonic() + TRY_AGAIN_AFTER.total_seconds()
            log.error("build_refused", build=self._settings.inference.build, reason=str(error))
        else:
            self._hold(analyst, None)

    def _open_first(self) -> None:
        """Open the live build, or what was live before it, or the settings' build."""
        with self._database.begin() as session:
            standing = builds.list_standing(session, limit=FALLBACKS)
        for live in standing:
            if not self._has_refused(live) and (analyst := self._try(live)) is not None:
                self._hold(analyst, live)
                return
        self._hold(self._open_default(), None)

    def _hold(self, analyst: Analyst, live: Live | None) -> None:
        self._end_trial()
        old, self._analyst = self._analyst, analyst
        self._deployment_id = live.deployment_id if live else None
        self._on_trial = live if live and not live.is_proven else None
        if old is not None:
            log.info("build_changed", before=old.build.name, build=analyst.build.name)
            old.close()

    def _try(self, live: Live) -> Analyst | None:
        """Open a deployment's build; None, and a note in the database, when it cannot be."""
        with self._database.begin() as session:
            # A file that kills the process is not opened at once again.
            self._note_trial(session, live)
            builds.begin_opening(session, live.name, self._machine)
        try:
            analyst = self._open(live)
        except Exception as error:  # noqa: BLE001  # Whatever a file does, the old one goes on.
            reason = str(error) or type(error).__name__
            log.error("build_refused", build=live.name, reason=reason)
            self._again_at[live.deployment_id] = time.monotonic() + TRY_AGAIN_AFTER.total_seconds()
            with self._database.begin() as session:
                builds.note_refusal(session, live.deployment_id, self._machine, reason)
                builds.end_opening(session, live.name, self._machine)
            return None
        except BaseException:  # The worker is told to stop: no fault of the build.
            with self._database.begin() as session:
                self._note_untried(session, live)
            raise
        if live.is_proven:
            try:
                with self._database.begin() as session:
                    self._note_proven(session, live)
            except BaseException:
                analyst.close()
                raise
        return analyst

    def _note_trial(self, session: Session, live: Live) -> None:
        told = describe_trial(live, self._machine)
        builds.note_refusal(session, live.deployment_id, self._machine, told)

    def _note_proven(self, session: Session, live: Live) -> None:
        builds.note_success(session, live.deployment_id, self._machine)
        builds.end_opening(session, live.name, self._machine)

    def _note_untried(self, session: Session, live: Live) -> None:
        builds.forget_refusal(session, live.deployment_id, self._machine)
        builds.end_opening(session, live.name, self._machine)

    def _end_trial(self) -> None:
        """Let go of what is held before it has read an article: that is no fault of it."""
        live, self._on_trial = self._on_trial, None
        if live:
            # Where the database is away, it counts until another opening ends.
            with suppress(TransientError), self._database.begin() as session:
                self._note_untried(session, live)

    def _open_default(self) -> Analyst:
        """Open the settings' build; ConfigError when that has ended its worker too often."""
        name = resolve_build(self._settings).name
        with self._database.begin() as session:
            if builds.count_openings(session, name, self._machine) >= MOST_OPENINGS:
                raise ConfigError(f"{builds.describe_deadly(name)}: see newsmill doctor")
            builds.begin_opening(session, name, self._machine)
        try:
            return self._open(None)
        finally:
            # Where the database is away by now, it counts until another opening ends.
            with suppress(TransientError), self._database.begin() as session:
                builds.end_opening(session, name, self._machine)

    def _open(self, live: Live | None) -> Analyst:
        """Open a build beside the one that is held; one that is new here reads an article."""
        settings = self._settings
        build = resolve_build(settings, live.name if live else None)
        if live and build.manifest.sha256 != live.sha256:
            raise ConfigError(f"{build.folder}: another file than the one that was made live")
        choice = choose(build, settings.inference, settings.home)
        needed, there = memory_needed(build, settings.inference, choice), self._room()
        if needed > there:
            raise ConfigError(
                f"{build.folder}: needs about {needed / GIGABYTE:.1f} GB, "
                f"{there / GIGABYTE:.1f} GB are left beside what is in use"
            )
        analyst = open_analyst(build, settings.inference, settings.home, self._lenses.values())
        try:
            if live and not live.is_proven:
                self._prove(analyst)
        except BaseException:
            analyst.close()
            raise
        return analyst

    def _prove(self, analyst: Analyst) -> None:
        from inference.proving import prove

        prove(analyst, self._lenses.values())

    @staticmethod
    def _room() -> int:
        return usable_memory() - resident_bytes()


def describe_trial(live: Live, machine: str) -> str:
    """Say what is known of an opening until it ends, and for good if it ends the process."""
    what = "opening it" if live.is_proven else "opening it, or reading its first article,"
    tries = _describe_tries(live, machine)
    return f"{what} is under way, or has ended the worker{tries}"


def _describe_tries(live: Live, machine: str) -> str:
    opening = live.count_openings(machine) + 1
    last = f": it is left alone until newsmill models use {live.name}"
    return f" (try {opening} of {MOST_OPENINGS})" + last * (opening >= MOST_OPENINGS)
