from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from celery.signals import task_failure, task_postrun, task_prerun

from newsmill.logging import configure_logging
from schemas.settings import LogSettings
from workers import journal


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged, as a file gets it; logging is as before after the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure_logging(LogSettings(), stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def read(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def begin(name: str = "prefilter.screen") -> None:
    task_prerun.send(sender=None, task_id="t1", task=SimpleNamespace(name=name))


def end(state: str = "SUCCESS") -> None:
    task_postrun.send(sender=None, state=state)


def test_a_task_ends_with_one_line_that_tells_status_counts_and_phases(
    lines: io.StringIO,
) -> None:
    begin()
    with journal.phase("load"):
        journal.count(claimed=3)
    with journal.phase("load"):
        journal.count(claimed=2, kept=1)
    end()
    (line,) = read(lines)
    assert (line["event"], line["status"]) == ("task_done", "success")
    assert (line["task_id"], line["task_name"]) == ("t1", "prefilter.screen")
    assert (line["claimed"], line["kept"]) == (5, 1)
    assert 0 <= line["load_ms"] <= line["total_ms"]


def test_every_line_of_a_task_carries_its_id_and_no_line_after_it(lines: io.StringIO) -> None:
    begin()
    structlog.get_logger().info("within")
    end()
    structlog.get_logger().info("after")
    within, _, after = read(lines)
    assert within["task_id"] == "t1"
    assert "task_id" not in after


def test_one_task_does_not_inherit_the_counts_of_the_last(lines: io.StringIO) -> None:
    begin()
    journal.count(claimed=3)
    end()
    begin()
    end()
    assert "claimed" not in read(lines)[-1]


def test_error_of_a_task_is_logged_with_its_traceback(lines: io.StringIO) -> None:
    begin()
    try:
        raise KeyError("oops")
    except KeyError as error:
        task_failure.send(sender=None, exception=error)
    end("FAILURE")
    failed, done = read(lines)
    assert failed["event"] == "task_failed"
    assert "KeyError: 'oops'" in failed["exception"]
    assert done["status"] == "failure"


def test_what_other_libraries_log_comes_out_as_json_too(lines: io.StringIO) -> None:
    logging.getLogger("celery.worker").warning("missed %s", "heartbeat")
    (line,) = read(lines)
    assert (line["event"], line["logger"], line["level"]) == (
        "missed heartbeat",
        "celery.worker",
        "warning",
    )


def test_level_of_the_settings_holds(lines: io.StringIO) -> None:
    structlog.get_logger().debug("too small to matter")
    logging.getLogger("celery.app.trace").error("said by the closing line")
    assert read(lines) == []
