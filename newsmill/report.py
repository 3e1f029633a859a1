"""How the mill stands: what waits, how fast it goes, what went wrong, who answers.

Reads and judges; how it looks is `newsmill/report_view.py`'s.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from newsmill.mail_logins import list_login_concerns
from newsmill.source_health import list_alerts
from newsmill.workplace import Workplace
from schemas.effort import Effort, Pace
from schemas.settings import ObjectiveSettings, Settings
from store import builds, completions, counts, pace as paces, source_health
from store.builds import Live
from store.completions import Savings
from workers.queues import INFERENCE, STAGES, WORK

PING_TIMEOUT_S = 1.0

TOO_LONG = timedelta(minutes=15)
"""Age of waiting work from which on something is likely to be stuck."""

MAX_ALERTS = 5
"""Of sources that are named one by one."""

REPORT_REST = 30
"""Counting millions of rows takes seconds: it rests for so many times as long as it took."""

NO_SAVINGS = Savings(0, 0.0)

DURATIONS = ("oldest_waiting", "window")
"""Fields of the counts that hold a timedelta or None."""


@dataclass(frozen=True)
class Report:
    """One look at a mill."""

    totals: counts.Totals
    queues: tuple[counts.StageQueue, ...]
    """One for every stage, in their order."""
    rates: counts.Rates
    errors: tuple[counts.WorkError, ...]
    workers: tuple[str, ...] | None
    """Stages whose worker answers now; None when they were not asked."""
    is_up: bool
    """Whether a `newsmill up` runs in this home."""
    live: Live | None = None
    """The build that was made live; None: the settings' build is."""
    default_build: str = ""
    """The settings' build."""
    default_is_deadly: bool = False
    """Whether it has ended its worker too often, on one machine at least."""
    redis_error: str | None = None
    """Why the workers could not be asked."""
    pace: Pace | None = None
    """At which effort articles are read, and why; None when nobody has looked or may choose."""
    objective: ObjectiveSettings = field(default_factory=ObjectiveSettings)
    logins: tuple[str, ...] = ()
    """What is wrong with the logins of mail accounts, or soon will be."""
    source_alerts: tuple[str, ...] = ()
    """Sources that fail or are silent for too long, each in one line."""
    savings: Savings = NO_SAVINGS

    @property
    def waiting(self) -> int:
        """Work that is not done and not dead."""
        return sum(each.waiting + each.delayed + each.claimed for each in self.queues)

    @property
    def back_fill(self) -> int:
        """What was read in haste and is yet to be read in full."""
        return sum(each.back_fill for each in self.queues)

    @property
    def effort(self) -> Effort:
        """At which effort articles are read now."""
        return self.pace.effort if self.pace else Effort.FULL

    @property
    def dead(self) -> int:
        """Dead letters."""
        return sum(each.dead for each in self.queues)


def read_report(place: Workplace, *, is_up: bool, with_workers: bool = True) -> Report:
    """Read everything in one transaction, then ask the workers for a sign of life."""
    with place.database.begin() as session:
        totals = counts.count_totals(session)
        queues = {each.stage: each for each in counts.count_queues(session)}
        rates = counts.count_rates(session)
        errors = counts.list_errors(session)
        live = builds.find_live(session)
        openings = builds.count_openings(session, place.settings.inference.build)
        pace = paces.find(session, INFERENCE) if place.settings.objective.may_degrade else None
        listed = source_health.list_sources(session)
        savings = completions.count_savings(session)
    workers, redis_error = ping_workers(place.settings) if with_workers else (None, None)
    return Report(
        totals=totals,
        queues=tuple(queues.get(stage, _empty_queue(stage)) for stage in WORK),
        rates=rates,
        errors=tuple(errors),
        savings=savings,
        workers=workers,
        is_up=is_up,
        live=live,
        default_build=place.settings.inference.build,
        default_is_deadly=openings >= builds.MOST_OPENINGS,
        redis_error=redis_error,
        pace=pace,
        objective=place.settings.objective,
        logins=tuple(list_login_concerns(place.settings.home, datetime.now(UTC))),
        source_alerts=tuple(list_alerts(listed, place.settings.ingest, datetime.now(UTC))),
    )


def rest_after(counting_s: float, at_least_s: float) -> float:
    """Say for how many seconds not to count again, after a look that took so many."""
    return max(at_least_s, REPORT_REST * counting_s)


def ping_workers(
    settings: Settings, timeout_s: float = PING_TIMEOUT_S
) -> tuple[tuple[str, ...], str | None]:
    """Return the stages whose workers answer, from any machine, and why Redis cannot be asked."""
    from kombu.exceptions import OperationalError

    from workers.app import configure

    try:
        replies = configure(settings).control.ping(timeout=timeout_s)
    except OperationalError as error:
        return (), str(error)
    names = {name.partition("@")[0] for reply in replies for name in reply}
    return tuple(stage for stage in STAGES if stage in names), None


def find_concerns(report: Report) -> list[str]:
    """Say what a person should look at; empty when all is well."""
    concerns = []
    if report.dead:
        concerns.append(f"{report.dead} dead letters: see newsmill dead list")
    for queue in report.queues:
        if queue.oldest_waiting and queue.oldest_waiting > TOO_LONG:
            age = _minutes(queue.oldest_waiting)
            concerns.append(f"{queue.stage}: the oldest work has waited for {age} minutes")
    if report.live and report.live.refusal:
        live = report.live
        concerns.append(
            f"build {live.name} was refused by {live.refused_by}, where the one before goes on: "
            f"{live.refusal}"
        )
    if report.default_is_deadly and not report.live:
        told = builds.describe_deadly(report.default_build)
        concerns.append(f"{told}: see newsmill doctor; newsmill up tries it again")
    concerns += report.logins
    concerns += report.source_alerts[:MAX_ALERTS]
    if len(report.source_alerts) > MAX_ALERTS:
        left = len(report.source_alerts) - MAX_ALERTS
        concerns.append(f"{left} more sources need attention: see newsmill sources list")
    return concerns + _find_shortfall(report) + _find_silence(report)


def _find_shortfall(report: Report) -> list[str]:
    """Say when less is read than the operator counts on, although there is more to read."""
    wanted, read = report.objective.articles, report.rates.inference
    waiting = next(each for each in report.queues if each.stage == INFERENCE).waiting
    if read >= wanted or waiting < wanted:
        return []
    return [f"inference: {read} articles in 5 minutes, and the objective is {wanted}"]


def _find_silence(report: Report) -> list[str]:
    if report.redis_error:
        return [f"Redis cannot be reached: {report.redis_error}"]
    if report.workers is None:
        return []
    silent = [stage for stage in STAGES if stage not in report.workers]
    if report.is_up and silent:
        return [f"no answer from the workers of {', '.join(silent)}: see their logs"]
    if report.waiting and len(silent) == len(STAGES):
        return ["work waits and no worker runs: start newsmill up"]
    return []


def to_json(report: Report) -> dict[str, Any]:
    """Return the report as JSON values; times in seconds, moments in ISO 8601."""
    return {
        "up": report.is_up,
        "workers": list(report.workers or ()),
        "build": report.live.name if report.live else report.default_build,
        "totals": asdict(report.totals),
        "queues": [_plain(asdict(queue)) for queue in report.queues],
        "rates": _plain(asdict(report.rates)),
        "effort": {
            "level": report.effort,
            "reason": report.pace.reason if report.pace else None,
            "since": report.pace.since.isoformat() if report.pace else None,
            "back_fill": report.back_fill,
        },
        "saved": asdict(report.savings),
        "errors": [_plain(asdict(error)) for error in report.errors],
        "concerns": find_concerns(report),
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Make JSON of a record: `x: timedelta` becomes `x_s`, in seconds."""
    plain: dict[str, Any] = {}
    for name, value in values.items():
        if name in DURATIONS:
            plain[f"{name}_s"] = None if value is None else round(value.total_seconds(), 1)
        else:
            plain[name] = value.isoformat() if isinstance(value, datetime) else value
    return plain


def _empty_queue(stage: str) -> counts.StageQueue:
    return counts.StageQueue(stage, 0, 0, 0, 0, None)


def _minutes(age: timedelta) -> int:
    return int(age.total_seconds() // 60)
