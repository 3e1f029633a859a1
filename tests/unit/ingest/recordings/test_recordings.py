"""A recording on disk: whatever kills the writer, what was written before is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from ingest.recordings.reading import open_recording
from ingest.recordings.visits import Exchange, PolledSource, RecordedMail, Visit
from ingest.recordings.writing import RecordingWriter, prepare_recording
from schemas.errors import ConfigError, PermanentError

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
SOURCE = PolledSource(source_id=7, kind="feed", location="https://a.example/feed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "recording"
    prepare_recording(folder, NOON)
    return folder


def make_visit(minute: int) -> Visit:
    exchange = Exchange(url="https://a.example/feed", status=304, is_whole=False)
    return Visit(at=NOON + timedelta(minutes=minute), source=SOURCE, exchanges=(exchange,))


def write(folder: Path, *minutes: int) -> Path:
    """Let a process of its own write visits; returns its file."""
    before = set((folder / "visits").iterdir())
    writer = RecordingWriter(folder)
    for minute in minutes:
        writer.write(make_visit(minute))
    (path,) = set((folder / "visits").iterdir()) - before
    return path


def test_visits_of_several_processes_come_in_the_order_of_their_time(folder: Path) -> None:
    write(folder, 0, 3, 4)
    write(folder, 1, 2, 5)
    recording = open_recording(folder)
    assert list(recording.read()) == [make_visit(minute) for minute in range(6)]
    assert recording.count() == 6
    assert recording.faults == []


def test_torn_last_line_is_told_and_nothing_before_it_is_lost(folder: Path) -> None:
    path = write(folder, 0, 1, 2)
    path.write_bytes(path.read_bytes()[:-5])
    recording = open_recording(folder)
    assert list(recording.read()) == [make_visit(0), make_visit(1)]
    assert recording.faults == [f"{path.name}: its last line is torn; it was passed over"]


def test_damaged_line_ends_its_file_and_no_other(folder: Path) -> None:
    path = write(folder, 0, 2)
    write(folder, 1)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"not gzip" + path.read_bytes())
    recording = open_recording(folder)
    assert list(recording.read()) == [make_visit(minute) for minute in range(3)]
    assert len(recording.faults) == 1
    assert "is damaged" in recording.faults[0], size


@settings(max_examples=50)
@given(st.binary(max_size=60))
def test_any_bytes_behind_a_line_leave_that_line_whole(
    tmp_path_factory: pytest.TempPathFactory, rest: bytes
) -> None:
    folder = tmp_path_factory.mktemp("any") / "recording"
    prepare_recording(folder, NOON)
    path = write(folder, 0)
    path.write_bytes(path.read_bytes() + rest)
    assert next(open_recording(folder).read()) == make_visit(0)


def test_mails_of_one_poll_are_one_visit_also_when_its_end_is_missing(folder: Path) -> None:
    writer = RecordingWriter(folder)
    for poll in range(2):
        visit = Visit(at=NOON + timedelta(hours=poll), source=SOURCE, goes_on=True)
        for number in range(3):
            mail = RecordedMail(where=f"UID {number}", marks={"INBOX": number})
            writer.write(visit.model_copy(update={"mails": (mail,)}))
        if poll == 0:
            writer.write(visit.model_copy(update={"goes_on": False}))
    ended, unended = open_recording(folder).read()
    assert [mail.where for mail in ended.mails] == ["UID 0", "UID 1", "UID 2"]
    assert ended.mails[2].marks == {"INBOX": 2}
    assert (ended.goes_on, unended.goes_on) == (False, True)
    assert unended.mails == ended.mails


def test_body_is_kept_once_and_given_back_as_it_was(folder: Path) -> None:
    name, written = RecordingWriter(folder).keep(b"<rss/>" * 100)
    assert RecordingWriter(folder).keep(b"<rss/>" * 100) == (name, 0)
    assert 0 < written < 600
    assert open_recording(folder).bodies.load(name) == b"<rss/>" * 100


def test_body_that_is_missing_or_damaged_is_a_reason(folder: Path) -> None:
    name, _ = RecordingWriter(folder).keep(b"a body")
    bodies = open_recording(folder).bodies
    (path,) = (folder / "bodies").rglob("*.gz")
    path.write_bytes(b"something else")
    with pytest.raises(PermanentError, match="lacks the body"):
        bodies.load(name)
    with pytest.raises(PermanentError, match="lacks the body"):
        bodies.load("0" * 64)


def test_recording_is_for_its_owner_alone(folder: Path) -> None:
    path = write(folder, 0)
    assert folder.stat().st_mode & 0o077 == 0
    assert path.stat().st_mode & 0o077 == 0


def test_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(ConfigError, match="is no recording and not empty"):
        prepare_recording(tmp_path, NOON)
    with pytest.raises(ConfigError, match="is no recording"):
        open_recording(tmp_path)


def test_recording_is_gone_on_with(folder: Path) -> None:
    write(folder, 0)
    prepare_recording(folder, NOON + timedelta(days=1))
    write(folder, 1)
    assert open_recording(folder).head.since == NOON
    assert open_recording(folder).count() == 2


def test_recording_of_a_later_version_is_refused(folder: Path) -> None:
    (folder / "recording.json").write_text('{"format": 2, "since": "2027-01-01T00:00:00Z"}')
    with pytest.raises(ConfigError, match="not that of a recording of this version"):
        open_recording(folder)
