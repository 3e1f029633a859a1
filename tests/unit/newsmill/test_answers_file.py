from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingest.batches import Refused
from newsmill.answers_file import AnswersFile
from newsmill.ingest_report import RefusedItems
from newsmill.output_files import check_output, writing_to
from schemas.errors import ConfigError, TransientError


def answer(number: int) -> dict[str, object]:
    return {"id": f"a{number}", "lens": "press", "values": {"title": "Zürich|||\n"}}


def test_answers_are_one_line_each(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.jsonl"
    with AnswersFile(path) as answers:
        assert answers.done == set()
        answers.add(answer(1))
        answers.add(answer(2))
        assert len(path.read_bytes().splitlines()) == 2, "nothing waits in a buffer"
    assert [json.loads(line) for line in path.read_bytes().splitlines()] == [answer(1), answer(2)]


@pytest.mark.parametrize(
    ("place", "reason"), [("file/out", "Not a directory"), ("", "Is a directory")]
)
def test_place_where_no_file_can_be_is_told_alike_by_all_that_write(
    tmp_path: Path, place: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / place
    told = f"^{path}: cannot be written: {reason}$"
    for output in (AnswersFile(path), RefusedItems(path)):
        with pytest.raises(ConfigError, match=told), output:
            pass
    with pytest.raises(ConfigError, match=told):
        check_output(path)


def test_full_disk_is_no_fault_of_the_place() -> None:
    full = Path("/dev/full")
    told = r"^/dev/full: cannot be written: No space left"
    with pytest.raises(TransientError, match=told), writing_to(full):
        full.write_text("more")


def test_folders_of_a_file_are_made_by_all_that_write(tmp_path: Path) -> None:
    path = tmp_path / "new" / "refused.jsonl"
    with RefusedItems(path) as items:
        items.note(1, [Refused("line 1", "it is empty")])
    assert "it is empty" in path.read_text()


def test_full_disk_under_the_refused_items_is_told_at_the_end_and_fails_no_poll() -> None:
    with RefusedItems(Path("/dev/full")) as items:
        items.note(1, [Refused("line 1", "it is empty")])
        items.note(1, [Refused("line 2", "it is empty")])
        with pytest.raises(TransientError, match=r"^/dev/full: not all .*: No space left"):
            items.tell([], [])


def test_file_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    for number in (1, 2):
        with AnswersFile(path) as answers:
            answers.add(answer(number))
    with AnswersFile(path) as answers:
        assert answers.done == {("a1", "press"), ("a2", "press")}


@pytest.mark.parametrize("kept", range(1, 30, 7))
def test_line_that_was_cut_off_is_written_anew(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "out.jsonl"
    with AnswersFile(path) as answers:
        answers.add(answer(1))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:kept])
    with AnswersFile(path) as answers:
        assert answers.done == {("a1", "press")}
        answers.add(answer(2))
    assert [json.loads(line)["id"] for line in path.read_bytes().splitlines()] == ["a1", "a2"]


@pytest.mark.parametrize(
    "line",
    ["hello\n", "[]\n", '{"id": 1}\n', "3\n", "precious", '{"id":"a1","title":"x"}', '{"title":"x'],
)
def test_file_of_something_else_is_not_touched(tmp_path: Path, line: str) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text(line)
    with pytest.raises(ConfigError, match=r"out\.jsonl:1: is no answer"), AnswersFile(path):
        pass
    assert path.read_text() == line


def test_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"), AnswersFile(tmp_path):
        pass


def test_full_disk_is_told_and_a_device_is_not_read(tmp_path: Path) -> None:
    full = tmp_path / "full.jsonl"
    full.symlink_to("/dev/full")
    with pytest.raises(TransientError, match="No space left"), AnswersFile(full) as answers:
        answers.add(answer(1))
