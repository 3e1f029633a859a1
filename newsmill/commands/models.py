"""`newsmill models`: list the builds, pull and verify them, make one live or take it back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from inference.builds import Build
    from inference.hub import Progress
    from schemas.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Look at the models, pull and use them.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

NEEDS_ATTENTION = 3


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """Show the builds on this machine, then those that can be pulled; ● is live.

    Which build is live stands in the database; while that is not up, the settings' build has the
    mark.
    """
    from inference.builds import list_faults
    from newsmill.tables import make_table, show
    from schemas.settings import load_settings

    settings = load_settings()
    for fault in list_faults(settings).values():
        typer.echo(f"cannot be used: {fault}", err=True)
    rows = list(_list_rows(settings, _find_live_name(settings)))
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = make_table("", "model", "MB", "licence", "where", right={"MB"})
    for row in rows:
        mark = "●" if row["in_use"] else ""
        table.add_row(mark, row["name"], f"{row['mb']:,}", row["licence"], row["where"])
    show(table)


@app.command()
def pull(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="As `newsmill models list` shows it.")
    ],
) -> None:
    """Fetch a model from the hub (or HF_ENDPOINT); goes on where it broke off."""
    from datetime import UTC, datetime

    from inference.catalogue import load_catalogue
    from inference.hub import DEFAULT_ENDPOINT, Hub
    from schemas.errors import ConfigError
    from schemas.settings import load_settings

    settings = load_settings()
    catalogue = load_catalogue(settings.models_dir)
    if name not in catalogue:
        raise ConfigError(f"no model {name!r} in the catalogue: {', '.join(catalogue)}")
    endpoint = os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT
    folder = settings.home / "models" / name
    with (
        Hub(endpoint, token=os.environ.get("HF_TOKEN")) as hub,
        _show_progress(name) as progress,
    ):
        build = hub.pull(catalogue[name], folder, datetime.now(UTC), progress)
    known = "as expected" if catalogue[name].sha256 else "recorded now, the catalogue has none"
    typer.echo(f"{build.folder}: SHA-256 {build.manifest.sha256[:12]}… ({known})")
    typer.echo(
        f"use it with: newsmill models use {name}; tune it with: newsmill tune --model {name}"
    )


@app.command()
def use(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="As `newsmill models list` shows it.")
    ],
    reason: Annotated[str | None, typer.Option(help="Why; kept with it.")] = None,
) -> None:
    """Make a build live: checked here first, then every inference worker changes to it.

    It goes before NEWSMILL_INFERENCE__BUILD, until `newsmill models back` takes it back.
    """
    from newsmill.workplace import open_workplace
    from schemas.settings import load_settings
    from store import builds

    settings = load_settings()
    build = _check(settings, name)
    manifest = build.manifest
    with open_workplace(settings) as place, place.database.begin() as session:
        before = builds.find_live(session)
        builds.register(session, build.name, manifest.sha256, manifest.model_dump(mode="json"))
        builds.set_live(session, build.name, reason)
    was = before.name if before else f"{settings.inference.build}, by its setting"
    typer.echo(f"{build.name} is live; before it was {was}. Back with: newsmill models back")


@app.command()
def back() -> None:
    """Take the live build back: the one that was live before it takes over again."""
    from newsmill.workplace import open_workplace
    from schemas.settings import load_settings
    from store import builds

    settings = load_settings()
    with open_workplace(settings) as place, place.database.begin() as session:
        taken, below = builds.take_back(session)
    now = below or f"{settings.inference.build}, by NEWSMILL_INFERENCE__BUILD"
    typer.echo(f"{taken} is taken back; live is {now}")


@app.command()
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Names; without any, every build here."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare model files with their checksums. Exit code 3 when one is damaged."""
    from inference.builds import list_builds, list_faults, resolve_build, verify_build
    from schemas.errors import ConfigError
    from schemas.settings import load_settings

    settings = load_settings()
    builds = [resolve_build(settings, name) for name in names or ()] or list_builds(settings)
    unusable = {} if names else list_faults(settings)
    faults: dict[str, str | None] = {folder.name: fault for folder, fault in unusable.items()}
    for build in builds:
        try:
            verify_build(build)
            faults[build.name] = None
        except ConfigError as error:
            faults[build.name] = str(error)
    if as_json:
        typer.echo(json.dumps(faults, indent=2))
    else:
        for name, fault in faults.items():
            typer.echo(fault or f"{name}: the checksum is right", err=fault is not None)
    if any(faults.values()):
        raise typer.Exit(NEEDS_ATTENTION)


def _check(settings: Settings, name: str) -> Build:
    """Find a build as a worker would, and let it read an article; ConfigError when it cannot."""
    from inference.builds import resolve_build
    from inference.proving import prove
    from inference.tuned import open_analyst
    from schemas.errors import ConfigError
    from workers.mill import load_lenses_in_use

    build = resolve_build(settings, name)
    try:
        found = resolve_build(settings, build.name)
    except ConfigError:
        found = None
    if found is None or found.manifest.sha256 != build.manifest.sha256:
        raise ConfigError(
            f"{build.folder}: workers look for {build.name} by its name; "
            f"copy the folder to {settings.home / 'models' / build.name}"
        )
    lenses = load_lenses_in_use(settings).values()
    with open_analyst(build, settings.inference, settings.home, lenses) as analyst:
        prove(analyst, lenses)
    return build


def _find_live_name(settings: Settings) -> str:
    """Ask the database if it is up: a list is no reason to start one."""
    from newsmill.workplace import is_up, open_workplace
    from schemas.errors import NewsmillError
    from store import builds

    if settings.database_url is not None or is_up(settings.home):
        try:
            with open_workplace(settings) as place, place.database.begin() as session:
                live = builds.find_live(session)
        except NewsmillError as error:
            typer.echo(f"which build is live cannot be asked: {error}", err=True)
        else:
            return live.name if live else settings.inference.build
    return settings.inference.build


def _list_rows(settings: Settings, live: str) -> Iterator[dict[str, Any]]:
    """Give a row for each build here, then for each entry of the catalogue that is not here."""
    from inference.builds import list_builds
    from inference.catalogue import load_catalogue

    builds = list_builds(settings)
    for build in builds:
        yield {
            "name": build.name,
            "in_use": live in (build.name, build.folder.name),
            "mb": round(_size_of(build) / 10**6),
            "licence": build.manifest.licence,
            "where": str(build.folder),
            "created": build.manifest.created.isoformat(),
        }
    here = {build.folder.name for build in builds}
    for entry in load_catalogue(settings.models_dir).values():
        if entry.name not in here:
            yield {
                "name": entry.name,
                "in_use": False,
                "mb": round(entry.bytes / 10**6),
                "licence": entry.licence,
                "where": f"on the hub: {entry.title}",
                "created": None,
            }


def _size_of(build: Build) -> int:
    return build.model_path.stat().st_size


@contextmanager
def _show_progress(name: str) -> Iterator[Progress]:
    """Show a bar on stderr, and hand over what moves it."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress as Bar,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        *(TextColumn("{task.description}"), BarColumn(), DownloadColumn()),
        *(TransferSpeedColumn(), TimeRemainingColumn()),
    )
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=None)
        yield lambda there, size: bar.update(task, completed=there, total=size)
