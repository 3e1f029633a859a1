"""`newsmill stories`: which articles tell the same news, and who had it first."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsmill.limits import MOST_ID, MOST_ROWS

if TYPE_CHECKING:
    from store.stories import ShownStory, StoryArticle

NUMBERS = frozenset({"story", "articles", "sources", "article", "alike"})
"""Columns that stand to the right."""

TITLE_CHARS = 200


def command(
    story_id: Annotated[
        int | None,
        typer.Argument(metavar="STORY", min=1, max=MOST_ID, help="Show who tells this story."),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=MOST_ROWS, help="At most so many, the latest first.")
    ] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the stories that grew last or, of one STORY, who tells one: the first had it first."""
    from newsmill.workplace import open_workplace
    from schemas.errors import ConfigError
    from schemas.settings import load_settings
    from store import stories

    with open_workplace(load_settings()) as place, place.database.begin() as session:
        if story_id is None:
            listed = stories.list_latest(session, limit)
        else:
            told = stories.list_articles(session, story_id)
    if story_id is None:
        headings = ("story", "articles", "sources", "first told", "title", "by")
        _print(listed, _row_of_story, headings, as_json)
    elif told:
        _print(told, _row_of_article, ("article", "told", "alike", "title", "by"), as_json)
    else:
        raise ConfigError(f"there is no story {story_id}; see newsmill stories")


def _print(rows: list[Any], to_cells: Any, headings: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2, default=_plain))
        return
    if not rows:
        typer.echo("no two articles tell the same news so far")
        return
    from rich.markup import escape

    from newsmill.tables import make_table, show

    table = make_table(*headings, right=NUMBERS)
    for row in rows:
        table.add_row(*map(escape, to_cells(row)))
    show(table)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _row_of_story(story: ShownStory) -> tuple[str, ...]:
    from newsmill.tables import shorten

    numbers = (story.story_id, story.articles, story.sources)
    title = shorten(story.title or "", TITLE_CHARS)
    return *map(str, numbers), _moment(story.told_at), title, story.source or ""


def _row_of_article(article: StoryArticle) -> tuple[str, ...]:
    from newsmill.tables import shorten

    alike = "" if article.similarity is None else f"{article.similarity:.2f}"
    told = _moment(article.told_at)
    title = shorten(article.title, TITLE_CHARS)
    return str(article.article_id), told, alike, title, article.source


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
