"""The Celery application with faults plugged into the thick functions that its tasks call.

Workers of the tests are started with `-A tests.integration.workers.plug`; see `faults.py`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from inference.analyst import Analyst
from inference.builds import Build
from ingest.screening import Screener
from tests.integration.workers.faults import VARIABLE
from workers import polling, rebuilding
from workers.app import app

__all__ = ["app"]


def meet_faults(stage: str, text: str) -> None:
    """Be slow, raise or die, as the file has it for this stage and text."""
    faults = json.loads(Path(os.environ[VARIABLE]).read_text())
    time.sleep(faults.get("slow_s", {}).get(stage, 0))
    if (word := faults.get("deadly", {}).get(stage)) and word in text:
        os._exit(9)
    if (word := faults.get("faulty", {}).get(stage)) and word in text:
        raise KeyError(word)


def plug(owner: Any, name: str, replacement: Any) -> None:
    setattr(owner, name, replacement(getattr(owner, name)))


def slow_reading(read_source: Any) -> Any:
    def read(*arguments: Any, **options: Any) -> Any:
        outcome = read_source(*arguments, **options)
        return replace(outcome, batches=watched(outcome.batches))

    def watched(batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            meet_faults("ingest", " ".join(draft.text for draft in batch.drafts))
            yield batch

    return read


def slow_screening(screen: Any) -> Any:
    def slow(self: Screener, article: Any, *arguments: Any) -> Any:
        meet_faults("prefilter", article.text)
        return screen(self, article, *arguments)

    return slow


def slow_analysis(analyse: Any) -> Any:
    def slow(self: Analyst, requests: Any, *others: Any) -> Any:
        return analyse(self, watched(requests), *others)

    def watched(requests: Any) -> Any:
        for request in requests:
            meet_faults("inference", request.text)
            yield request

    return slow


def deadly_opening(open_: Any) -> Any:
    def open_analyst(self: Analyst, build: Build, *arguments: Any, **options: Any) -> None:
        meet_faults("opening", build.name)
        open_(self, build, *arguments, **options)

    return open_analyst


def slow_rebuild(rebuild: Any) -> Any:
    def slow(completion: Any, lens: Any, context: Any) -> Any:
        meet_faults("reconstruct", context.article_text)
        return rebuild(completion, lens, context)

    return slow


plug(polling, "read_source", slow_reading)
plug(Screener, "screen", slow_screening)
plug(Analyst, "__init__", deadly_opening)
plug(Analyst, "analyse", slow_analysis)
plug(rebuilding, "rebuild", slow_rebuild)
