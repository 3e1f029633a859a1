"""What the demo prints at its end: counts at each stage, and a table of analyses for each lens.

Pure rendering: rows in, Rich tables out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from schemas.lens import Lens
from store.analyses import ShownAnalysis
from store.counts import RuleCount, Totals

VALUE_CHARS = 60

TIER_STYLES = ("bold green", "yellow", "cyan", "dim")
"""From a lens's first tier to its last."""


def draw_stages(totals: Totals) -> Table:
    """Show what went into each stage and what came out of it."""
    table = Table(title="What went through the mill", title_justify="left")
    table.add_column("stage")
    table.add_column("in", justify="right")
    table.add_column("out", justify="right")
    table.add_column("")
    dropped = totals.screened - totals.kept - totals.audited
    share = f"{100 * dropped / totals.screened:.0f} %" if totals.screened else "-"
    went_on = totals.kept + totals.audited
    table.add_row("ingest", str(totals.sources), str(totals.articles), "sources → articles")
    table.add_row(
        "prefilter",
        str(totals.screened),
        str(went_on),
        f"{dropped} dropped ({share}), each with its rule; {totals.audited} of them audited",
    )
    table.add_row(
        "inference", str(went_on), str(totals.completions), "articles → streams, one for each lens"
    )
    table.add_row(
        "reconstruct",
        str(totals.completions),
        str(totals.analyses),
        f"streams → rows; {totals.rejected} rejected with a reason",
    )
    return table


def draw_drops(rules: Iterable[RuleCount], limit: int = 8) -> Table:
    """Show the rules that dropped most."""
    table = Table(title="Rules that dropped most", title_justify="left")
    table.add_column("lens")
    table.add_column("rule")
    table.add_column("articles", justify="right")
    drops = [rule for rule in rules if rule.decision == "drop"]
    for rule in sorted(drops, key=lambda rule: -rule.articles)[:limit]:
        table.add_row(rule.lens, rule.rule_id or "(no rule matched)", str(rule.articles))
    return table


def draw_analyses(lens: Lens, rows: Sequence[ShownAnalysis], limit: int = 6) -> Table:
    """Show a lens's analyses, best score first, each value with its confidence."""
    shown = sorted(rows, key=lambda row: -(row.score or 0))[:limit]
    more = f", best {len(shown)} of {len(rows)}" if len(rows) > len(shown) else ""
    table = Table(
        title=f"{lens.title} ({lens.view_name}{more})", title_justify="left", show_lines=True
    )
    table.add_column("tier")
    table.add_column("score", justify="right")
    table.add_column("article, and its values with their confidence")
    for row in shown:
        score = "-" if row.score is None else f"{row.score:.1f}"
        title = f"[bold]{escape(row.title)}[/]"
        table.add_row(_style_tier(lens, row), score, f"{title}\n{_show_values(lens, row)}")
    return table


def _style_tier(lens: Lens, row: ShownAnalysis) -> str:
    if row.tier is None or lens.scoring is None:
        return f"[dim]{row.status}[/]"
    names = [tier.name for tier in lens.scoring.tiers]
    place = names.index(row.tier) if row.tier in names else len(names)
    return f"[{TIER_STYLES[min(place, len(TIER_STYLES) - 1)]}]{row.tier}[/]"


def _show_values(lens: Lens, row: ShownAnalysis) -> str:
    if row.reason and row.status == "rejected":
        return f"[red]{escape(row.reason)}[/]"
    parts = []
    for field in lens.contract.fields:
        value = row.values.get(field.name)
        if value in (None, "", []):
            continue
        confidence = row.confidences.get(field.name)
        sure = "" if confidence is None else f" [dim]{100 * confidence:.0f} %[/]"
        parts.append(f"[cyan]{field.name}[/] {escape(_shorten(value))}{sure}")
    return " [dim]·[/] ".join(parts)


def _shorten(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "; ".join(value) if isinstance(value, list) else str(value)
    return text if len(text) <= VALUE_CHARS else text[: VALUE_CHARS - 1] + "…"
