"""The result of one check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a check came out, mildest first."""

    OK = "ok"
    WARN = "warn"
    """The mill runs, but slower, or not for long."""
    FAIL = "fail"
    """The mill cannot run like this."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Status
    detail: str
    """What was found."""
    mend: str = ""
    """What to do about it; empty when nothing is to be done."""


def find_worst(checks: Iterable[Check]) -> Status:
    """Return the gravest status; ok when there is nothing."""
    order = list(Status)
    return max((check.status for check in checks), key=order.index, default=Status.OK)


def ok(name: str, detail: str) -> Check:
    """Make a check that came out well."""
    return Check(name, Status.OK, detail)


def warn(name: str, detail: str, mend: str) -> Check:
    """Make a check of something that runs, though not as it should."""
    return Check(name, Status.WARN, detail, mend)


def fail(name: str, detail: str, mend: str = "") -> Check:
    """Make a check of something that must be mended first; `detail` may say how itself."""
    return Check(name, Status.FAIL, detail, mend)
