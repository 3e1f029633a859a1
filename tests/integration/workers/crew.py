"""The workers of a test: started by the real supervisor, looked after, killed on purpose."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import psutil
import redis

from newsmill.processes import ProcessSpec, plan_beat, plan_workers, to_environment
from newsmill.services.launcher import Services
from newsmill.supervisor import Supervisor
from schemas.settings import Settings
from store import counts
from store.counts import StageQueue
from store.database import Database
from tests.integration.workers.faults import VARIABLE
from tests.paths import ROOT
from workers.queues import STAGES


class Crew:
    """Workers with plugged-in faults, and beat."""

    def __init__(
        self,
        settings: Settings,
        services: Services,
        database: Database,
        stages: Collection[str] = STAGES,
    ) -> None:
        self._services = services
        self._database = database
        self._faults = settings.home / "faults.json"
        self.be_sound()
        workers = [spec for spec in plan_workers(settings) if spec.name in stages]
        specs = [*workers, plan_beat(settings.home)]
        environment = {**to_environment(settings), VARIABLE: str(self._faults)}
        environment["PYTHONPATH"] = str(ROOT)
        self._logs = settings.home / "logs"
        self._supervisor = Supervisor([plugged(spec) for spec in specs], environment, self._logs)

    def start(self) -> None:
        self._supervisor.start()

    def stop(self) -> None:
        self._supervisor.stop()

    def end(self) -> None:
        """End every process at once: for when nothing that a stop does matters any more."""
        self._supervisor.kill()

    def be_faulty(self, **faults: dict[str, Any]) -> None:
        """Plug faults in; see `faults.py`."""
        replacement = self._faults.with_suffix(".new")
        replacement.write_text(json.dumps(faults))
        replacement.replace(self._faults)

    def be_sound(self) -> None:
        self.be_faulty()

    def find(self, name: str) -> psutil.Process:
        """Return the main process of a worker that runs."""
        (pid,) = [state.pid for state in self._supervisor.states() if state.name == name]
        assert pid is not None, f"{name} is not running"
        return psutil.Process(pid)

    def kill(self, name: str) -> None:
        """Kill a worker as the kernel would when memory runs out: main process and children."""
        main = self.find(name)
        for process in (main, *main.children(recursive=True)):
            process.kill()

    def kill_at_work(self, stage: str) -> None:
        """Kill a stage's worker in the middle of a task; what it had claimed stays behind."""
        while True:
            self.run_until(lambda: self.is_at_work(stage) and self.is_running(stage))
            self.kill(stage)
            if self.is_at_work(stage):
                return

    def is_running(self, name: str) -> bool:
        return any(
            state.name == name and state.status == "running" for state in self._supervisor.states()
        )

    def kill_redis(self) -> None:
        """Kill the server without a word; the supervisor's loop starts it again."""
        with redis.Redis.from_url(self._services.redis_url) as client:
            os.kill(client.info("server")["process_id"], signal.SIGKILL)

    def empty_redis(self) -> bool:
        """Take every message away; False while there is no server to do so."""
        try:
            with redis.Redis.from_url(self._services.redis_url) as client:
                return bool(client.flushall())
        except redis.ConnectionError:
            return False

    def read_log(self, name: str) -> str:
        return (self._logs / f"{name}.log").read_text()

    def queue(self, stage: str) -> StageQueue:
        """Return how a stage's queue stands."""
        with self._database.begin() as session:
            queues = {each.stage: each for each in counts.count_queues(session)}
        return queues.get(stage, StageQueue(stage, 0, 0, 0, 0, None))

    def is_at_work(self, stage: str) -> bool:
        return self.queue(stage).claimed > 0

    def is_through(self) -> bool:
        """Whether nothing waits any more; what is dead does not wait."""
        with self._database.begin() as session:
            queues = counts.count_queues(session)
        return not any(each.waiting + each.delayed + each.claimed for each in queues)

    def run_until(self, condition: Callable[[], object], timeout_s: float = 60) -> None:
        """Look after servers and workers, as `newsmill up` does, until something is true."""
        give_up = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > give_up:
                raise AssertionError(f"did not come true in {timeout_s} s\n{self._describe()}")
            self._services.ensure()
            self._supervisor.poll()
            time.sleep(0.05)

    def _describe(self) -> str:
        with self._database.begin() as session:
            lines = [str(each) for each in counts.count_queues(session)]
            lines += [str(each) for each in counts.list_errors(session)]
        for path in sorted(self._logs.glob("*.log")):
            lines += [f"--- {path.name}", *path.read_text().splitlines()[-8:]]
        return "\n".join(lines)


def plugged(spec: ProcessSpec) -> ProcessSpec:
    """Start the same process with the application that has the faults."""
    place = spec.command.index("workers.app")
    command = (*spec.command[:place], "tests.integration.workers.plug", *spec.command[place + 1 :])
    return replace(spec, command=command)
