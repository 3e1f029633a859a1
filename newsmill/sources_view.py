"""How sources look on a terminal and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from rich.markup import escape
from rich.table import Table

from ingest.probing import Probe
from newsmill.source_health import Judgement, tell_age
from store.source_health import SourceHealth, Traffic

COLOURS = {"healthy": "green", "failing": "yellow", "silent": "yellow", "retired": "red"}
SHOWN_ENTRIES = 5

Judged = Sequence[tuple[SourceHealth, Judgement]]


def draw_sources(judged: Judged, traffic: Mapping[int, Traffic], now: datetime) -> Table:
    """Show one source a line: state, pace, yield, and what is to be said."""
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "source", "folder", "state"):
        table.add_column(heading)
    for heading in ("next poll", "last news", "a day", "kept"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for source, judgement in judged:
        came = traffic.get(source.source_id, Traffic())
        colour = COLOURS.get(judgement.state, "default")
        table.add_row(
            str(source.source_id),
            escape(source.name),
            escape(source.folder or ""),
            f"[{colour}]{judgement.state}[/]",
            _until(source.next_due_at, now) if not source.paused else "–",
            _since(source.last_item_at, now),
            f"{came.per_day:.1f}",
            "–" if came.kept_share is None else f"{came.kept_share:.0%}",
            escape(judgement.words),
        )
    return table


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


def _until(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "–"
    return "now" if moment <= now else f"in {tell_age(moment - now)}"


def _since(moment: datetime | None, now: datetime) -> str:
    return "–" if moment is None else f"{tell_age(now - moment)} ago"
