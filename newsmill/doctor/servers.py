"""Verdicts on Postgres and Redis, from what they say of themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from newsmill.doctor.check import Check, fail, ok, warn
from store.server import ServerFacts

OLDEST_POSTGRES = 14
OLDEST_REDIS = (6, 2)


def judge_postgres(facts: ServerFacts, *, is_ours: bool) -> Check:
    """Judge a Postgres by its version and our rights there."""
    detail = f"Postgres {facts.version}, {_whose(is_ours)}"
    if facts.major < OLDEST_POSTGRES:
        return fail("postgres", detail, f"use Postgres {OLDEST_POSTGRES} or later")
    if facts.is_read_only:
        return fail("postgres", f"{detail}, read only", "name the primary in DATABASE_URL")
    if not facts.may_create:
        mend = "grant the role of DATABASE_URL create on the schema"
        return fail("postgres", f"{detail}, where our role may not make tables", mend)
    return ok("postgres", detail)


def judge_migrations(current: str | None, head: str, *, is_ours: bool) -> Check:
    """Compare the database's revision with the one that this code expects."""
    if current == head:
        return ok("migrations", f"at {head}, the newest")
    if current is None and is_ours:
        return ok("migrations", "no tables yet; the first start makes them")
    detail = f"at {current}, where this version expects {head}" if current else "no tables yet"
    return warn("migrations", detail, "newsmill up brings older ones up to date")


def judge_redis(info: Mapping[str, Any], *, is_ours: bool) -> Check:
    """Judge a Redis by its INFO; CONFIG is forbidden on many hosted ones."""
    product = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info.get("valkey_version") or info.get("redis_version", "unknown"))
    detail = f"{product} {version}, {_whose(is_ours)}"
    if product == "Redis" and _numbers(version) < OLDEST_REDIS:
        return fail("redis", detail, "use Redis 6.2 or later, or Valkey")
    if info.get("role") not in (None, "master"):
        return fail("redis", f"{detail}, a replica", "name the primary in REDIS_URL")
    if faults := _list_redis_faults(info):
        mend = "in redis.conf: appendonly yes, maxmemory-policy noeviction"
        return warn("redis", f"{detail}: {'; '.join(faults)}", mend)
    return ok("redis", f"{detail}, append-only file on, nothing evicted")


def _list_redis_faults(info: Mapping[str, Any]) -> list[str]:
    policy = info.get("maxmemory_policy", "noeviction")
    faults = []
    if not info.get("aof_enabled"):
        faults.append("appendonly is off, so a restart delays what was in its queues")
    elif info.get("aof_last_write_status", "ok") != "ok":
        faults.append("its last write to disk failed")
    if policy != "noeviction":
        faults.append(f"maxmemory-policy is {policy}, which may drop messages")
    return faults


def _whose(is_ours: bool) -> str:
    return "our own" if is_ours else "given by its URL"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:2]))
