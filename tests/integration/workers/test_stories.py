"""Stories through the tasks: told twice, read once, and all of it can be switched off."""

from __future__ import annotations

import json
from pathlib import Path

from schemas.settings import Settings
from store import sources, work
from store.completions import count_savings
from store.database import Database
from tests.integration.workers.corpus import count
from workers.inference import analyse
from workers.ingest import poll_source
from workers.mill import Mill, use_mill
from workers.prefilter import screen
from workers.queues import INGEST
from workers.reconstruct import rebuild
from workers.tick import sweep

TEXT = (
    "The council of Veldmark voted on Monday to close the old ferry line across the bay. Members "
    "of both parties praised the plan, which saves two million euros a year, while owners of "
    "shops near the quay fear for their trade. The last boat leaves in March, the mayor said."
)
TITLE = "Veldmark parliament closes ferry line"


def add(database: Database, path: Path, title: str, text: str = TEXT, **settings: bool) -> None:
    """Poll a corpus of one article, as the worker does."""
    path.write_text(json.dumps({"title": title, "text": text}) + "\n")
    with database.begin() as session:
        source_id = sources.upsert(
            session, kind="jsonl", location=str(path), settings=dict(settings)
        )
        work.enqueue(session, INGEST, [source_id])
    poll_source.run(source_id)


def read_all() -> None:
    screen.run([])
    analyse.run([])
    rebuild.run([])


def count_copies(database: Database) -> int:
    return count(database, "SELECT count(*) FROM completion WHERE read_as_article_id IS NOT NULL")


def test_text_told_again_later_is_not_read_again(
    mill: Mill, database: Database, tmp_path: Path
) -> None:
    add(database, tmp_path / "a.jsonl", TITLE)
    read_all()
    add(database, tmp_path / "b.jsonl", f"{TITLE} | The Harbour Post")
    add(database, tmp_path / "c.jsonl", TITLE, TEXT.replace("two million", "3 million"))
    read_all()
    assert count(database, "SELECT count(*) FROM work") == 0
    assert count(database, "SELECT count(*) FROM completion") == 3
    assert count(database, "SELECT count(*) FROM analysis") == 3
    assert count_copies(database) == 1
    assert count(database, "SELECT count(*) FROM story WHERE articles = 3") == 1
    assert count(database, "SELECT count(DISTINCT stream) FROM completion") <= 2
    with database.begin() as session:
        saved = count_savings(session)
    assert saved.completions == 1
    assert saved.cpu_s > 0


def test_texts_that_wait_together_are_read_once(
    mill: Mill, database: Database, tmp_path: Path
) -> None:
    for number, outlet in enumerate(("", " | The Post", " | The Courier", " - The Wire")):
        add(database, tmp_path / f"{number}.jsonl", TITLE + outlet)
    read_all()
    assert count(database, "SELECT count(*) FROM work") == 0
    assert count(database, "SELECT count(*) FROM analysis") == 4
    assert count_copies(database) == 3


def test_reading_once_can_be_switched_off(
    settings: Settings, mill: Mill, database: Database, tmp_path: Path
) -> None:
    off = settings.inference.model_copy(update={"read_once": False})
    own = Mill(settings.model_copy(update={"inference": off}))
    use_mill(own)
    add(database, tmp_path / "a.jsonl", TITLE)
    add(database, tmp_path / "b.jsonl", f"{TITLE} | The Post")
    read_all()
    own.close()
    assert count(database, "SELECT count(*) FROM completion") == 2
    assert count_copies(database) == 0
    assert count(database, "SELECT count(*) FROM story") == 1


def test_source_without_stories_is_compared_with_none_but_read_once(
    mill: Mill, database: Database, tmp_path: Path
) -> None:
    add(database, tmp_path / "a.jsonl", TITLE)
    add(database, tmp_path / "b.jsonl", f"{TITLE} | The Post", stories=False)
    read_all()
    assert count(database, "SELECT count(*) FROM completion") == 2
    assert count_copies(database) == 1
    assert count(database, "SELECT count(*) FROM signature") == 1
    assert count(database, "SELECT count(*) FROM story") == 0


def test_tick_thins_old_signatures(mill: Mill, database: Database, tmp_path: Path) -> None:
    add(database, tmp_path / "a.jsonl", TITLE)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE signature SET created_at = now() - interval '9 days'")
    sweep.run()
    assert count(database, "SELECT count(*) FROM signature") == 0
    assert count(database, "SELECT count(*) FROM band") == 0
