"""Work that waits, builds to be made live, and a worker that looks for them all the time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inference.builds import Build
from inference.hashing import hash_file
from schemas.settings import Settings
from store.database import Database
from tests.integration.workers.corpus import add_source, assert_whole, write_corpus
from tests.integration.workers.live.deployments import ARTICLES, Make
from workers import live
from workers.ingest import poll_source
from workers.mill import Mill
from workers.prefilter import screen
from workers.reconstruct import rebuild


@pytest.fixture
def make(settings: Settings, starter_build: Build) -> Make:
    """Makes builds below the home: the starter under another name, or something worse."""

    def make_one(name: str, content: bytes | None = None, **changes: Any) -> Path:
        folder = settings.home / "models" / name
        folder.mkdir(parents=True)
        if content is None:
            shutil.copy(starter_build.model_path, folder / "model.gguf")
        else:
            (folder / "model.gguf").write_bytes(content)
        manifest = json.loads((starter_build.folder / "build.json").read_text())
        manifest |= {"name": name, "sha256": hash_file(folder / "model.gguf"), **changes}
        (folder / "build.json").write_text(json.dumps(manifest))
        return folder

    return make_one


@pytest.fixture
def waiting(mill: Mill, database: Database, tmp_path: Path) -> None:
    """Articles that wait for inference."""
    poll_source.run(add_source(database, write_corpus(tmp_path / "corpus.jsonl", ARTICLES)))
    screen.run([])


@pytest.fixture(autouse=True)
def _always_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_EVERY_S", 0.0)


@pytest.fixture
def finish(database: Database) -> Iterator[None]:
    """Every article was read once, whatever happened."""
    yield
    rebuild.run([])
    assert_whole(database, ARTICLES)
