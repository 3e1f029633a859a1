"""`newsmill replay`: a recording goes through the mill again, offline; its rows are compared."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from ingest.recordings.reading import Recording
    from newsmill.replay.player import Player
    from newsmill.workplace import Workplace

DIFFERS = 3
MAX = "max"


def command(
    directory: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A recording, made by newsmill record.")
    ],
    speed: Annotated[
        str, typer.Option(metavar="N|max", help="Times as fast as it was, such as 60.")
    ] = MAX,
    lenses_dir: Annotated[
        Path | None, typer.Option(help="Use the lenses in this folder instead.")
    ] = None,
    read: Annotated[
        bool, typer.Option("--read", help="Let the model read what the rules keep, too.")
    ] = False,
    rows: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all outcomes here, as JSONL.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Say what differs from these outcomes.")
    ] = None,
) -> None:
    """Replay a recording offline, into a fresh database of its own, and sum up the rows.

    Parsing, identity, newsletters, stories, languages, pages and rules run again, with the
    settings and lenses as they are now and the clock of the recording. Nothing is fetched, and
    your own rows are not touched. The same recording gives the same rows, byte for byte: write
    them with --rows before a change, and compare with --against after it (exit code 3: they
    differ). What was replayed stays in <home>/replay until the next replay.
    """
    from redis import Redis
    from rich.console import Console

    from ingest.recordings.reading import open_recording
    from newsmill.logging import hush
    from newsmill.output_files import check_output
    from newsmill.replay.mill import ReplayMill
    from newsmill.replay.place import open_replay_place
    from newsmill.replay.player import Player
    from newsmill.replay.summary import print_summary
    from schemas.settings import load_settings
    from workers.app import configure
    from workers.mill import use_mill

    console = Console(stderr=True)
    factor = _parse_speed(speed)
    recording = open_recording(directory)
    if against is not None:
        _check_rows(against)
    if rows is not None:
        check_output(rows)
    settings = load_settings()
    if lenses_dir is not None:
        settings = settings.model_copy(update={"lenses_dir": lenses_dir.absolute()})
    is_same = True
    with open_replay_place(settings) as place:
        _prepare(place, read=read)
        configure(place.settings)
        mill = ReplayMill(place.settings, recording.bodies)
        use_mill(mill)
        assert place.settings.redis_url is not None
        try:
            with Redis.from_url(place.settings.redis_url.get_secret_value()) as redis, hush():
                player = Player(place, mill, redis)
                is_whole = play(console, player, recording, factor, read=read)
        finally:
            mill.close()
        print_summary(Console(), place, player.played, recording, mill.visit.unanswered)
        if rows is not None and is_whole:
            _write(place, rows)
        if against is not None and is_whole:
            is_same = _compare(place, against, read=read)
        typer.echo(f"the database stays in {place.settings.home} until the next replay")
    if not is_whole:
        raise typer.Exit(1)
    if not is_same:
        raise typer.Exit(DIFFERS)


def _parse_speed(typed: str) -> float | None:
    from schemas.errors import ConfigError

    if typed == MAX:
        return None
    try:
        speed = float(typed.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise ConfigError(f"--speed {typed}: give a number, such as 60, or max")
    return speed


def _check_rows(path: Path) -> None:
    """Look at the first of the rows to compare with: before the recording is played, not after."""
    from newsmill.replay.rows import read_rows
    from schemas.errors import ConfigError

    if not path.is_file():
        raise ConfigError(f"{path} is no file")
    next(read_rows(path), None)


def _prepare(place: Workplace, *, read: bool) -> None:
    """Check the lenses, and the model where it is to read, before anything is played."""
    from newsmill.running import check_outfit, record_outfit
    from store.views import create_view
    from workers.mill import load_lenses_in_use

    if read:
        record_outfit(place, check_outfit(place.settings))
        return
    lenses = load_lenses_in_use(place.settings)
    with place.database.begin() as session:
        for lens in lenses.values():
            create_view(session, lens)


def play(
    console: Console, player: Player, recording: Recording, speed: float | None, *, read: bool
) -> bool:
    """Play everything; tells whether it came to its end. Ctrl-C leaves what was played so far."""
    from newsmill.replay.progress import ReplayProgress

    began = time.monotonic()
    try:
        with ReplayProgress(console, recording.count()) as progress:
            player.play(recording.read(), speed, progress.show)
            player.finish(read=read, show=progress.show)
    except KeyboardInterrupt:
        console.print("interrupted: what follows is what was replayed so far")
        return False
    console.print(f"replayed in {time.monotonic() - began:.1f} s")
    return True


def _write(place: Workplace, path: Path) -> None:
    from newsmill.replay.rows import write_rows

    typer.echo(f"{write_rows(place.database, path)} rows written to {path}")


def _compare(place: Workplace, path: Path, *, read: bool) -> bool:
    from newsmill.replay.differences import compare, tell
    from newsmill.replay.rows import ANALYSIS, list_rows, read_rows

    # What the model made is no difference where it was not asked this time.
    before = (row for row in read_rows(path) if read or row["row"] != ANALYSIS)
    comparison = compare(before, list_rows(place.database))
    told = "no row differs from" if comparison.is_same else "compared with"
    typer.echo(f"{told} {path}" + ("" if read else ", analyses left out") + ":")
    for line in tell(comparison):
        typer.echo(f"  {line}")
    return comparison.is_same
