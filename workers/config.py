"""Celery's settings for this mill: a pure function of Newsmill's own.

Chosen for Celery 5.6.3 with kombu 5.7.0 on Redis, where a killed worker can lose a message that
it had just taken: the table `work` is the truth, and nothing here has to be exact.
"""

from __future__ import annotations

from typing import Any

from schemas.errors import ConfigError
from schemas.settings import Settings
from workers.queues import INFERENCE, QUEUES, TASKS, TICK

PUBLISH_RETRY = {"max_retries": 2, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 0.5}
"""Under a second, then give up: the row is written, the sweep sends the message later."""

BROKER_TIMEOUT_S = 10.0
"""Longest wait for Redis to say something that it was asked; messages are waited for without."""

INFERENCE_SPARE_S = 60.0
"""What the inference task may take beyond its slice and the task limit: loading a model."""


def celery_config(settings: Settings) -> dict[str, Any]:
    """Return the whole configuration; ConfigError when no Redis is named."""
    return {
        **_broker(settings),
        **_delivery(settings),
        **_worker(settings),
        "beat_schedule": _beat_schedule(settings),
        "timezone": "UTC",
        "enable_utc": True,
    }


def broker_url(redis_url: str) -> str:
    """Spell a Redis URL as kombu does: `unix:///x.sock?db=1` is `redis+socket://…` there."""
    if redis_url.startswith(("redis://", "rediss://", "redis+socket://")):
        return redis_url
    if not redis_url.startswith("unix://"):
        # The URL may hold a password, so it is not repeated.
        raise ConfigError(
            "REDIS_URL is not the address of a Redis; write redis://:password@host:6379/0, "
            "or rediss:// for TLS, or unix:///path/to/redis.sock?db=0"
        )
    path, _, query = redis_url.removeprefix("unix://").partition("?")
    parameters = [pair.replace("db=", "virtual_host=", 1) for pair in query.split("&") if pair]
    if not any(pair.startswith("virtual_host=") for pair in parameters):
        parameters.append("virtual_host=0")
    return f"redis+socket://{path}?{'&'.join(parameters)}"


def _broker(settings: Settings) -> dict[str, Any]:
    if settings.redis_url is None:
        raise ConfigError("REDIS_URL is not set, and this process does not start a server itself")
    return {
        "broker_url": broker_url(settings.redis_url.get_secret_value()),
        "broker_connection_retry_on_startup": True,
        # None: for ever. Redis being away costs time, never the worker.
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "visibility_timeout": _visibility_timeout_s(settings),
            # Look every 2 s for messages whose worker died; by default it is every 100 s.
            "unacked_restore_interval": 2,
            "unacked_restore_throttle": 1,
            "health_check_interval": 25,
            "socket_keepalive": True,
            # Else a worker whose Redis says nothing never hears that it is to stop.
            "socket_connect_timeout": BROKER_TIMEOUT_S,
            "socket_timeout": BROKER_TIMEOUT_S,
        },
    }


def _delivery(settings: Settings) -> dict[str, Any]:
    return {
        "task_queues": {name: {"exchange": name, "routing_key": name} for name in QUEUES},
        "task_routes": {task: {"queue": queue} for queue, task in TASKS.items()},
        "task_create_missing_queues": False,
        "task_default_queue": TICK,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_publish_retry": True,
        "task_publish_retry_policy": PUBLISH_RETRY,
        "task_time_limit": settings.queue.task_time_limit.total_seconds(),
        "task_annotations": {TASKS[INFERENCE]: {"time_limit": _inference_limit_s(settings)}},
    }


def _worker(settings: Settings) -> dict[str, Any]:
    return {
        "worker_prefetch_multiplier": 1,
        "worker_concurrency": 1,
        "worker_soft_shutdown_timeout": settings.queue.soft_shutdown.total_seconds(),
        # A child that loads a model in its first seconds must not be taken for dead.
        "worker_proc_alive_timeout": 120.0,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_send_task_events": True,
        "task_send_sent_event": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_enable_remote_control": True,
    }


def _beat_schedule(settings: Settings) -> dict[str, Any]:
    every_s = settings.queue.tick_every.total_seconds()
    tick = {
        "task": TASKS[TICK],
        "schedule": every_s,
        # A tick that nobody took in time is worth nothing: the next one does the same.
        "options": {"expires": every_s, "queue": TICK},
    }
    return {"tick": tick}


def _visibility_timeout_s(settings: Settings) -> float:
    timeout_s = settings.queue.visibility_timeout.total_seconds()
    if timeout_s <= _inference_limit_s(settings):
        raise ConfigError(
            f"NEWSMILL_QUEUE__VISIBILITY_TIMEOUT is {timeout_s:.0f} s: it must be longer than any "
            f"task, here {_inference_limit_s(settings):.0f} s (NEWSMILL_QUEUE__TASK_TIME_LIMIT, "
            "NEWSMILL_INFERENCE__SLICE and a minute), or Redis gives work out that is being done"
        )
    return timeout_s


def _inference_limit_s(settings: Settings) -> float:
    limit = settings.queue.task_time_limit + settings.inference.slice
    return limit.total_seconds() + INFERENCE_SPARE_S
