"""Which processes make up a running mill: one worker for each queue, beat, and Flower.

A pure plan. Nothing is started here; the supervisor does that with embedded services, and
docker-compose.yml says the same for containers.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from newsmill.flower_access import FlowerAccess
from schemas.settings import PREFIX, Settings
from workers.queues import INFERENCE, STAGES, consumed_by

CELERY = (sys.executable, "-m", "celery", "--quiet", "-A", "workers.app")

NICENESS = 5
"""Of all but inference, which is what the person waits for."""

TASKS_PER_CHILD = 1_000

STOP_MARGIN_S = 15.0
"""Given to a worker beyond its soft timeout, to hand back its work and leave."""


@dataclass(frozen=True)
class ProcessSpec:
    """One process: how it is started, and how long it may take to stop."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    niceness: int = NICENESS
    stop_s: float = 10.0


def plan_workers(settings: Settings) -> list[ProcessSpec]:
    """Return one worker for each stage, in the order of the stages."""
    # Celery's children learn of a stop only with a soft shutdown, which SIGTERM is made to mean.
    environment = {"REMAP_SIGTERM": "SIGQUIT"}
    stop_s = settings.queue.soft_shutdown.total_seconds() + STOP_MARGIN_S
    return [
        ProcessSpec(
            name=stage,
            command=worker_command(stage, settings.log.level),
            environment=environment,
            niceness=0 if stage == INFERENCE else NICENESS,
            stop_s=stop_s,
        )
        for stage in STAGES
    ]


def worker_command(stage: str, log_level: str) -> tuple[str, ...]:
    """Return the command line of one worker: one child, so that one task runs at a time.

    Parsers of foreign bytes leak here and there, so their child is replaced now and then; the
    child of inference keeps its model.
    """
    tasks = () if stage == INFERENCE else ("--max-tasks-per-child", str(TASKS_PER_CHILD))
    return (
        *(*CELERY, "worker", "--hostname", f"{stage}@%h"),
        *("--queues", ",".join(consumed_by(stage)), "--concurrency", "1", *tasks),
        *("--loglevel", log_level, "--task-events", "--without-gossip", "--without-mingle"),
    )


def plan_beat(home: Path) -> ProcessSpec:
    """Return beat, which only ticks; its schedule file lies in the home."""
    schedule = home / "beat.schedule"
    return ProcessSpec("beat", (*CELERY, "beat", "--schedule", str(schedule), "--pidfile", ""))


def plan_flower(home: Path, access: FlowerAccess) -> ProcessSpec:
    """Return Flower on the loopback address, behind a password, its history kept in the home.

    Its options travel as environment variables, since everyone can see a command line.
    """
    environment = {
        "FLOWER_ADDRESS": "127.0.0.1",
        "FLOWER_PORT": str(access.port),
        "FLOWER_BASIC_AUTH": f"{access.user}:{access.password.get_secret_value()}",
        "FLOWER_PERSISTENT": "true",
        "FLOWER_DB": str(home / "flower.history"),
        # In ms. Each time all of it is written anew, 11 MB for 10,000 tasks.
        "FLOWER_STATE_SAVE_INTERVAL": "60000",
        "FLOWER_MAX_TASKS": "10000",
    }
    return ProcessSpec("flower", (*CELERY, "flower"), environment)


def to_environment(settings: Settings) -> dict[str, str]:
    """Write settings as environment variables, so that a child process reads the very same."""
    variables: dict[str, str] = {}
    for name, value in settings:
        if name in ("database_url", "redis_url"):
            variables |= _variable(name.upper(), value)
        elif hasattr(value, "model_fields_set"):
            for inner_name, inner in value:
                variables |= _variable(f"{PREFIX}{name}__{inner_name}".upper(), inner)
        else:
            variables |= _variable(f"{PREFIX}{name}".upper(), value)
    return variables


def _variable(name: str, value: Any) -> dict[str, str]:
    match value:
        case None:
            return {}
        case SecretStr():
            return {name: value.get_secret_value()}
        case timedelta():
            return {name: str(value.total_seconds())}
        case tuple():
            return {name: json.dumps(value)}
        case _:
            return {name: str(value)}
