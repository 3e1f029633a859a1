import os
from pathlib import Path

import pytest

from inference import hashing
from inference.hashing import hash_file, recall_hash


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read in full."""
    seen: list[Path] = []

    def count(path: Path) -> str:
        seen.append(path)
        return hash_file(path)

    monkeypatch.setattr(hashing, "hash_file", count)
    return seen


def test_file_that_stays_the_same_is_read_once(tmp_path: Path, hashed: list[Path]) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"weights")
    answers = {recall_hash(model, tmp_path) for _ in range(3)}
    assert answers == {hash_file(model)}
    assert len(hashed) == 1


def test_file_that_changed_is_read_again_also_when_its_size_is_the_same(
    tmp_path: Path, hashed: list[Path]
) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"weights")
    before = recall_hash(model, tmp_path)
    model.write_bytes(b"WEIGHTS")
    os.utime(model, ns=(0, model.stat().st_mtime_ns + 1))
    assert recall_hash(model, tmp_path) == hash_file(model) != before
    assert len(hashed) == 2


def test_file_put_in_the_place_of_another_is_read_again(tmp_path: Path, hashed: list[Path]) -> None:
    model, other = tmp_path / "model.gguf", tmp_path / "other"
    for path, content in ((model, b"weights"), (other, b"WEIGHTS")):
        path.write_bytes(content)
        os.utime(path, ns=(0, 0))
    recall_hash(model, tmp_path)
    other.replace(model)
    assert recall_hash(model, tmp_path) == hash_file(model)
    assert len(hashed) == 2


def test_note_that_cannot_be_read_or_written_costs_time_only(
    tmp_path: Path, hashed: list[Path]
) -> None:
    model, home = tmp_path / "model.gguf", tmp_path / "home"
    home.mkdir()
    model.write_bytes(b"weights")
    recall_hash(model, home)
    (note,) = (home / hashing.FOLDER).iterdir()
    note.write_text("{")
    assert recall_hash(model, home) == hash_file(model)
    occupied = tmp_path / "file"
    occupied.write_text("no folder")
    assert recall_hash(model, occupied) == hash_file(model)
    assert len(hashed) == 3
