"""Completions: the streams as the model gave them, kept before anybody reads them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas import tables
from schemas.completions import Completion, FieldReading
from schemas.effort import EFFORTS, Effort
from store.clean import clean_text, to_json
from store.statements import execute


@dataclass(frozen=True)
class StoredCompletion:
    """What reconstruction needs of a completion."""

    completion_id: int
    article_id: int
    completion: Completion


_SAVE = """
INSERT INTO completion (article_id, lens, contract_version, build, stream, readings,
                        prompt_tokens, completion_tokens, timings_ms, cpu_s, prompt_hash, left_out,
                        effort, postponed)
SELECT article_id, lens, contract_version, build, stream, CAST(readings AS jsonb),
       prompt_tokens, completion_tokens, CAST(timings_ms AS jsonb), cpu_s, prompt_hash,
       ARRAY(SELECT jsonb_array_elements_text(CAST(left_out AS jsonb))), effort,
       ARRAY(SELECT jsonb_array_elements_text(CAST(postponed AS jsonb)))
FROM unnest(
    CAST(:article_ids AS bigint[]), CAST(:lenses AS text[]), CAST(:contract_versions AS text[]),
    CAST(:builds AS text[]), CAST(:streams AS text[]), CAST(:readings AS text[]),
    CAST(:prompt_tokens AS int[]), CAST(:completion_tokens AS int[]),
    CAST(:timings_ms AS text[]), CAST(:cpu_s AS float[]), CAST(:prompt_hashes AS text[]),
    CAST(:left_out AS text[]), CAST(:efforts AS text[]), CAST(:postponed AS text[])
) AS given (article_id, lens, contract_version, build, stream, readings, prompt_tokens,
            completion_tokens, timings_ms, cpu_s, prompt_hash, left_out, effort, postponed)
ON CONFLICT (article_id, lens, contract_version, build) DO UPDATE
SET stream = excluded.stream, readings = excluded.readings,
    prompt_tokens = excluded.prompt_tokens, completion_tokens = excluded.completion_tokens,
    timings_ms = excluded.timings_ms, cpu_s = excluded.cpu_s,
    prompt_hash = excluded.prompt_hash, left_out = excluded.left_out, effort = excluded.effort,
    postponed = excluded.postponed, created_at = now()
WHERE array_position(CAST(:order AS text[]), excluded.effort)
    <= array_position(CAST(:order AS text[]), completion.effort)
RETURNING id
"""


def save(session: Session, completions: Iterable[tuple[int, Completion]]) -> list[int]:
    """Store completions, each with its article's id; returns their ids, in no special order.

    What the same build answered before about the same article and contract is replaced, unless
    it was read with more effort: then that stays, and its id is not among those returned.
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
        _SAVE,
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
        order=list(EFFORTS),
    )
    return list(saved.scalars())


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
    return [StoredCompletion(row.id, row.article_id, _read_completion(row)) for row in rows]


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
