from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from newsmill.doctor.check import Check, Status, find_worst
from newsmill.doctor.servers import judge_migrations, judge_postgres, judge_redis
from store.server import ServerFacts

GOOD_POSTGRES = ServerFacts(
    major=18,
    version="18.6",
    now=datetime(2026, 11, 20, tzinfo=UTC),
    is_read_only=False,
    may_create=True,
)

GOOD_REDIS: dict[str, Any] = {
    "redis_version": "7.2.4",
    "role": "master",
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
    "maxmemory_policy": "noeviction",
}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, Status.OK),
        ({"major": 14, "version": "14.20"}, Status.OK),
        ({"major": 13, "version": "13.22"}, Status.FAIL),
        ({"is_read_only": True}, Status.FAIL),
        ({"may_create": False}, Status.FAIL),
    ],
)
def test_postgres_must_be_new_enough_and_let_us_write(
    changes: dict[str, Any], status: Status
) -> None:
    check = judge_postgres(replace(GOOD_POSTGRES, **changes), is_ours=False)
    assert (check.status, bool(check.mend)) == (status, status is not Status.OK)


@pytest.mark.parametrize(
    ("changes", "status", "detail"),
    [
        ({}, Status.OK, "Redis 7.2.4"),
        ({"valkey_version": "9.1.2"}, Status.OK, "Valkey 9.1.2"),
        ({"redis_version": "6.2.14"}, Status.OK, "Redis 6.2.14"),
        ({"redis_version": "6.0.16"}, Status.FAIL, "6.0.16"),
        ({"role": "slave"}, Status.FAIL, "replica"),
        ({"aof_enabled": 0}, Status.WARN, "appendonly is off"),
        ({"aof_last_write_status": "err"}, Status.WARN, "last write"),
        ({"maxmemory_policy": "allkeys-lru"}, Status.WARN, "allkeys-lru"),
    ],
)
def test_redis_must_be_new_enough_and_should_keep_what_it_gets(
    changes: dict[str, Any], status: Status, detail: str
) -> None:
    check = judge_redis(GOOD_REDIS | changes, is_ours=False)
    assert (check.status, bool(check.mend)) == (status, status is not Status.OK)
    assert detail in check.detail


@pytest.mark.parametrize(
    ("current", "is_ours", "status"),
    [
        ("b", False, Status.OK),
        ("a", False, Status.WARN),
        (None, False, Status.WARN),
        (None, True, Status.OK),
    ],
)
def test_database_should_be_at_the_newest_migration(
    current: str | None, is_ours: bool, status: Status
) -> None:
    assert judge_migrations(current, "b", is_ours=is_ours).status is status


def test_worst_status_is_that_of_the_gravest_check() -> None:
    checks = [Check("a", status, "") for status in (Status.WARN, Status.FAIL, Status.OK)]
    assert find_worst(checks) is Status.FAIL
    assert find_worst(checks[:1]) is Status.WARN
    assert find_worst([]) is Status.OK
