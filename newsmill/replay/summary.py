"""What a replay prints at its end: what was played, and the rows that came of it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from sqlalchemy.orm import Session

from ingest.recordings.reading import Recording
from newsmill.demo.report import draw_drops
from newsmill.replay.player import Played
from newsmill.workplace import Workplace
from store import counts, source_health, stories
from workers.queues import INGEST

SHOWN_SOURCES = 20
MANY = 1_000_000


def print_summary(
    console: Console, place: Workplace, played: Played, recording: Recording, unanswered: int
) -> None:
    """Sum up a replay."""
    with place.database.begin() as session:
        rules = counts.count_rules(session)
        lines = [*_list_rows(session, played), *_list_failures(session)]
    lines += _list_lacks(played, unanswered)
    lines += [f"damaged    {fault}" for fault in dict.fromkeys(recording.faults)]
    if any(rule.decision == "drop" for rule in rules):
        console.print(draw_drops(rules))
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _list_rows(session: Session, played: Played) -> Iterator[str]:
    totals = counts.count_totals(session)
    told = stories.list_latest(session, MANY)
    until = f", up to {played.at:%Y-%m-%d %H:%M:%S} UTC" if played.at else ""
    yield f"played     {played.polls} polls and {played.pages} pages{until}"
    yield f"articles   {totals.articles} of {totals.sources} sources"
    yield f"rules      {totals.kept} kept by a lens, {totals.audited} more drawn as audit"
    yield f"stories    {len(told)}, told by {sum(each.articles for each in told)} articles"
    if totals.analyses:
        yield f"analyses   {totals.analyses}, of which {totals.rejected} rejected"


def _list_failures(session: Session) -> Iterator[str]:
    health = source_health.list_sources(session, with_removed=True)
    failing = [each for each in health if each.last_error]
    for source in failing[:SHOWN_SOURCES]:
        yield f"failing    {source.location}: {source.last_error}"
    if len(failing) > SHOWN_SOURCES:
        yield f"failing    and {len(failing) - SHOWN_SOURCES} more sources"
    queues = [each for each in counts.count_queues(session) if each.stage != INGEST]
    if undone := sum(each.dead + each.delayed for each in queues):
        yield f"undone     {undone} items of work, which failed"


def _list_lacks(played: Played, unanswered: int) -> Iterator[str]:
    if played.unused_pages:
        yield f"unused     {played.unused_pages} recorded pages, which no article asked for"
    if unanswered:
        yield f"unanswered {unanswered} requests, for which the recording has nothing"
