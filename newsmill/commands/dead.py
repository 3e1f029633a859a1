"""`newsmill dead`: look at the work that was given up, send it again, or drop it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsmill.limits import MOST_ROWS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from store.dead import DeadLetter

app = typer.Typer(no_args_is_help=True, help="Dead letters: work that was given up.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Stage = Annotated[str | None, typer.Option(help="Only of this stage.")]
BIGINT_DIGITS = 19

Letters = Annotated[
    list[str] | None, typer.Argument(metavar="LETTER", help="As `list` names them.")
]
All = Annotated[bool, typer.Option("--all", help="All of them, or all of --stage.")]


@app.command("list")
def list_letters(
    stage: Stage = None,
    limit: Annotated[
        int, typer.Option(min=1, max=MOST_ROWS, help="At most so many, newest first.")
    ] = 100,
    as_json: AsJson = False,
) -> None:
    """List the dead letters. Exit code 3 when there are any."""
    from store import dead

    with _session() as session:
        letters = dead.list_dead(session, stage=_check_stage(stage), limit=limit)
    if as_json:
        typer.echo(json.dumps([_as_dict(letter) for letter in letters], indent=2))
    else:
        _print_table(letters)
    if letters:
        raise typer.Exit(3)


@app.command()
def show(
    letter: Annotated[str, typer.Argument(metavar="LETTER", help="As `list` names it.")],
) -> None:
    """Show one dead letter with its traceback."""
    from schemas.errors import ConfigError
    from store import dead

    with _session() as session:
        found = dead.list_dead(session, **_parse(letter))
    if not found:
        raise ConfigError(f"there is no dead letter {letter}; see newsmill dead list")
    for each in found:
        typer.echo(f"{name_letter(each)}: {each.error}")
        typer.echo(f"{each.attempts} attempts; enqueued {each.enqueued_at}, died {each.failed_at}")
        typer.echo(each.traceback or "no traceback: its worker died without a word")


@app.command()
def resend(letters: Letters = None, stage: Stage = None, everything: All = False) -> None:
    """Give dead letters their attempts back; a running mill takes them at its next tick."""
    from store import dead

    number = _change(dead.resend, letters, _choose(letters, stage, everything))
    typer.echo(f"{number} waiting again")


@app.command()
def discard(letters: Letters = None, stage: Stage = None, everything: All = False) -> None:
    """Delete dead letters for good; the articles they were about stay."""
    from store import dead

    number = _change(dead.discard, letters, _choose(letters, stage, everything))
    typer.echo(f"{number} discarded")


def _change(
    change: Callable[..., int], letters: list[str] | None, chosen: list[dict[str, Any]]
) -> int:
    """Change dead letters, all that are named or none; returns how many."""
    from schemas.errors import ConfigError

    with _session() as session:
        numbers = [change(session, **which) for which in chosen]
        if letters and 0 in numbers:
            raise ConfigError(
                f"there is no dead letter {letters[numbers.index(0)]}, so nothing was changed; "
                "see newsmill dead list"
            )
    return sum(numbers)


def name_letter(letter: DeadLetter) -> str:
    """Name a dead letter in one word: stage, subject and, where there is one, lens."""
    parts = [letter.stage, str(letter.subject_id), *([letter.lens] if letter.lens else [])]
    return ":".join(parts)


def _parse(name: str) -> dict[str, Any]:
    from schemas.errors import ConfigError

    stage, _, rest = name.partition(":")
    subject, _, lens = rest.partition(":")
    # A number that the database can hold: int() and Postgres refuse others in their own words.
    if not (subject.isascii() and subject.isdecimal() and len(subject) < BIGINT_DIGITS):
        raise ConfigError(f"{name}: not a dead letter's name; write inference:12:editorial")
    return {"stage": _check_stage(stage), "subject_id": int(subject), "lens": lens or None}


def _choose(letters: list[str] | None, stage: str | None, everything: bool) -> list[dict[str, Any]]:
    """Say which dead letters are meant; never all of them unasked."""
    from schemas.errors import ConfigError

    if letters and not (stage or everything):
        return [_parse(letter) for letter in letters]
    if everything and not letters:
        return [{"stage": _check_stage(stage)}]
    raise ConfigError("name dead letters, or say --all (with --stage: all of one stage)")


def _check_stage(stage: str | None) -> str | None:
    from schemas.errors import ConfigError
    from workers.queues import WORK

    if stage is not None and stage not in WORK:
        raise ConfigError(f"there is no stage {stage!r}; there are: {', '.join(WORK)}")
    return stage


@contextmanager
def _session() -> Iterator[Session]:
    from newsmill.workplace import open_workplace
    from schemas.settings import load_settings

    with open_workplace(load_settings()) as place, place.database.begin() as session:
        yield session


def _as_dict(letter: DeadLetter) -> dict[str, Any]:
    moments = {
        "enqueued_at": letter.enqueued_at.isoformat(),
        "failed_at": letter.failed_at.isoformat(),
    }
    return {"letter": name_letter(letter), **asdict(letter), **moments}


def _print_table(letters: list[DeadLetter]) -> None:
    from rich.markup import escape

    from newsmill.tables import make_table, show

    if not letters:
        typer.echo("no dead letters")
        return
    table = make_table("letter", "died", "attempts", "error", right={"attempts"})
    for letter in letters:
        died = f"{letter.failed_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(name_letter(letter), died, str(letter.attempts), escape(letter.error))
    show(table)
