"""`newsmill sources`: what is polled, how it does, and changes to it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsmill.limits import YEAR_S

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from ingest.probing import Probe
    from ingest.reading_sources import WebClient
    from ingest.sources import SourceSpec
    from newsmill.workplace import Workplace
    from schemas.settings import Settings

NEEDS_ATTENTION = 3

app = typer.Typer(no_args_is_help=True, help="Sources: what is polled, and how it does.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Which = Annotated[list[str], typer.Argument(metavar="SOURCE", help="Id, location or name.")]


@app.command("list")
def list_all(
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that were removed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List sources with state, next poll, articles a day and the share that the rules keep.

    Exit code 3 when a source fails or is silent for too long.
    """
    from newsmill.source_health import judge
    from newsmill.sources_view import draw_sources, to_json
    from newsmill.tables import show
    from store import source_health

    with _workplace() as place:
        with place.database.begin() as session:
            listed = source_health.list_sources(session, with_removed=everything)
            traffic = source_health.count_traffic(session)
        now = datetime.now(UTC)
        judged = [(source, judge(source, place.settings.ingest, now)) for source in listed]
    if as_json:
        typer.echo(json.dumps(to_json(judged, traffic), indent=2))
    elif judged:
        show(draw_sources(judged, traffic, now))
    else:
        typer.echo("no sources: newsmill sources add https://…")
    if any(judgement.is_alert for _, judgement in judged):
        raise typer.Exit(NEEDS_ATTENTION)


@app.command()
def add(
    locations: Annotated[
        list[str], typer.Argument(metavar="URL", help="A feed, or a page that names one.")
    ],
    name: Annotated[str | None, typer.Option(help="What to call it.")] = None,
    folder: Annotated[str | None, typer.Option(help="Where to file it: News/World.")] = None,
    every: Annotated[
        float | None,
        typer.Option(min=60, max=YEAR_S, help="Fixed seconds between polls; else its rhythm."),
    ] = None,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Add it without fetching it first.")
    ] = False,
) -> None:
    """Add feeds to be polled. Each is fetched first; of a web page its first feed is taken."""
    from ingest.mail_accounts import MAIL_KINDS
    from ingest.sources import recognise_source
    from schemas.errors import ConfigError
    from schemas.settings import load_settings

    if name and len(locations) > 1:
        raise ConfigError("--name names one source: add the others by themselves")
    settings = load_settings()
    folder = "/".join(filter(None, (folder or "").split("/"))) or None
    specs = [recognise_source(typed) for typed in locations]
    for spec in specs:
        if not spec.is_remote:
            raise ConfigError(
                f"{spec.location}: files are read once, when they are named: newsmill ingest "
                f"{spec.location}"
            )
        if spec.kind in MAIL_KINDS:
            raise ConfigError(f"a mail account needs a login: newsmill ingest '{spec.location}'")
    if not unchecked:
        specs = [_check(spec, settings) for spec in specs]
    with _workplace(settings) as place:
        stored = _store(place, specs, name=name, folder=folder, every=every)
    for (source_id, is_new), spec in zip(stored, specs, strict=True):
        typer.echo(f"source {source_id}{'' if is_new else ', known already'}: {spec.location}")


@app.command()
def remove(which: Which) -> None:
    """Forget sources. Their articles stay."""
    from store import sources

    _change(which, sources.remove, "removed")


@app.command()
def pause(which: Which) -> None:
    """Poll sources no more until they are resumed."""
    from store import sources

    _change(which, sources.pause, "paused")


@app.command()
def resume(which: Which) -> None:
    """Poll sources again: those that were paused, are gone, or have failed for long."""
    from store import sources

    _change(which, sources.resume, "polled again from the next tick on")


@app.command()
def test(
    url: Annotated[str, typer.Argument(metavar="URL", help="A feed, or a page that names one.")],
) -> None:
    """Fetch a feed once and say what it holds. Nothing is stored."""
    from newsmill.sources_view import describe_probe
    from schemas.settings import load_settings

    for line in describe_probe(_probe(url, load_settings())):
        typer.echo(line)


@app.command("import")
def import_list(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="An OPML file, as feed readers export it.")
    ],
) -> None:
    """Add all feeds of an OPML list, in its folders. None is fetched first."""
    from ingest.opml import read_opml
    from schemas.errors import ConfigError

    try:
        feeds = read_opml(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None
    added = known = 0
    with _workplace() as place:
        for feed in feeds:
            try:
                spec = _recognise_feed(feed.url)
            except ConfigError as error:
                typer.echo(f"left out: {error}", err=True)
                continue
            ((_, is_new),) = _store(place, [spec], name=feed.name, folder=feed.folder)
            added += is_new
            known += not is_new
    typer.echo(f"{added} of {len(feeds)} feeds added, {known} known already")


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Without it: standard output.")
    ] = None,
) -> None:
    """Write all feeds, with their folders, as an OPML list."""
    from ingest.opml import OpmlFeed, write_opml
    from newsmill.output_files import writing_to
    from store import source_health

    with _session() as session:
        listed = source_health.list_sources(session)
    feeds = [
        OpmlFeed(source.location, source.name, source.folder)
        for source in listed
        if source.kind == "feed" and source.location.startswith(("http://", "https://"))
    ]
    written = write_opml(feeds)
    if file is None:
        sys.stdout.buffer.write(written)
        return
    with writing_to(file):
        file.write_bytes(written)
    typer.echo(f"{len(feeds)} feeds written to {file}")


def _recognise_feed(url: str) -> SourceSpec:
    """Recognise an address from a list of feeds: nothing but a feed on a server will do."""
    from ingest.sources import recognise_source
    from schemas.errors import ConfigError

    if not url.lower().startswith(("http://", "https://", "feed://")):
        raise ConfigError(f"{url}: not the http(s) address of a feed")
    return recognise_source(url)


def _check(spec: SourceSpec, settings: Settings) -> SourceSpec:
    from ingest.sources import SourceSpec

    return SourceSpec("feed", _probe(spec.location, settings).url)


def _probe(url: str, settings: Settings) -> Probe:
    from ingest.address_guard import PrivateHostError
    from ingest.probing import probe_feed
    from ingest.sources import recognise_source
    from schemas.errors import ConfigError

    with _client(settings) as client:
        try:
            return probe_feed(recognise_source(url).location, client, datetime.now(UTC))
        except PrivateHostError as error:
            raise ConfigError(error.message) from None


@contextmanager
def _client(settings: Settings) -> Iterator[WebClient]:
    from workers.mill import Mill

    mill = Mill(settings)
    try:
        yield mill.http
    finally:
        mill.close()


def _store(
    place: Workplace,
    specs: list[SourceSpec],
    *,
    name: str | None = None,
    folder: str | None = None,
    every: float | None = None,
) -> list[tuple[int, bool]]:
    """Add sources; a tick polls them at once. Gives each one's id, and whether it is new."""
    from store import sources

    interval = timedelta(seconds=every) if every else place.settings.ingest.poll_every
    stored = []
    with place.database.begin() as session:
        for spec in specs:
            is_new = not sources.find(session, spec.location)
            source_id = sources.upsert(
                session,
                kind=spec.kind,
                location=spec.location,
                name=name,
                folder=folder,
                interval=interval,
                settings={"adapted": False} if every else None,
            )
            stored.append((source_id, is_new))
    return stored


def _change(which: list[str], change: Callable[[Session, list[int]], None], told: str) -> None:
    with _session() as session:
        source_ids = _find(session, which)
        change(session, source_ids)
    typer.echo(f"{len(source_ids)} {told}")


def _find(session: Session, which: list[str]) -> list[int]:
    from schemas.errors import ConfigError
    from store import sources

    found: list[int] = []
    for typed in which:
        source_ids = sources.find(session, typed)
        if len(source_ids) != 1:
            how_many = "several sources have" if source_ids else "no source has"
            raise ConfigError(
                f"{how_many} the id, location or name {typed!r}: newsmill sources list"
            )
        found += source_ids
    return list(dict.fromkeys(found))


@contextmanager
def _workplace(settings: Settings | None = None) -> Iterator[Workplace]:
    from newsmill.workplace import open_workplace
    from schemas.settings import load_settings

    with open_workplace(settings or load_settings()) as place:
        yield place


@contextmanager
def _session() -> Iterator[Session]:
    with _workplace() as place, place.database.begin() as session:
        yield session
