"""`newsmill reconstruct`: rebuild the analyses of all of history, without inference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.lens import Lens
    from store.database import Database

PORTION = 500
"""Completions to a transaction."""


def command(
    everything: Annotated[bool, typer.Option("--all", help="Of every lens in use.")] = False,
    lens: Annotated[list[str] | None, typer.Option(help="Only of this lens.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Rebuild analyses from the stored streams, with the lenses as they are now.

    Each article's last completion under each lens is read again; the model is not needed.
    """
    from newsmill.workplace import open_workplace
    from schemas.errors import ConfigError
    from schemas.settings import load_settings
    from workers.mill import load_lenses_in_use

    settings = load_settings()
    lenses = load_lenses_in_use(settings)
    if everything == bool(lens):
        raise ConfigError("say --all, or --lens NAME for one lens only")
    unknown = sorted(set(lens or ()) - set(lenses))
    if unknown:
        raise ConfigError(f"no lens {unknown[0]!r} is in use; there are: {', '.join(lenses)}")
    chosen = {name: lenses[name] for name in lens or lenses}
    with open_workplace(settings) as place:
        counts = {name: _rebuild_lens(place.database, one, chosen) for name, one in chosen.items()}
    _tell(counts, as_json)


def _rebuild_lens(database: Database, lens: Lens, lenses: Mapping[str, Lens]) -> dict[str, int]:
    """Rebuild one lens portion by portion; returns how many analyses came out with each status."""
    from rich.console import Console
    from rich.progress import track

    from store import analyses, completions, views
    from workers.rebuilding import rebuild_stored

    with database.begin() as session:
        views.create_view(session, lens)
        completion_ids = completions.list_latest(session, lens.name)
    counts: dict[str, int] = {}
    starts = range(0, len(completion_ids), PORTION)
    console = Console(stderr=True)
    # Without a terminal, the counts at the end say the same.
    for start in track(starts, lens.name, console=console, disable=not console.is_terminal):
        rebuilt = rebuild_stored(database, completion_ids[start : start + PORTION], lenses)
        with database.begin() as session:
            analyses.save(session, rebuilt)
        for each in rebuilt:
            status = each.analysis.status
            counts[status] = counts.get(status, 0) + 1
    return counts


def _tell(counts: dict[str, dict[str, int]], as_json: bool) -> None:
    import json

    if as_json:
        typer.echo(json.dumps(counts, indent=2))
        return
    for name, statuses in counts.items():
        listed = ", ".join(f"{number} {status}" for status, number in sorted(statuses.items()))
        typer.echo(f"{name}: {listed or 'no completions'}")
