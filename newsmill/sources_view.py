"""How sources look on a terminal and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ingest.probing import Probe
from newsmill.source_health import Judgement, tell_age
from store.source_health import SourceHealth, Traffic

COLOURS = {"healthy": "green", "failing": "yellow", "silent": "yellow", "retired": "red"}
SHOWN_ENTRIES = 5
UNITS = {"seconds": "s", "minutes": "min", "hours": "h", "days": "days"}

Judged = Sequence[tuple[SourceHealth, Judgement]]


def draw_sources(judged: Judged, traffic: Mapping[int, Traffic], now: datetime) -> Group:
    """Show one source a line: state, pace and yield; below them, what is to be said of some."""
    has_folders = any(source.folder for source, _ in judged)
    table = Table(box=None, pad_edge=False)
    table.add_column("id", justify="right", no_wrap=True)
    # These two give way on a narrow terminal; their cells are cut then.
    for heading in ("source", "folder") if has_folders else ("source",):
        table.add_column(heading)
    table.add_column("state", no_wrap=True)
    for heading in ("next poll", "last news", "a day", "kept"):
        table.add_column(heading, justify="right", no_wrap=True)
    for source, judgement in judged:
        came = traffic.get(source.source_id, Traffic())
        colour = COLOURS.get(judgement.state, "default")
        table.add_row(
            str(source.source_id),
            _cut(_name(source)),
            *([_cut(source.folder or "")] if has_folders else []),
            f"[{colour}]{judgement.state}[/]",
            _until(source.next_due_at, now) if not source.paused else "–",
            _since(source.last_item_at, now),
            f"{came.per_day:.1f}",
            "–" if came.kept_share is None else f"{came.kept_share:.0%}",
        )
    told = [
        Text(f"{source.source_id}, {_name(source)}: {judgement.words}")
        for source, judgement in judged
        if judgement.words
    ]
    return Group(table, *([Text()] if told else []), *told)


def to_json(judged: Judged, traffic: Mapping[int, Traffic]) -> list[dict[str, Any]]:
    """Give the sources as JSON values; times in seconds, moments in ISO 8601."""
    rows = []
    for source, judgement in judged:
        came = traffic.get(source.source_id, Traffic())
        row = {name: _plain(value) for name, value in asdict(source).items()}
        told = {"judgement": judgement.state, "words": judgement.words}
        numbers = {"articles": came.articles, "per_day": came.per_day, "kept": came.kept_share}
        rows.append({**row, **told, **numbers, "is_alert": judgement.is_alert})
    return rows


def describe_probe(probe: Probe) -> list[str]:
    """Say what a tried feed holds, a line each."""
    feed = probe.feed
    lines = [probe.url, f"  {feed.title or 'no title'}: {len(feed.drafts)} entries"]
    if probe.gap:
        lines.append(f"  an entry every {tell_age(probe.gap)}")
    lines += [f"  - {draft.title}" for draft in feed.drafts[:SHOWN_ENTRIES]]
    lines += [f"  note: {note}" for note in feed.notes]
    lines += [f"  {item.where} was refused: {item.reason}" for item in feed.refused]
    lines += [f"  also on that page: {link.url}" for link in probe.others]
    return lines


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, datetime) else value


def _name(source: SourceHealth) -> str:
    """Give the name, or of a location that stands in for it what tells it from others."""
    if source.name != source.location:
        return source.name
    if source.location.startswith("/"):
        return PurePath(source.location).name
    return source.location.partition("://")[2].rstrip("/") or source.location


def _cut(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")


def _until(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "–"
    return "now" if moment <= now else f"in {_brief(moment - now)}"


def _since(moment: datetime | None, now: datetime) -> str:
    return "–" if moment is None else f"{_brief(now - moment)} ago"


def _brief(age: timedelta) -> str:
    number, unit = tell_age(age).split()
    return f"{number} {UNITS[unit]}"
