"""Looking after what runs: what cannot be started again now ends nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsmill.running import look_after
from newsmill.services.launcher import Services, SharedServers
from newsmill.supervisor import Supervisor
from newsmill.workplace import Workplace
from schemas.errors import ConfigError, TransientError
from schemas.settings import Settings
from store.database import Database

NOWHERE = "postgresql://nobody@/nowhere"


class FallenServers(SharedServers):
    """Servers that have died and do not come up again."""

    def __init__(self, home: Path, error: Exception) -> None:
        super().__init__(home, [])
        self.error = error

    def ensure(self) -> list[str]:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        TransientError("postgres does not come up"),
        ConfigError("no Postgres 14 or later is installed (found: none)"),
        OSError("Cannot allocate memory"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_server_that_does_not_come_up_again_ends_no_running_mill(
    error: Exception, tmp_path: Path
) -> None:
    services = Services(NOWHERE, "redis://nowhere", FallenServers(tmp_path, error))
    place = Workplace(Settings.model_construct(home=tmp_path), services, Database(NOWHERE))
    assert look_after(Supervisor([], {}, tmp_path), place) == []
