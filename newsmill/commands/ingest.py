"""`newsmill ingest`: add sources and have them polled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from ingest.sources import SourceSpec
    from newsmill.workplace import Workplace
    from schemas.settings import Settings
    from workers.mill import NoteRefused

NEEDS_ATTENTION = 3

ASKED_FOR = 5
"""Priority of what a person waits for; what a tick enqueues has 0."""


def command(  # noqa: PLR0913, PLR0917  # Every option is an argument.
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="A feed's URL, a file or folder, imaps://user@host/INBOX, gmail://user@gmail.com",
        ),
    ],
    now: Annotated[
        bool, typer.Option("--now", help="Poll here, without waiting for a running mill.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    password_file: Annotated[
        Path | None, typer.Option(help="File with the password of an IMAP account.")
    ] = None,
    ask_password: Annotated[
        bool, typer.Option("--ask-password", help="Ask for it, also if one is kept.")
    ] = False,
    token_command: Annotated[
        str | None, typer.Option(help="Command that prints an OAuth token for it (XOAUTH2).")
    ] = None,
    oauth_file: Annotated[
        Path | None, typer.Option(help="File with an OAuth grant for it: see docs/mail.md.")
    ] = None,
    refused: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --now: write refused items here, as JSONL."),
    ] = None,
    stories: Annotated[
        bool | None,
        typer.Option("--stories/--no-stories", help="Whether these articles join stories."),
    ] = None,
) -> None:
    """Add sources (feeds, corpora, .eml, mbox, Maildir, mailboxes) and have them polled.

    A corpus is JSONL, CSV or Parquet. A URL is polled again and again while `newsmill up` runs; a
    file is read when it is named here. Reading that was interrupted goes on where it stopped when
    the file is named again. The password of an IMAP account is asked for once and kept below the
    home. Exit code with --now: 3 when items were refused, 1 when a source could not be read.
    """
    from ingest.sources import recognise_source
    from newsmill.ingest_report import RefusedItems, show_progress
    from newsmill.workplace import is_up, open_workplace
    from schemas.errors import ConfigError
    from schemas.settings import load_settings

    settings = load_settings()
    specs = [recognise_source(typed) for typed in sources]
    _log_in(specs, settings, password_file, ask_password, token_command, oauth_file)
    running = is_up(settings.home)
    if refused and (running or not now):
        raise ConfigError("--refused needs --now, and no running mill: its workers poll elsewhere")
    with open_workplace(settings) as place, RefusedItems(refused) as items:
        source_ids = _add(place, specs, {} if stories is None else {"stories": stories})
        if now and not running:
            with show_progress(place.database, dict(zip(source_ids, specs, strict=True))):
                rows = _poll(place, source_ids, items.note)
        else:
            _send(place.settings, source_ids)
            rows = [{"source_id": source_id} for source_id in source_ids]
    rows = [
        {"location": spec.location, "kind": spec.kind, **row}
        for spec, row in zip(specs, rows, strict=True)
    ]
    _tell(rows, as_json, polled=now and not running, running=running)
    items.tell(specs, source_ids)
    if any(row.get("error") for row in rows):
        raise typer.Exit(1)
    if any(row.get("refused") for row in rows):
        raise typer.Exit(NEEDS_ATTENTION)


def _log_in(
    specs: list[SourceSpec],
    settings: Settings,
    password_file: Path | None,
    ask: bool,
    token_command: str | None,
    oauth_file: Path | None,
) -> None:
    """See to the logins of mail accounts before anything is stored."""
    given = password_file or ask or token_command or oauth_file
    if not given and not any(spec.kind in {"imap", "gmail"} for spec in specs):
        return
    from newsmill.mail_logins import LoginOptions, arrange_logins
    from newsmill.services.home import make_home

    settings = settings.model_copy(update={"home": make_home(settings.home).path})
    options = LoginOptions(password_file, ask, token_command, oauth_file)
    for file in arrange_logins(specs, settings, options):
        typer.echo(f"the login works; kept in {file}, which only you can read", err=True)


def _add(place: Workplace, specs: list[SourceSpec], own: dict[str, Any]) -> list[int]:
    """Store the sources and the work to poll them, in one transaction."""
    from store import work
    from workers.queues import INGEST

    with place.database.begin() as session:
        source_ids = [_upsert(session, spec, place.settings, own) for spec in specs]
        work.enqueue(session, INGEST, source_ids, priority=ASKED_FOR, again=True)
    return source_ids


def _upsert(session: Session, spec: SourceSpec, settings: Settings, own: dict[str, Any]) -> int:
    from store.sources import upsert

    interval = settings.ingest.poll_every if spec.is_remote else None
    return upsert(session, kind=spec.kind, location=spec.location, interval=interval, settings=own)


def _send(settings: Settings, source_ids: list[int]) -> None:
    from workers.app import configure
    from workers.queues import INGEST
    from workers.sending import send

    configure(settings)
    send(settings, {INGEST: source_ids})


def _poll(place: Workplace, source_ids: list[int], on_refused: NoteRefused) -> list[dict[str, Any]]:
    """Poll sources in this process, just as the worker does."""
    from newsmill.logging import hush
    from workers.app import configure
    from workers.mill import Mill, use_mill

    configure(place.settings)
    mill = Mill(place.settings, on_refused)
    use_mill(mill)
    try:
        with hush():  # What went wrong is told at the end, once and in words.
            return [_poll_one(place, source_id) for source_id in source_ids]
    except KeyboardInterrupt:
        typer.echo("interrupted: name the same sources again to go on from here", err=True)
        raise
    finally:
        mill.close()


def _poll_one(place: Workplace, source_id: int) -> dict[str, Any]:
    from store import sources
    from workers.ingest import poll_source
    from workers.journal import current_facts, start_journal

    start_journal()
    turns = 0
    # A task reads a long source in turns; each gives its claim back for the next.
    while current_facts().get("given_back", 0) == turns:
        poll_source.run(source_id)
        turns += 1
    with place.database.begin() as session:
        error = sources.load(session, source_id).last_error
    counts = {name: current_facts().get(name, 0) for name in ("new", "known", "refused")}
    return {"source_id": source_id, **counts, "error": error}


def _tell(rows: list[dict[str, Any]], as_json: bool, *, polled: bool, running: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        line = f"{row['kind']} {row['location']}"
        if not polled:
            typer.echo(f"{line}: added")
        elif row["error"]:
            typer.echo(f"{line}: {row['error']}", err=True)
        elif not any(row[name] for name in ("new", "known", "refused")):
            typer.echo(f"{line}: nothing new")
        else:
            numbers = f"{row['new']} new, {row['known']} known, {row['refused']} refused"
            typer.echo(f"{line}: {numbers}")
    if polled:
        if any(row["new"] for row in rows):
            typer.echo("start newsmill up to have them screened and read")
    elif running:
        typer.echo("the running mill polls them now; newsmill status shows how far it is")
    else:
        typer.echo("start newsmill up to have them polled, or say --now to poll them here")
