"""Set up structlog: JSON lines into files and pipes, coloured text on a terminal.

What other packages log through the standard library comes out in the same form. Importing this
changes nothing; an entry point calls `configure_logging` once.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from schemas.settings import LogSettings

QUIET = {
    # Two lines for every message and every result: the task's own closing line says it all.
    "celery.worker.strategy": logging.WARNING,
    "celery.app.trace": logging.CRITICAL,
    "celery.redirected": logging.WARNING,
    "kombu": logging.WARNING,
    "httpx2": logging.WARNING,
    "httpcore2": logging.WARNING,
    "trafilatura": logging.CRITICAL,
    "tornado.access": logging.WARNING,
}
"""Loggers that say too much, and the least level at which they may speak."""


def configure_logging(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send everything to `stream` (default stderr), at the level and in the form of `settings`."""
    stream = stream or sys.stderr
    for_people = stream.isatty() or not settings.json_lines
    shared = _shared_processors()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_last_processors(for_people, colours=stream.isatty()),
            ],
        )
    )
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


@contextmanager
def hush() -> Iterator[None]:
    """Let nothing below an error be logged for a while, unless one asked to hear more."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR if before > logging.INFO else before)
    try:
        yield
    finally:
        root.setLevel(before)


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]


def _last_processors(for_people: bool, *, colours: bool) -> list[Any]:
    if for_people:
        return [structlog.dev.ConsoleRenderer(colors=colours, timestamp_key="at")]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    ]
