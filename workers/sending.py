"""Messages: which ids, to which queue, in portions. Sent after the commit, lost without harm.

A message says "look here" and no more. It expires when the sweep would send it again, so that
however slow a stage is, its queue holds about one live message for each thing that waits. An
expired one leaves its queue only when a worker takes it: to a queue that nobody reads, nothing is
added, or a worker that is away for days would fill Redis for all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import structlog
from celery import current_app
from kombu.exceptions import OperationalError
from redis import RedisError

from schemas.settings import Settings
from workers.queues import INGEST, PAGE, PREFILTER, TASKS, TICK, WORK

log = structlog.get_logger(__name__)

PORTION = 100
"""Ids to a message: enough to make its cost negligible, few enough for several workers to share."""

SOURCES = 20
"""Sources to a message: what stands around their polls is shared, see `workers/rounds.py`."""

FULL = 1_000
"""Messages, of about 1 kB, from which on a queue is left alone. A worker that comes back drops the
expired ones in seconds."""


def send(settings: Settings, messages: Mapping[str, Sequence[int]]) -> bool:
    """Send ids to the queues of their stages; False when Redis could not be reached.

    Then, or if a queue is full, the rows wait for the sweep, which sends again what nobody has
    claimed.
    """
    planned = (
        (stage, ids if stage == INGEST and isinstance(ids, list) else [ids])
        for stage, ids in plan_messages(settings, messages)
    )
    return _publish(settings, planned)


def send_tick(settings: Settings) -> bool:
    """Ask for a sweep now, without waiting for beat; False when Redis could not be reached."""
    return _publish(settings, [(TICK, [])])


def list_roomy() -> tuple[str, ...]:
    """List the stages whose queues have room for more messages; all if Redis is not reached."""
    try:
        return tuple(stage for stage in WORK if has_room(stage))
    except OperationalError:
        return WORK


def has_room(queue: str) -> bool:
    """Tell whether a queue has room for more messages; it has where Redis does not say.

    Raises OperationalError when Redis cannot be reached, which takes seconds to find out.
    """
    with current_app.pool.acquire(block=True) as connection:
        client = connection.default_channel.client
        try:
            return int(client.llen(queue)) < FULL
        except RedisError:
            return True


def _publish(settings: Settings, messages: Iterable[tuple[str, list[Any]]]) -> bool:
    expires_s = settings.queue.resend_after.total_seconds()
    looked_at: dict[str, bool] = {}
    try:
        for queue, arguments in messages:
            if queue not in looked_at:
                looked_at[queue] = has_room(queue)
            if looked_at[queue]:
                current_app.send_task(
                    TASKS[queue], arguments, queue=queue, expires=expires_s, ignore_result=True
                )
    except OperationalError as error:
        log.warning("message_not_sent", error=str(error))
        return False
    return True


def plan_messages(
    settings: Settings, messages: Mapping[str, Sequence[int]]
) -> Iterator[tuple[str, int | list[int]]]:
    """Cut ids into the arguments of messages: one page, or a portion of the others."""
    for stage in WORK:
        subject_ids = list(messages.get(stage, ()))
        if stage == PAGE:
            yield from ((stage, subject_id) for subject_id in subject_ids)
            continue
        size = {PREFILTER: settings.prefilter.batch, INGEST: SOURCES}.get(stage, PORTION)
        for start in range(0, len(subject_ids), size):
            yield stage, subject_ids[start : start + size]
