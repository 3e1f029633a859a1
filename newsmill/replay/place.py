"""Where a replay happens: a home of its own below the home, with servers and a fresh database.

The operator's rows, queues and logins are never touched: no setting that names a server counts.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from newsmill.replay.mill import FILES
from newsmill.services.home import make_home
from newsmill.services.launcher import Services
from newsmill.workplace import Workplace, hold_up_lock, with_addresses
from schemas.settings import Settings
from store import migrations
from store.database import Database
from store.played_clock import make_played_database

FOLDER = "replay"

UNHURRIED = {
    "task_time_limit": timedelta(days=7),
    "visibility_timeout": timedelta(days=8),
}
"""A poll that was read in one go is stored in one go, however slow this machine is."""
NO_PAUSE = {"host_delay": timedelta(0)}
"""No host is asked for anything; and while the clock stands still, no pause would ever end."""
NO_HASTE = {"may_degrade": False}
"""How much of an article is read must not depend on how busy this machine is."""


def fit_settings(settings: Settings) -> Settings:
    """Give the settings of a replay: as they are, but for servers, home and haste."""
    return settings.model_copy(
        update={
            "home": settings.home / FOLDER,
            "database_url": None,
            "redis_url": None,
            "queue": settings.queue.model_copy(update=UNHURRIED),
            "ingest": settings.ingest.model_copy(update=NO_PAUSE),
            "objective": settings.objective.model_copy(update=NO_HASTE),
        }
    )


@contextmanager
def open_replay_place(settings: Settings) -> Iterator[Workplace]:
    """Open private servers with an empty database that has a clock of its own.

    What an earlier replay left there is gone. ConfigError while another one runs in this home.
    """
    settings = fit_settings(settings)
    settings = settings.model_copy(update={"home": make_home(settings.home).path})
    with hold_up_lock(settings.home), Services.start(settings) as services:
        shutil.rmtree(settings.home / FILES, ignore_errors=True)
        make_played_database(services.database_url)
        migrations.upgrade(services.database_url)
        database = Database(services.database_url, name="newsmill-replay")
        try:
            yield Workplace(with_addresses(settings, services), services, database)
        finally:
            database.close()
