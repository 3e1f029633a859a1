"""Completions: the streams as the model gave them, kept before anybody reads them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas import tables
from schemas.completions import Completion, FieldReading
from schemas.effort import EFFORTS, Effort
from store.clean import clean_text, to_json
from store.statements import execute

NO_KEYS: Mapping[tuple[int, str], str] = MappingProxyType({})


@dataclass(frozen=True)
class StoredCompletion:
    """What reconstruction needs of a completion."""

    completion_id: int
    article_id: int
    completion: Completion
    read_at: datetime
    """When it was stored; reading the article again renews it."""


_SAVE = """
INSERT INTO completion (article_id, lens, contract_version, build, stream, readings,
                        prompt_tokens, completion_tokens, timings_ms, cpu_s, prompt_hash, left_out,
                        effort, postponed, text_key)
SELECT article_id, lens, contract_version, build, stream, CAST(readings AS jsonb),
       prompt_tokens, completion_tokens, CAST(timings_ms AS jsonb), cpu_s, prompt_hash,
       ARRAY(SELECT jsonb_array_elements_text(CAST(left_out AS jsonb))), effort,
       ARRAY(SELECT jsonb_array_elements_text(CAST(postponed AS jsonb))), text_key
FROM unnest(
    CAST(:article_ids AS bigint[]), CAST(:lenses AS text[]), CAST(:contract_versions AS text[]),
    CAST(:builds AS text[]), CAST(:streams AS text[]), CAST(:readings AS text[]),
    CAST(:prompt_tokens AS int[]), CAST(:completion_tokens AS int[]),
    CAST(:timings_ms AS text[]), CAST(:cpu_s AS float[]), CAST(:prompt_hashes AS text[]),
    CAST(:left_out AS text[]), CAST(:efforts AS text[]), CAST(:postponed AS text[]),
    CAST(:text_keys AS text[])
) AS given (article_id, lens, contract_version, build, stream, readings, prompt_tokens,
            completion_tokens, timings_ms, cpu_s, prompt_hash, left_out, effort, postponed,
            text_key)
ON CONFLICT (article_id, lens, contract_version, build) DO UPDATE
SET stream = excluded.stream, readings = excluded.readings,
    prompt_tokens = excluded.prompt_tokens, completion_tokens = excluded.completion_tokens,
    timings_ms = excluded.timings_ms, cpu_s = excluded.cpu_s,
    prompt_hash = excluded.prompt_hash, left_out = excluded.left_out, effort = excluded.effort,
    postponed = excluded.postponed, text_key = excluded.text_key, read_as_article_id = NULL,
    created_at = now()
"""

_UNLESS_KNOWN_BETTER = """
WHERE array_position(CAST(:order AS text[]), excluded.effort)
    <= array_position(CAST(:order AS text[]), completion.effort)
    OR excluded.text_key <> completion.text_key
"""


def save(
    session: Session,
    completions: Iterable[tuple[int, Completion]],
    text_keys: Mapping[tuple[int, str], str] = NO_KEYS,
) -> list[int]:
    """Store completions, each with its article's id; returns their ids, in no special order.

    What the same build answered before about the same article and contract is replaced, unless
    it was read with more effort: then that stays, and its id is not among those returned.
    `text_keys` tells, by article and lens, of which text each was read: an answer about an older
    text never stays.
    """
    by_key = {
        (article_id, each.lens, each.contract_version, each.build): each
        for article_id, each in completions
    }
    if not by_key:
        return []
    keys = sorted(by_key)
    rows = [by_key[key] for key in keys]
    saved = execute(
        session,
        f"{_SAVE} {_UNLESS_KNOWN_BETTER} RETURNING id",
        article_ids=[article_id for article_id, *_ in keys],
        lenses=[row.lens for row in rows],
        contract_versions=[row.contract_version for row in rows],
        builds=[row.build for row in rows],
        streams=[clean_text(row.stream) for row in rows],
        readings=[to_json(_dump_readings(row)) for row in rows],
        prompt_tokens=[row.prompt_tokens for row in rows],
        completion_tokens=[row.completion_tokens for row in rows],
        timings_ms=[to_json(row.timings_ms) for row in rows],
        cpu_s=[row.cpu_s for row in rows],
        prompt_hashes=[row.prompt_hash for row in rows],
        left_out=[to_json(row.left_out) for row in rows],
        efforts=[row.effort for row in rows],
        postponed=[to_json(row.postponed) for row in rows],
        text_keys=[text_keys.get((article_id, lens)) for article_id, lens, *_ in keys],
        order=list(EFFORTS),
    )
    return list(saved.scalars())


_COPY = """
WITH wanted AS (
    SELECT article_id, lens, contract_version, text_key
    FROM unnest(
        CAST(:article_ids AS bigint[]), CAST(:lenses AS text[]),
        CAST(:contract_versions AS text[]), CAST(:text_keys AS text[])
    ) AS given (article_id, lens, contract_version, text_key)
)
INSERT INTO completion (article_id, lens, contract_version, build, stream, readings,
                        prompt_tokens, completion_tokens, timings_ms, cpu_s, prompt_hash, left_out,
                        effort, postponed, text_key, read_as_article_id)
SELECT DISTINCT ON (wanted.article_id, wanted.lens)
    wanted.article_id, read.lens, read.contract_version, read.build, read.stream, read.readings,
    0, 0, '{}', 0, read.prompt_hash, read.left_out, read.effort, read.postponed, read.text_key,
    read.article_id
FROM wanted
JOIN completion AS read USING (text_key, lens, contract_version)
WHERE read.build = :build AND read.read_as_article_id IS NULL
    AND (read.article_id, read.lens) NOT IN (SELECT article_id, lens FROM wanted)
    AND array_position(CAST(:order AS text[]), read.effort)
        <= array_position(CAST(:order AS text[]), CAST(:least AS text))
ORDER BY wanted.article_id, wanted.lens, array_position(CAST(:order AS text[]), read.effort),
    read.id
ON CONFLICT (article_id, lens, contract_version, build) DO UPDATE
SET stream = excluded.stream, readings = excluded.readings, prompt_tokens = 0,
    completion_tokens = 0, timings_ms = '{}', cpu_s = 0, prompt_hash = excluded.prompt_hash,
    left_out = excluded.left_out, effort = excluded.effort, postponed = excluded.postponed,
    text_key = excluded.text_key, read_as_article_id = excluded.read_as_article_id,
    created_at = now()
"""


class Wanted(NamedTuple):
    """A completion that an article would be given, if its text was read before."""

    article_id: int
    lens: str
    contract_version: str
    text_key: str


class Copied(NamedTuple):
    """A completion that was copied."""

    completion_id: int
    effort: Effort


def copy_read(
    session: Session, wanted: Collection[Wanted], build: str, *, least: Effort
) -> dict[tuple[int, str], Copied]:
    """Give articles the completions of others of the same text that the build has read.

    `least` is the lowest effort with which they may have been read; the best is taken, and an
    article's own that is better stays. What is wanted anew is not copied from. Returns the copies
    by article and lens. A copy names the article that was read, and costs nothing.
    """
    if not wanted:
        return {}
    rows = execute(
        session,
        f"{_COPY} {_UNLESS_KNOWN_BETTER} RETURNING id, article_id, lens, effort",
        article_ids=[each.article_id for each in wanted],
        lenses=[each.lens for each in wanted],
        contract_versions=[each.contract_version for each in wanted],
        text_keys=[each.text_key for each in wanted],
        build=build,
        order=list(EFFORTS),
        least=least,
    )
    return {
        (article_id, lens): Copied(completion_id, Effort(effort))
        for completion_id, article_id, lens, effort in rows
    }


@dataclass(frozen=True)
class Savings:
    """What was not read again because the same text had been read before."""

    completions: int
    cpu_s: float
    """What reading them would have cost, as the first reading did."""


_SAVINGS = """
SELECT count(*), coalesce(sum(read.cpu_s), 0)
FROM completion AS copy
LEFT JOIN completion AS read
    ON (read.article_id, read.lens, read.contract_version, read.build)
     = (copy.read_as_article_id, copy.lens, copy.contract_version, copy.build)
WHERE copy.read_as_article_id IS NOT NULL
"""


def count_savings(session: Session) -> Savings:
    """Count the completions that were copied instead of read."""
    return Savings(*execute(session, _SAVINGS).one())


def _dump_readings(completion: Completion) -> dict[str, object]:
    return {name: reading.model_dump() for name, reading in completion.readings.items()}


_UNFINISHED = """
SELECT article_id, lens
FROM completion
WHERE effort <> 'full' AND (article_id, lens, contract_version, build) IN (
    SELECT * FROM unnest(
        CAST(:article_ids AS bigint[]), CAST(:lenses AS text[]), CAST(:contract_versions AS text[]),
        CAST(:builds AS text[])
    )
)
"""


def list_unfinished(
    session: Session, completions: Iterable[tuple[int, Completion]]
) -> list[tuple[int, str]]:
    """Give article and lens of those completions whose stored ones were not read in full."""
    degraded = [(key, each) for key, each in completions if each.effort is not Effort.FULL]
    if not degraded:
        return []
    rows = execute(
        session,
        _UNFINISHED,
        article_ids=[article_id for article_id, _ in degraded],
        lenses=[each.lens for _, each in degraded],
        contract_versions=[each.contract_version for _, each in degraded],
        builds=[each.build for _, each in degraded],
    )
    return [(article_id, lens) for article_id, lens in rows]


def load(session: Session, completion_ids: Collection[int]) -> list[StoredCompletion]:
    """Read completions, in the order of their ids; ids without a row are left out."""
    rows = session.scalars(
        select(tables.Completion)
        .where(tables.Completion.id.in_(completion_ids))
        .order_by(tables.Completion.id)
    )
    return [
        StoredCompletion(row.id, row.article_id, _read_completion(row), row.created_at)
        for row in rows
    ]


def _read_completion(row: tables.Completion) -> Completion:
    return Completion(
        lens=row.lens,
        contract_version=row.contract_version,
        build=row.build,
        stream=row.stream,
        readings={
            name: FieldReading.model_validate(reading) for name, reading in row.readings.items()
        },
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        timings_ms=row.timings_ms,
        cpu_s=row.cpu_s,
        prompt_hash=row.prompt_hash,
        left_out=tuple(row.left_out),
        effort=Effort(row.effort),
        postponed=tuple(row.postponed),
    )


_LATEST = """
SELECT DISTINCT ON (article_id, lens) id
FROM completion
WHERE CAST(:lens AS text) IS NULL OR lens = :lens
ORDER BY article_id, lens, created_at DESC, id DESC
"""


def list_latest(session: Session, lens: str | None = None) -> list[int]:
    """Give the ids of each article's last completion per lens: what history is rebuilt from."""
    return list(execute(session, _LATEST, lens=lens).scalars())
