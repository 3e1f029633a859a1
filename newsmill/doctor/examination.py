"""Gather the facts that the verdicts rest on. Changes nothing but what the first start makes.

The private servers are started for the time of the examination unless they run already: that
they can be is the best news about them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import redis

from inference.builds import resolve_build, verify_build
from inference.cpu import (
    cpu_quota,
    describe_machine,
    parse_features,
    read_cpu_flags,
    usable_cores,
    usable_memory,
)
from inference.shape import memory_needed
from inference.tuned import choose, find_tuned
from ingest.address_guard import AddressGuard
from ingest.credentials import FOLDER as LOGINS, Credentials
from newsmill.doctor import machine, models, servers
from newsmill.doctor.check import Check, Status, fail, ok, warn
from newsmill.mail_logins import list_login_concerns
from newsmill.services.launcher import Services
from schemas.errors import ConfigError, NewsmillError
from schemas.lens import Lens
from schemas.settings import Settings, load_settings
from store import builds, migrations
from store.database import Database
from store.server import ServerFacts, read_server_facts
from workers.mill import load_lenses_in_use

CPUINFO = Path("/proc/cpuinfo")

REDIS_TIMEOUT_S = 5.0


def examine() -> Iterator[Check]:
    """Check everything, cheap things first; each result as soon as it is there."""
    try:
        settings = load_settings()
    except ConfigError as error:
        yield fail("settings", str(error))
        return
    yield _guarded("settings", lambda: _look_at_settings(settings))
    yield _guarded("lenses", lambda: _look_at_lenses(settings))
    yield _look_at_home(settings.home)
    yield machine.judge_disk(_free_bytes(settings.home), str(settings.home))
    yield machine.judge_cores(
        usable_cores(), os.cpu_count() or 1, settings.inference.threads, cpu_quota()
    )
    yield _look_at_processor()
    yield _guarded("model", lambda: _look_at_build(settings))
    yield from _look_at_fit(settings)
    yield from look_at_logins(settings.home)
    yield from _look_at_servers(settings)


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    """Turn an expected error, whose message says how to mend it, into a failed check."""
    try:
        return look()
    except NewsmillError as error:
        return fail(name, str(error))


def _look_at_settings(settings: Settings) -> Check:
    AddressGuard(settings.ingest.allowed_hosts)
    return ok("settings", "every variable is known and valid")


def _look_at_lenses(settings: Settings) -> Check:
    lenses = load_lenses_in_use(settings).values()
    return ok("lenses", ", ".join(f"{lens.name} v{lens.version}" for lens in lenses))


def _find_lenses(settings: Settings) -> list[Lens]:
    try:
        return list(load_lenses_in_use(settings).values())
    except ConfigError:  # That is told elsewhere.
        return []


def _look_at_home(home: Path) -> Check:
    folder = _nearest_folder(home)
    if not os.access(folder, os.W_OK | os.X_OK):
        mend = "give it to this user, or set NEWSMILL_HOME to another folder"
        return fail("home", f"{folder} cannot be written", mend)
    return ok("home", f"{home} can be written")


def look_at_logins(home: Path) -> Iterator[Check]:
    """Look at the logins of mail accounts, where there are any."""
    concerns = list_login_concerns(home, datetime.now(UTC))
    for concern in concerns:
        detail, _, mend = concern.rpartition(": ")
        yield warn("mail logins", detail, mend)
    if not concerns and (number := sum(1 for _ in Credentials(home).list_all())):
        yield ok("mail logins", f"{number} kept in {home / LOGINS}, which only you can read")


def _look_at_processor() -> Check:
    try:
        from inference.engine import system_info
        from inference.kernels import find_width, list_kernels
    except (ImportError, OSError, RuntimeError) as error:  # Its shared library does not load.
        return fail("processor", f"llama.cpp cannot be loaded: {error}", machine.REBUILD)
    flags = CPUINFO.read_text() if CPUINFO.exists() else ""
    compiled = parse_features(system_info())
    has = read_cpu_flags(flags)
    return machine.judge_features(has, compiled, list_kernels(), find_width())


def _look_at_build(settings: Settings, name: str | None = None) -> Check:
    build = resolve_build(settings, name)
    verify_build(build)
    megabytes = build.model_path.stat().st_size / 10**6
    return ok("model", f"{build.name}, {megabytes:.1f} MB, its checksum is right")


def _look_at_fit(settings: Settings, name: str | None = None) -> Iterator[Check]:
    """See how a build would be opened here; without one, that is told elsewhere."""
    try:
        build = resolve_build(settings, name)
    except ConfigError:
        return
    if lenses := _find_lenses(settings):
        yield models.judge_answers(build, lenses)
    tuned = find_tuned(settings.home, describe_machine(), build.manifest.sha256)
    choice = choose(build, settings.inference, settings.home)
    yield models.judge_tuning(build.name, tuned, choice)
    try:
        needed = memory_needed(build, settings.inference, choice)
    except ConfigError as error:
        yield fail("memory", str(error))
        return
    what = f"{build.name} with {choice.sequences} sequences"
    yield machine.judge_memory(needed, usable_memory(), what)


def _look_at_servers(settings: Settings) -> Iterator[Check]:
    try:
        services = Services.start(settings)
    except NewsmillError as error:
        yield fail("services", str(error))
        yield machine.judge_clock(datetime.now(UTC), None)
        return
    with services:
        yield from _look_at_postgres(services.database_url, settings)
        yield _look_at_redis(services.redis_url, is_ours=settings.redis_url is None)


def _look_at_postgres(url: str, settings: Settings) -> Iterator[Check]:
    is_ours = settings.database_url is None
    try:
        facts, now = _ask_postgres(url)
    except NewsmillError as error:
        yield fail("postgres", str(error), "" if is_ours else "check DATABASE_URL")
        yield machine.judge_clock(datetime.now(UTC), None)
        return
    yield servers.judge_postgres(facts, is_ours=is_ours)
    yield _guarded(
        "migrations",
        lambda: servers.judge_migrations(
            migrations.current(url), migrations.head(), is_ours=is_ours
        ),
    )
    if _has_our_tables(url):
        yield from _look_at_live_build(url, settings)
    yield machine.judge_clock(now, facts.now)


def _has_our_tables(url: str) -> bool:
    try:
        return migrations.current(url) == migrations.head()
    except NewsmillError:
        return False


def _look_at_live_build(url: str, settings: Settings) -> Iterator[Check]:
    """See which build the workers hold; look at it as well where the settings name another."""
    default = settings.inference.build
    try:
        live, openings = _find_live(url, default)
    except NewsmillError as error:
        yield fail("build", str(error))
        return
    yield models.judge_live(live, default, openings)
    if live and not live.refusal and live.name != default:
        name = live.name
        for check in (
            _guarded("model", lambda: _look_at_build(settings, name)),
            *_look_at_fit(settings, name),
        ):
            # A live build that cannot be used stops nothing: the one before it goes on.
            status = Status.WARN if check.status is Status.FAIL else check.status
            yield replace(check, name=f"live {check.name}", status=status)


def _find_live(url: str, default: str) -> tuple[builds.Live | None, int]:
    """Find the live build; and how often opening the settings' build has not ended."""
    database = Database(url, name="newsmill-doctor")
    try:
        with database.begin() as session:
            return builds.find_live(session), builds.count_openings(session, default)
    finally:
        database.close()


def _ask_postgres(url: str) -> tuple[ServerFacts, datetime]:
    database = Database(url, name="newsmill-doctor")
    try:
        with database.begin() as session:
            return read_server_facts(session), datetime.now(UTC)
    finally:
        database.close()


def _look_at_redis(url: str, *, is_ours: bool) -> Check:
    limits = {"socket_timeout": REDIS_TIMEOUT_S, "socket_connect_timeout": REDIS_TIMEOUT_S}
    try:
        with redis.Redis.from_url(url, **limits) as client:
            return servers.judge_redis(client.info(), is_ours=is_ours)
    except (redis.RedisError, ValueError) as error:
        return fail("redis", f"it does not answer: {error}", "" if is_ours else "check REDIS_URL")


def _nearest_folder(path: Path) -> Path:
    return next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())


def _free_bytes(path: Path) -> int:
    return shutil.disk_usage(_nearest_folder(path)).free
