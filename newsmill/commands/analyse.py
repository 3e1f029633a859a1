"""`newsmill analyse`: read a file of articles through one or more lenses, without any service."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from inference.analyst import Request
    from newsmill.answers_file import Key
    from schemas.articles import ArticleDraft
    from schemas.completions import Completion
    from schemas.errors import PermanentError
    from schemas.lens import Lens

MAX_TOLD = 3
"""Refused lines that are named one by one."""

NEEDS_ATTENTION = 3


def command(
    source: Annotated[Path, typer.Argument(metavar="IN.jsonl[.gz]", help="One article a line.")],
    lens: Annotated[list[str], typer.Option(help="Name of a lens; may be given several times.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT.jsonl", help="Gone on with if it exists.")
    ],
    model: Annotated[str | None, typer.Option(help="A build's name or folder.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=10**9, help="Most articles to read.")
    ] = None,
) -> None:
    """Analyse the articles of a JSONL file: one line of values per article and lens.

    Lines come out as they are done, not in the order of the articles.
    """
    from inference.builds import resolve_build
    from inference.tuned import open_analyst
    from newsmill.answers_file import AnswersFile
    from schemas.settings import load_settings

    settings = load_settings()
    lenses = _choose_lenses(settings.lenses_dir, lens)
    build = resolve_build(settings, model)
    _check_source(source)
    counts = _Counts()
    with (
        open_analyst(build, settings.inference, settings.home, lenses) as analyst,
        AnswersFile(output) as answers,
    ):
        requests = _list_requests(source, lenses, limit, answers.done, counts)
        total = _count_lines(source, limit) * len(lenses)
        given = analyst.analyse(requests, refuse=counts.note_unread)
        shown = _show_progress(given, total, counts, len(lenses))
        try:
            for request, completion in shown:
                answers.add(_describe(request, completion))
                counts.answered += 1
        except KeyboardInterrupt:
            there = len(answers.done) + counts.answered
            told = f"interrupted: {output} holds {there} answers; the same command goes on"
            typer.echo(told, err=True)
            raise
    _tell(counts, output)


@dataclass
class _Counts:
    answered: int = 0
    known: int = 0
    """Answers that the output had already."""
    refused: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    """Ids of lines that were left out because an earlier line has the same id."""

    unread: list[str] = field(default_factory=list)
    """What the build could not be asked: id, lens and why."""

    def note_unread(self, request: Request, error: PermanentError) -> None:
        """Note that an article goes without an answer."""
        draft = cast(_Entry, request.key).draft
        self.unread.append(f"{draft.external_id}, {request.lens.name}: {error}")

    def settled(self, lenses: int) -> int:
        """Say how many answers are there or will never be, of as many to each line as lenses."""
        left_out = len(self.refused) + len(self.doubled)
        return self.answered + self.known + len(self.unread) + left_out * lenses


@dataclass(frozen=True, eq=False)
class _Entry:
    """The key of a request: the article itself, which its answer is checked against."""

    draft: ArticleDraft


def _check_source(source: Path) -> None:
    from ingest.sources import recognise_source
    from schemas.errors import ConfigError

    if not source.is_file():
        what = "is no file" if source.exists() else "there is no such file"
        raise ConfigError(f"{source}: {what}")
    try:
        kind = recognise_source(str(source)).kind
    except ConfigError:  # A name that tells nothing; its lines will.
        return
    if kind != "jsonl":
        raise ConfigError(
            f"{source}: only JSONL is read here, one article a line; a mill reads this file: "
            f"newsmill ingest {source}"
        )


def _choose_lenses(folder: Path, names: Sequence[str]) -> list[Lens]:
    from schemas.errors import ConfigError
    from schemas.lens import load_lenses

    lenses = load_lenses(folder)
    unknown = [name for name in names if name not in lenses]
    if unknown:
        raise ConfigError(f"no lens {unknown[0]!r}: there are {', '.join(lenses)}")
    return [lenses[name] for name in dict.fromkeys(names)]


def _list_requests(
    source: Path, lenses: Sequence[Lens], limit: int | None, done: set[Key], counts: _Counts
) -> Iterator[Request]:
    """Give a request for each article and lens that is not answered yet."""
    from inference.analyst import Request

    seen: set[str] = set()
    for draft in _list_articles(source, limit, counts):
        if draft.external_id in seen:
            counts.doubled.append(draft.external_id)
            continue
        seen.add(draft.external_id)
        entry = _Entry(draft)
        for lens in lenses:
            if (draft.external_id, lens.name) in done:
                counts.known += 1
            else:
                yield Request(entry, draft.title, draft.text, lens)


def _list_articles(source: Path, limit: int | None, counts: _Counts) -> Iterator[ArticleDraft]:
    from datetime import UTC, datetime
    from itertools import islice

    from ingest.batches import Refused
    from ingest.corpora import read_corpus
    from ingest.files import open_source

    with open_source(source) as stream:
        for item in islice(read_corpus(stream, 0, datetime.now(UTC)), limit):
            if isinstance(item.outcome, Refused):
                counts.refused.append(f"{item.outcome.where}: {item.outcome.reason}")
            else:
                yield item.outcome


def _count_lines(source: Path, limit: int | None) -> int:
    """Count lines for the progress bar; of a damaged file, those before the damage."""
    import zlib
    from itertools import islice

    from ingest.files import open_source

    lines = 0
    with open_source(source) as stream:
        try:
            for lines, _ in enumerate(islice(stream, limit), start=1):  # noqa: B007
                pass
        except (OSError, EOFError, zlib.error):
            pass
    return lines


def _show_progress(
    answers: Iterator[tuple[Request, Completion]], total: int, counts: _Counts, lenses: int
) -> Iterator[tuple[Request, Completion]]:
    """Pass answers on, and show on stderr how many there are and how fast they come."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()),
        *(TextColumn("{task.fields[rate]}"), TimeRemainingColumn()),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("analysing", total=total, rate="")
        for answer in answers:
            yield answer
            elapsed = progress.tasks[0].elapsed or 1.0
            rate = f"{counts.answered / elapsed:.1f}/s"
            progress.update(task, completed=counts.settled(lenses), rate=rate)
        # Lines that were refused or answered already may come last; empty ones are none.
        settled = counts.settled(lenses)
        progress.update(task, completed=settled, total=settled)


def _describe(request: Request, completion: Completion) -> dict[str, Any]:
    from schemas.analyses import rebuild
    from schemas.fields import ParseContext

    draft = cast(_Entry, request.key).draft
    context = ParseContext.of_article(draft.title, draft.text, draft.links)
    analysis = rebuild(completion, request.lens, context)
    return {"id": draft.external_id, **analysis.model_dump(), "stream": completion.stream}


def _tell(counts: _Counts, output: Path) -> None:
    known = f", {counts.known} there already" if counts.known else ""
    typer.echo(f"{output}: {counts.answered} answers added{known}", err=True)
    for reasons, what in ((counts.refused, "lines"), (counts.unread, "answers")):
        for reason in reasons[:MAX_TOLD]:
            typer.echo(f"refused: {reason}", err=True)
        if len(reasons) > MAX_TOLD:
            typer.echo(f"refused: and {len(reasons) - MAX_TOLD} {what} more", err=True)
    if counts.doubled:
        lines = f"{len(counts.doubled)} lines with the id of an earlier line"
        typer.echo(f"refused: {lines}, such as {counts.doubled[0]!r}", err=True)
    if counts.refused or counts.doubled or counts.unread:
        raise typer.Exit(NEEDS_ATTENTION)
