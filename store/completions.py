"""Completions: the streams as the model gave them, kept before anybody reads them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from schemas import tables
from schemas.completions import Completion, FieldReading
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
                        prompt_tokens, completion_tokens, timings_ms, cpu_s, prompt_hash, left_out)
SELECT article_id, lens, contract_version, build, stream, CAST(readings AS jsonb),
       prompt_tokens, completion_tokens, CAST(timings_ms AS jsonb), cpu_s, prompt_hash,
       ARRAY(SELECT jsonb_array_elements_text(CAST(left_out AS jsonb)))
FROM unnest(
    CAST(:article_ids AS bigint[]), CAST(:lenses AS text[]), CAST(:contract_versions AS text[]),
    CAST(:builds AS text[]), CAST(:streams AS text[]), CAST(:readings AS text[]),
    CAST(:prompt_tokens AS int[]), CAST(:completion_tokens AS int[]),
    CAST(:timings_ms AS text[]), CAST(:cpu_s AS float[]), CAST(:prompt_hashes AS text[]),
    CAST(:left_out AS text[])
) AS given (article_id, lens, contract_version, build, stream, readings, prompt_tokens,
            completion_tokens, timings_ms, cpu_s, prompt_hash, left_out)
ON CONFLICT (article_id, lens, contract_version, build) DO UPDATE
SET stream = excluded.stream, readings = excluded.readings,
    prompt_tokens = excluded.prompt_tokens, completion_tokens = excluded.completion_tokens,
    timings_ms = excluded.timings_ms, cpu_s = excluded.cpu_s,
    prompt_hash = excluded.prompt_hash, left_out = excluded.left_out, read_as_article_id = NULL,
    created_at = now()
RETURNING id
"""


def save(session: Session, completions: Iterable[tuple[int, Completion]]) -> list[int]:
    """Store completions, each with its article's id; returns their ids, in no special order.

    What the same build answered before about the same article and contract is replaced.
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
    )
    return list(saved.scalars())


_COPY = """
INSERT INTO completion (article_id, lens, contract_version, build, stream, readings,
                        prompt_tokens, completion_tokens, timings_ms, cpu_s, prompt_hash, left_out,
                        read_as_article_id)
SELECT DISTINCT ON (mine.article_id, read.lens)
    mine.article_id, read.lens, read.contract_version, read.build, read.stream, read.readings,
    0, 0, '{}', 0, read.prompt_hash, read.left_out, read.article_id
FROM unnest(CAST(:article_ids AS bigint[]), CAST(:lenses AS text[]),
            CAST(:contract_versions AS text[])) AS wanted (article_id, lens, contract_version)
JOIN signature AS mine ON mine.article_id = wanted.article_id
JOIN signature AS twin ON twin.text_key = mine.text_key AND twin.article_id <> mine.article_id
JOIN completion AS read
    ON read.article_id = twin.article_id AND read.lens = wanted.lens
    AND read.contract_version = wanted.contract_version AND read.build = :build
WHERE read.read_as_article_id IS NULL
ORDER BY mine.article_id, read.lens, read.id
ON CONFLICT (article_id, lens, contract_version, build) DO UPDATE
SET stream = excluded.stream, readings = excluded.readings, prompt_tokens = 0,
    completion_tokens = 0, timings_ms = '{}', cpu_s = 0, prompt_hash = excluded.prompt_hash,
    left_out = excluded.left_out, read_as_article_id = excluded.read_as_article_id,
    created_at = now()
RETURNING id, article_id, lens
"""


def copy_from_twins(
    session: Session, wanted: Collection[tuple[int, str, str]], build: str
) -> dict[tuple[int, str], int]:
    """Give articles the completions of others whose title and text agree, where the build has any.

    `wanted` are article ids with lens and contract version. Returns the ids of the copies by
    article and lens. A copy names the article that was read, and costs nothing.
    """
    if not wanted:
        return {}
    rows = execute(
        session,
        _COPY,
        article_ids=[article_id for article_id, _, _ in wanted],
        lenses=[lens for _, lens, _ in wanted],
        contract_versions=[version for _, _, version in wanted],
        build=build,
    )
    return {(article_id, lens): completion_id for completion_id, article_id, lens in rows}


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
