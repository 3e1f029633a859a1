"""`newsmill tune`: find out in about a minute how this machine reads fastest, and keep it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsmill.limits import DAY_S

if TYPE_CHECKING:
    from inference.builds import Build
    from inference.tuned import Trial, Tuned
    from inference.tuning import Choice, Contest, Factor, Measure
    from schemas.settings import Settings

MEMORY_SHARE = 0.5
"""Of the machine, or of the container: the rest is for the servers and the other workers."""

BUSY_LOAD = 1.5
"""Processes that want a core, to each core: tuning itself wants one."""

MOST_MEMORY_BYTES = 2_500_000_000
"""A mill is to fit small machines; who has more sets NEWSMILL_INFERENCE__SEQUENCES."""


def command(
    model: Annotated[str | None, typer.Option(help="A build's name or folder.")] = None,
    seconds: Annotated[
        float, typer.Option(min=1, max=DAY_S, help="After which nothing more is tried.")
    ] = 60.0,
    forget: Annotated[
        bool, typer.Option("--forget", help="Forget the result instead of measuring.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure threads, waiting, sequences, flash attention, batch and cache type for a model.

    The result is kept for this machine and this model, and used by the worker from its next start
    where the settings leave the choice open. Best done while the mill stands still.
    """
    from inference.builds import resolve_build
    from inference.cpu import describe_machine
    from inference.tuned import forget_tuned, save_tuned
    from newsmill.services.home import make_home
    from schemas.settings import load_settings

    settings = load_settings()
    build = resolve_build(settings, model)
    home = make_home(settings.home).path
    if forget:
        there = forget_tuned(home, describe_machine(), build.manifest.sha256)
        typer.echo(f"{build.name}: {'forgotten' if there else 'there is no result here'}")
        return
    tuned = _tune(build, settings, seconds)
    path = save_tuned(home, tuned)
    if as_json:
        typer.echo(tuned.model_dump_json(indent=2))
        return
    _print(tuned)
    typer.echo(f"kept in {path}; the worker uses it from its next start")


def _tune(build: Build, settings: Settings, seconds: float) -> Tuned:
    from datetime import UTC, datetime

    from inference.builds import verify_build
    from inference.cpu import describe_machine
    from inference.shape import (
        apply_settings,
        budget_of,
        default_choice,
        explicit,
        slot_tokens,
        typical_load,
    )
    from inference.trial import Trials
    from inference.tuned import Tuned
    from inference.tuning import list_factors
    from schemas.errors import ConfigError

    verify_build(build, settings.home)
    given, budget = settings.inference, budget_of(build, settings.inference)
    machine = describe_machine()
    start = apply_settings(default_choice(build), given)
    factors = list_factors(machine.cores, fixed=explicit(given))
    load = typical_load(build, budget)
    with Trials(build.model_path, slot_tokens(build, budget), load) as trials:
        article_s = default_s = trials.measure(start)
        if article_s is None or default_s is None:
            raise ConfigError(trials.refusal)
        is_allowed = _limit_memory(build, settings)
        contests = _hold_contests(start, factors, trials.measure, is_allowed, seconds)
        winner = contests[-1].winner if contests else start
        if winner != start:
            # Side by side once more: the machine may have been busier at the beginning.
            article_s = trials.measure(winner) or article_s
            default_s = trials.measure(start) or default_s
    return Tuned(
        cpu=machine.cpu,
        features=machine.features,
        cores=machine.cores,
        build=build.name,
        sha256=build.manifest.sha256,
        at=datetime.now(UTC),
        choice=winner,
        article_s=round(article_s, 4),
        default_article_s=round(default_s, 4),
        trials=tuple(trial for contest in contests for trial in _list_trials(contest)),
        untried=tuple(factor.name for factor in factors[len(contests) :]),
    )


def _hold_contests(
    start: Choice,
    factors: Sequence[Factor],
    measure: Measure,
    is_allowed: Callable[[Choice], bool],
    seconds: float,
) -> list[Contest]:
    import time

    from inference.tuning import try_factors

    over_at = time.monotonic() + seconds
    contests: list[Contest] = []
    with _show_progress(len(factors)) as advance:
        for contest in try_factors(
            start,
            factors,
            measure,
            is_allowed=is_allowed,
            is_over=lambda: time.monotonic() >= over_at,
        ):
            contests.append(contest)
            advance(contest.factor)
    return contests


def _limit_memory(build: Build, settings: Settings) -> Callable[[Choice], bool]:
    from inference.cpu import usable_memory
    from inference.shape import memory_needed
    from inference.tuning import can_be

    limit = min(MOST_MEMORY_BYTES, int(MEMORY_SHARE * usable_memory()))

    def is_allowed(choice: Choice) -> bool:
        return can_be(choice) and memory_needed(build, settings.inference, choice) <= limit

    return is_allowed


def _list_trials(contest: Contest) -> Iterator[Trial]:
    from math import isfinite
    from statistics import median

    from inference.tuned import Trial

    for challenger, ratios in contest.ratios:
        ratio = median(ratios) if ratios else float("inf")
        yield Trial(
            factor=contest.factor,
            value=_spell(getattr(challenger, contest.factor)),
            ratio=round(ratio, 3) if isfinite(ratio) else None,
            rounds=len(ratios),
            is_taken=challenger == contest.winner,
        )


def _print(tuned: Tuned) -> None:
    from rich.text import Text

    from newsmill.tables import make_table, show

    table = make_table("factor", "tried", "time", "rounds", "", right={"time", "rounds"})
    for trial in tuned.trials:
        time = "refused" if trial.ratio is None else f"{trial.ratio:.0%}"
        table.add_row(
            *(trial.factor, trial.value, time, str(trial.rounds)),
            "[green]taken[/green]" if trial.is_taken else "",
        )
    lines = []
    if tuned.untried:
        names = ", ".join(tuned.untried)
        lines.append(Text(f"no time was left for {names}: give it more --seconds", "yellow"))
    if (load := os.getloadavg()[0]) > BUSY_LOAD * tuned.cores:
        told = f"other work was going on (load {load:.1f}): better measured again without it"
        lines.append(Text(told, "yellow"))
    choice = ", ".join(f"{name} {_spell(value)}" for name, value in tuned.choice)
    lines.append(Text(f"{tuned.build}: {choice}"))
    lines.append(
        Text(
            f"about {tuned.article_s:.3f} s an article in a full batch, "
            f"{tuned.default_article_s:.3f} s by default; on {tuned.cpu}, {tuned.cores} cores"
        )
    )
    show(table, *lines)


def _spell(value: Any) -> str:
    return "libgomp's own" if value is None else str(value).lower()


@contextmanager
def _show_progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show a bar on stderr; hand over what moves it by one factor."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("measuring", total=total)
        yield lambda factor: bar.update(task, advance=1, description=f"{factor} is settled")
