"""`newsmill up`: run the whole mill until Ctrl-C."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, RenderableType

    from newsmill.flower_access import FlowerAccess
    from newsmill.running import Outfit
    from newsmill.supervisor import ProcessState, Supervisor
    from newsmill.workplace import Workplace

POLL_S = 1.0

REPORT_EVERY_S = 3.0
"""Counting rows costs the database something; the processes are looked at more often."""


def command() -> None:
    """Run servers, workers, beat and Flower until Ctrl-C or SIGTERM; work is never lost by it."""
    from rich.console import Console

    from newsmill.flower_access import arrange_access
    from newsmill.running import check_outfit, record_outfit, resume
    from newsmill.workplace import hold_up_lock, open_workplace
    from schemas.settings import load_settings

    console = Console()
    settings = load_settings()
    outfit = check_outfit(settings)
    with hold_up_lock(settings.home), open_workplace(settings, upgrade=True) as place:
        record_outfit(place, outfit)
        resume(place, is_private=settings.database_url is None)
        flower = arrange_access(settings.flower, place.settings.home)
        supervisor = plan_supervisor(place, flower)
        try:
            supervisor.start()
            _greet(console, flower, place)
            _warn(console, outfit)
            _run(console, supervisor, place)
        except KeyboardInterrupt:
            pass
        finally:
            _stop(console, supervisor)
    console.print("stopped")


def plan_supervisor(place: Workplace, flower: FlowerAccess) -> Supervisor:
    """Plan every process of the mill."""
    from newsmill import processes
    from newsmill.supervisor import Supervisor

    home = place.settings.home
    specs = [
        *processes.plan_workers(place.settings),
        processes.plan_beat(home),
        processes.plan_flower(home, flower),
    ]
    return Supervisor(specs, processes.to_environment(place.settings), home / "logs")


def _greet(console: Console, flower: FlowerAccess, place: Workplace) -> None:
    where = f", password in {flower.password_file}" if flower.password_file else ""
    console.print(f"Flower  {flower.url}  (user {flower.user}{where})", soft_wrap=True)
    console.print(f"Logs    {place.settings.home / 'logs'}", soft_wrap=True)
    console.print("Stop with Ctrl-C; add sources with: newsmill ingest SOURCE…")


def _warn(console: Console, outfit: Outfit) -> None:
    from newsmill.doctor.check import Status
    from newsmill.doctor.models import judge_answers

    check = judge_answers(outfit.build, outfit.lenses.values())
    if check.status is not Status.OK:
        line = f"! {check.detail}; {check.mend}"
        console.print(line, style="yellow", soft_wrap=True, markup=False, highlight=False)


def _run(console: Console, supervisor: Supervisor, place: Workplace) -> None:
    """Keep servers and processes up, and show how the mill stands; only an exception ends it."""
    import time

    from rich.live import Live

    from newsmill.running import look_after

    screen = _Screen(place, is_watched=console.is_terminal)
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while True:
            live.update(screen.view(look_after(supervisor, place)))
            time.sleep(POLL_S)


def _stop(console: Console, supervisor: Supervisor) -> None:
    """Let the processes end in their time; a second Ctrl-C ends them at once."""
    import signal

    try:
        console.print("stopping: work in hand is finished or given back (Ctrl-C: at once) …")
        supervisor.stop()
    except KeyboardInterrupt:
        # Whatever is pressed from now on, the servers are to end as they should.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        console.print("stopping at once: what was in hand is done again at the next start")
        supervisor.kill()


class _Screen:
    """What the terminal shows; without a terminal nothing is read for it."""

    def __init__(self, place: Workplace, *, is_watched: bool) -> None:
        self._place = place
        self._is_watched = is_watched
        self._report: RenderableType = "starting …"
        self._read_again_at = 0.0

    def view(self, states: Sequence[ProcessState]) -> RenderableType:
        import time

        from rich.console import Group

        from newsmill.report import rest_after
        from newsmill.report_view import view_processes

        began = time.monotonic()
        if self._is_watched and began >= self._read_again_at:
            self._report = self._read()
            ended = time.monotonic()
            self._read_again_at = ended + rest_after(ended - began, REPORT_EVERY_S)
        return Group(view_processes(states), "", self._report)

    def _read(self) -> RenderableType:
        from newsmill.report import read_report
        from newsmill.report_view import view_report
        from schemas.errors import TransientError

        try:
            return view_report(read_report(self._place, is_up=True, with_workers=False))
        except TransientError as error:
            return f"[red]{error}[/red]"
