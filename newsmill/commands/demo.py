"""`newsmill demo`: the whole mill on a sample, from a local web server to validated rows."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsmill.limits import DAY_S

if TYPE_CHECKING:
    from rich.console import Console

    from newsmill.demo.mill_run import Progress
    from newsmill.workplace import Workplace
    from schemas.lens import Lens

DEFAULT_TIMEOUT_S = 480.0

PLAIN_WIDTH = 110
"""Columns of what is printed to a file or a pipe."""


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    timeout: Annotated[
        float, typer.Option(help="Seconds after which the run is given up.", min=10, max=DAY_S)
    ] = DEFAULT_TIMEOUT_S,
) -> None:
    """Run the whole mill once on a sample that comes with it, and show the rows.

    Two feeds over HTTP, a mailbox and a JSONL corpus go through real servers and workers in a
    home of their own (<home>/demo). Nothing is left running. A second run finds nothing new.
    """
    from rich.console import Console

    from newsmill.demo.display import ProgressDisplay
    from newsmill.demo.feed_server import choose_address, serve_folder
    from newsmill.demo.mill_run import add_sources, brisk, run_until_done
    from newsmill.demo.sources import SAMPLE, list_sources
    from newsmill.running import check_outfit, record_outfit, resume
    from newsmill.workplace import hold_up_lock, open_workplace
    from schemas.settings import load_settings

    console = Console(stderr=as_json)
    if not console.is_terminal:
        console = Console(stderr=as_json, width=PLAIN_WIDTH)
    settings = load_settings()
    outfit = check_outfit(settings)
    is_private = settings.database_url is None
    settings = brisk(settings, settings.home / "demo")
    console.print(f"Newsmill demo: data and logs in {settings.home}", soft_wrap=True)
    with (
        hold_up_lock(settings.home),
        open_workplace(settings, upgrade=True) as place,
        serve_folder(SAMPLE, choose_address(settings.home)) as base_url,
    ):
        specs = list_sources(base_url)
        for spec in specs:
            console.print(f"  {spec.kind:<5} {spec.location}", soft_wrap=True, highlight=False)
        record_outfit(place, outfit)
        add_sources(place, specs)
        resume(place, is_private=is_private)
        with ProgressDisplay(console, len(specs)) as display:
            progress = run_until_done(place, timeout_s=timeout, show=display.show)
        if as_json:
            typer.echo(json.dumps(_collect(place, progress), indent=2, default=str))
        else:
            _report(console, place, outfit.lenses, progress)
    if progress.dead:
        raise typer.Exit(3)


def _collect(place: Workplace, progress: Progress) -> dict[str, Any]:
    from store.analyses import list_latest

    with place.database.begin() as session:
        rows = [asdict(row) for row in list_latest(session, limit=10_000)]
    return {"totals": asdict(progress.totals), "dead": progress.dead, "analyses": rows}


def _report(
    console: Console, place: Workplace, lenses: dict[str, Lens], progress: Progress
) -> None:
    from newsmill.demo.report import draw_analyses, draw_drops, draw_stages
    from store.analyses import list_latest
    from store.counts import count_rules

    with place.database.begin() as session:
        rules = count_rules(session)
        rows = {name: list_latest(session, lens=name, limit=10_000) for name in lenses}
    for name, lens in lenses.items():
        console.print(draw_analyses(lens, rows[name]))
    console.print(draw_drops(rules))
    console.print(draw_stages(progress.totals))
    if progress.dead:
        console.print(f"[red]{progress.dead} items failed for good: newsmill dead list[/]")
    home = place.settings.home
    console.print(
        f"\nThe rows stay in {home}. To run the mill on your own feeds:\n"
        "  newsmill ingest https://…/feed.xml   then   newsmill up",
        soft_wrap=True,
        highlight=False,
    )
