"""`newsmill record`: write down what comes in, so that it can be replayed offline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsmill.limits import MOST_HOURS

if TYPE_CHECKING:
    from redis import Redis

    from workers.recording_switch import RecordingState

DAY_H = 24.0
LIMIT_MB = 2_000
MOST_MB = 10**9
BYTES_PER_MB = 1_000_000
FOLDER = "recordings"


def command(
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER", help="Where to record; without it, a new one in <home>/recordings."
        ),
    ] = None,
    hours: Annotated[
        float, typer.Option(min=0.01, max=MOST_HOURS, help="How long; then it ends by itself.")
    ] = DAY_H,
    limit_mb: Annotated[
        int, typer.Option(min=1, max=MOST_MB, help="It ends when it is this large.")
    ] = LIMIT_MB,
    stop: Annotated[bool, typer.Option("--stop", help="End the recording that goes on.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Only say what is recorded.")] = False,
    rows: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Only write the database's rows, as replay does."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the state as JSON.")] = False,
) -> None:
    """Record what the running mill takes in: feeds, pages, mails and files, just as they came.

    The workers record while they poll, also after a restart; this command only turns the switch
    and returns. Passwords, tokens, cookies and the headers of requests are never recorded, but
    mails are, whole: the folder is for your eyes only. Replay it with newsmill replay.
    """
    from newsmill.workplace import is_up, open_workplace
    from schemas.settings import load_settings
    from workers import recording_switch

    if rows is not None:
        _write_rows(rows)
        return
    settings = load_settings()
    with open_workplace(settings) as place, _connect(place.settings) as client:
        if stop:
            recording_switch.switch_off(client, "somebody ended it")
        elif not status:
            _begin(client, directory or _name_folder(place.settings.home), hours, limit_mb)
        state = recording_switch.read_state(client)
    if as_json:
        typer.echo(json.dumps(_to_dict(state), indent=2))
        return
    typer.echo(describe(state, datetime.now(UTC)))
    if state is not None and state.is_on(datetime.now(UTC)):
        typer.echo("newsmill record --status says how far it is, newsmill record --stop ends it")
        if settings.database_url is None and not is_up(settings.home):
            typer.echo("no mill runs here: newsmill up polls, and what it gets is recorded")


def describe(state: RecordingState | None, now: datetime) -> str:
    """Say in one line what is or was recorded."""
    if state is None:
        return "nothing is recorded, nor was of late"
    size_mb, limit_mb = state.size_bytes / BYTES_PER_MB, state.limit_bytes / BYTES_PER_MB
    told = (
        f"{state.visits} polls and pages, {state.answers} answers, {state.mails} mails, "
        f"{state.files} files, {size_mb:,.3g} of {limit_mb:,.0f} MB"
    )
    since = f"since {state.since:%Y-%m-%d %H:%M} UTC"
    if state.is_on(now):
        return f"recording to {state.folder} {since}, until {state.until:%Y-%m-%d %H:%M}: {told}"
    why = state.ended or f"its time was up at {state.until:%Y-%m-%d %H:%M}"
    return f"recorded to {state.folder} {since}; ended: {why}. It holds {told}"


def _begin(client: Redis, folder: Path, hours: float, limit_mb: int) -> None:
    from ingest.recordings.writing import prepare_recording
    from schemas.errors import ConfigError
    from workers import recording_switch
    from workers.recording_switch import RecordingState

    now = datetime.now(UTC)
    before = recording_switch.read_state(client)
    if before is not None and before.is_on(now):
        raise ConfigError(f"{describe(before, now)}; end it first: newsmill record --stop")
    folder = folder.expanduser().absolute()
    prepare_recording(folder, now)
    until = now + timedelta(hours=hours)
    state = RecordingState(folder, now, until, limit_bytes=limit_mb * BYTES_PER_MB)
    recording_switch.switch_on(client, state)


def _name_folder(home: Path) -> Path:
    return home / FOLDER / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}"


def _write_rows(path: Path) -> None:
    from newsmill.replay.rows import write_rows
    from newsmill.workplace import open_workplace
    from schemas.settings import load_settings

    with open_workplace(load_settings()) as place:
        typer.echo(f"{write_rows(place.database, path)} rows written to {path}")


@contextmanager
def _connect(settings: Any) -> Iterator[Redis]:
    from redis import RedisError

    from schemas.errors import TransientError
    from workers import recording_switch

    client = recording_switch.connect(settings.redis_url.get_secret_value())
    try:
        yield client
    except RedisError as error:
        raise TransientError(f"Redis cannot be used: {error}") from error
    finally:
        client.close()


def _to_dict(state: RecordingState | None) -> dict[str, Any] | None:
    from dataclasses import asdict

    if state is None:
        return None
    on = state.is_on(datetime.now(UTC))
    told = {
        name: value.isoformat() if isinstance(value, datetime) else str(value)
        for name, value in asdict(state).items()
        if value is not None
    }
    numbers = {name: value for name, value in asdict(state).items() if isinstance(value, int)}
    return {"on": on, **told, **numbers}
