"""Golden pairs: an input of outside bytes beside the JSON of what must become of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingest.batches import Refused
from schemas.articles import ArticleDraft
from tests.paths import DATA

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)


def inputs(folder: str, pattern: str) -> list[Path]:
    found = sorted((DATA / folder).glob(pattern))
    assert found, f"no golden inputs in {folder}"
    return found


def expected(path: Path) -> Any:
    return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def dump(outcome: ArticleDraft | Refused) -> dict[str, Any]:
    if isinstance(outcome, Refused):
        return {"where": outcome.where, "reason": outcome.reason}
    # The address key follows from the address: test_addresses.py.
    return outcome.model_dump(mode="json", exclude={"address_key"})
