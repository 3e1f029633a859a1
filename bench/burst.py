"""A burst of news on a virtual clock: `python -m bench.burst`.

For an hour ten times as much comes as can be read in full, then it is quiet. The efforts are
chosen by the code that the workers run; the articles, the worker and the time are made up. Prints
what waits, how old it is and at which effort it is read, and writes that to a file.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from rich.console import Console
from rich.table import Table

from bench.reports import Measure, report
from inference.pace import begin_pace, next_pace
from schemas.effort import PER, Effort, Load, Pace
from schemas.settings import ObjectiveSettings

READ_PER_S, WRITTEN_PER_S = 389, 172
"""Tokens of a model of a billion parameters on two cores, eight articles at a time."""
TOKENS: Mapping[Effort, tuple[int, int]] = MappingProxyType(
    {
        Effort.FULL: (1100 + 40, 110),
        Effort.SHORT: (550 + 40, 110),
        Effort.CLOSED: (550 + 40, 8),
        Effort.GATE: (64 + 40, 1),
    }
)
"""Read (article and question) and written for an article at each effort."""

START = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=5)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def estimate_speedups() -> dict[Effort, float]:
    """Say how much faster each effort is than the full one, by the tokens that it takes."""
    costs = {
        effort: read / READ_PER_S + written / WRITTEN_PER_S
        for effort, (read, written) in TOKENS.items()
    }
    return {effort: costs[Effort.FULL] / cost for effort, cost in costs.items()}


@dataclass(frozen=True)
class Scenario:
    """What comes, and what can be read. Rates are articles in five minutes."""

    full: float = 100.0
    """What is read at full effort."""
    speedups: Mapping[Effort, float] = field(default_factory=estimate_speedups)
    quiet: float = 40.0
    """What comes when there is no burst."""
    burst: float = 1_000.0
    begins: timedelta = HOUR / 2
    lasts: timedelta = HOUR
    ends: timedelta = 30 * HOUR
    """When nothing more comes and the run is over as soon as all is whole."""
    objective: ObjectiveSettings = field(default_factory=ObjectiveSettings)


@dataclass(frozen=True)
class Minute:
    """How things stood at one minute."""

    at: timedelta
    waiting: int
    oldest: timedelta
    effort: Effort
    back_fill: int


@dataclass
class Course:
    """What became of it all."""

    minutes: list[Minute] = field(default_factory=list)
    changes: list[Pace] = field(default_factory=list)
    """The pace after each change of effort."""
    waits: list[timedelta] = field(default_factory=list)
    """From coming to being read for the first time."""
    came: int = 0
    degraded: int = 0
    whole: int = 0
    """Read in full, at once or later."""
    whole_at: timedelta | None = None
    """When all that came in the burst, and before, was read in full."""

    @property
    def oldest(self) -> timedelta:
        """The greatest age at any time."""
        return max(minute.oldest for minute in self.minutes)


class _Worker:
    """Reads the newest first, and what was cut short when nothing else waits."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.urgent: list[timedelta] = []
        self.back_fill: list[timedelta] = []
        self.course = Course()
        self.pace = begin_pace(self.load(timedelta(0)))
        self._read = self._back_filled = 0
        self._left = timedelta(0)
        self._looked_at = timedelta(0)

    def load(self, now: timedelta) -> Load:
        oldest = now - self.urgent[0] if self.urgent else timedelta(0)
        return Load(at=START + now, waiting=len(self.urgent), oldest=oldest)

    def work(self, now: timedelta) -> None:
        """Work for one step of time, which ends now."""
        self._left += STEP
        while self._left > timedelta(0):
            # Idle: as in the mill, a message for what waits wakes the worker every minute.
            if now - self._looked_at >= (STEP if self.urgent else MINUTE):
                self._look(now)
            if self.urgent:
                self._left -= self._read_one(self.urgent.pop(), now, self.pace.effort)
            elif self.back_fill and self.pace.effort is Effort.FULL:
                self.back_fill.pop()
                self._back_filled += 1
                self.course.whole += 1
                self._left -= self._cost(Effort.FULL)
            else:
                self._left = timedelta(0)

    def _read_one(self, came: timedelta, now: timedelta, effort: Effort) -> timedelta:
        self._read += 1
        self.course.waits.append(now - came)
        if effort is Effort.FULL:
            self.course.whole += 1
        else:
            self.course.degraded += 1
            self.back_fill.append(came)
        return self._cost(effort)

    def _cost(self, effort: Effort) -> timedelta:
        return PER / (self.scenario.full * self.scenario.speedups[effort])

    def _look(self, now: timedelta) -> None:
        before, objective = self.pace, self.scenario.objective
        self.pace = next_pace(
            before, self.load(now), objective, read=self._read, back_filled=self._back_filled
        )
        self._read = self._back_filled = 0
        self._looked_at = now
        if self.pace.effort != before.effort:
            self.course.changes.append(self.pace)


def simulate(scenario: Scenario) -> Course:
    """Let the scenario run until all is whole, or until its end."""
    worker, now, due = _Worker(scenario), timedelta(0), 0.0
    course = worker.course
    burst_ends = scenario.begins + scenario.lasts
    while now < scenario.ends:
        now += STEP
        is_burst = scenario.begins <= now < burst_ends
        due += (scenario.burst if is_burst else scenario.quiet) * (STEP / PER)
        while due >= 1:
            worker.urgent.append(now)
            course.came += 1
            due -= 1
        worker.work(now)
        if now % MINUTE == timedelta(0):
            load = worker.load(now)
            left = len(worker.back_fill)
            course.minutes.append(Minute(now, load.waiting, load.oldest, worker.pace.effort, left))
            if now > burst_ends and not left and load.waiting < 2:
                course.whole_at = now
                break
    return course


def main() -> None:
    """Run the burst; print and write its course."""
    options = _read_options()
    objective = ObjectiveSettings(oldest=timedelta(minutes=options.oldest))
    scenario = Scenario(full=options.full, burst=options.burst, objective=objective)
    course = simulate(scenario)
    Console().print(_draw(course))
    waits = sorted(course.waits)
    measures = [
        Measure("oldest that waited", course.oldest / MINUTE, "min", at_most=options.oldest),
        Measure("median wait for a first answer", waits[len(waits) // 2] / MINUTE, "min"),
        Measure("articles that came", course.came, "articles"),
        Measure("of them read with less effort at first", course.degraded, "articles"),
        Measure("not read in full in the end", course.came - course.whole, "articles", at_most=1),
        Measure("changes of effort", len(course.changes), "changes"),
        Measure("all whole after", (course.whole_at or scenario.ends) / HOUR, "h"),
    ]
    timeline = [
        {"min": m.at / MINUTE, "waiting": m.waiting, "oldest_min": m.oldest / MINUTE}
        | {"effort": m.effort, "back_fill": m.back_fill}
        for m in course.minutes
    ]
    report("burst", measures, {**vars(options), "timeline": timeline})


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.burst", description=__doc__)
    parser.add_argument("--full", type=float, default=100, help="read in full in 5 minutes")
    parser.add_argument("--burst", type=float, default=1_000, help="come in 5 minutes of burst")
    parser.add_argument("--oldest", type=float, default=30, help="the objective, in minutes")
    return parser.parse_args()


def _draw(course: Course) -> Table:
    """Show every change of effort with its reason, and what stood in between."""
    table = Table("time", title="a burst of an hour")
    for heading in ("waiting", "oldest", "back-fill"):
        table.add_column(heading, justify="right")
    table.add_column("effort")
    table.add_column("why")
    reasons = {pace.since: pace.reason for pace in course.changes}
    for place, minute in enumerate(course.minutes):
        moment = START + minute.at
        why = [reasons[at] for at in reasons if moment - MINUTE < at <= moment]
        if why or place % 60 == 59 or place == len(course.minutes) - 1:
            hours, minutes = divmod(int(minute.at / MINUTE), 60)
            numbers = (f"{minute.waiting:,}", f"{minute.oldest / MINUTE:.0f} min")
            table.add_row(
                f"{hours}:{minutes:02}",
                *numbers,
                f"{minute.back_fill:,}",
                minute.effort,
                "; then ".join(why),
            )
    return table


if __name__ == "__main__":
    main()
