"""What `up`, `demo` and `prepare` share: the checks before a start, and looking after what runs."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from inference.builds import Build, resolve_build, verify_build
from ingest.address_guard import AddressGuard
from newsmill.supervisor import ProcessState, Supervisor
from newsmill.workplace import Workplace
from schemas.errors import NewsmillError
from schemas.lens import Lens
from schemas.settings import Settings
from store import builds
from store.sweep import end_leases
from store.views import create_view
from workers.app import configure
from workers.mill import load_lenses_in_use
from workers.sending import send_tick

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Outfit:
    """What the mill reads with: checked before anything is started."""

    build: Build
    lenses: dict[str, Lens]


def check_outfit(settings: Settings) -> Outfit:
    """Find what is wrong with hosts, lenses and model now, and not in a worker's log."""
    AddressGuard(settings.ingest.allowed_hosts)
    lenses = load_lenses_in_use(settings)
    build = resolve_build(settings)
    verify_build(build, settings.home)
    return Outfit(build, lenses)


def record_outfit(place: Workplace, outfit: Outfit) -> None:
    """Make the build known to the database, and give every lens its SQL view.

    It is not made live: a build that was, by `newsmill models use` or a promotion, stays so.
    """
    manifest = outfit.build.manifest
    with place.database.begin() as session:
        builds.register(session, manifest.name, manifest.sha256, manifest.model_dump(mode="json"))
        for lens in outfit.lenses.values():
            create_view(session, lens)


def resume(place: Workplace, *, is_private: bool) -> None:
    """Let go on at once what waits, and what a killed mill was at.

    On a private database no other worker can be alive, so nobody's lease need be waited for.
    """
    if is_private:
        with place.database.begin() as session:
            end_leases(session)
    configure(place.settings)
    send_tick(place.settings)


def look_after(supervisor: Supervisor, place: Workplace) -> list[ProcessState]:
    """Start again what has died; a server that will not come up is tried again the next time."""
    try:
        place.services.ensure()
    except (NewsmillError, OSError) as error:
        # A ConfigError too: on a machine out of memory no program can say its version, and what
        # has started once needs no other settings.
        log.warning("server_is_down", error=str(error))
    return supervisor.poll()
