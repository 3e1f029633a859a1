"""Mailboxes: splitting mbox files, listing folders, positions to read on from."""

from __future__ import annotations

import io
import os
from pathlib import Path

from ingest.batches import Item, Refused, place_items
from ingest.mailboxes import read_mail_folder, read_mbox
from schemas.articles import ArticleDraft
from tests.unit.ingest.golden import NOW

MBOX = b"""From a@a.example Thu Nov  5 10:00:00 2026
Subject: one

first
From here on it is still the first
>From the quoted line

From b@b.example Thu Nov  5 11:00:00 2026
Subject: two

second
"""


def read(data: bytes, position: int = 0) -> list[Item]:
    return list(read_mbox(io.BytesIO(data), position, NOW))


def titles(items: list[Item]) -> list[str]:
    return [item.outcome.title for item in items if isinstance(item.outcome, ArticleDraft)]


def add_mail(folder: Path, name: str, subject: str) -> Path:
    path = folder / name
    path.write_text(f"From: a@a.example\nSubject: {subject}\n\nbody of {subject}\n")
    return path


def test_mbox_is_split_at_separators_and_nowhere_else() -> None:
    first, second = read(MBOX)
    assert titles([first, second]) == ["one", "two"]
    assert isinstance(first.outcome, ArticleDraft)
    assert first.outcome.text.endswith("From here on it is still the first\nFrom the quoted line")


def test_grown_mbox_is_read_on_from_its_position() -> None:
    items = read(MBOX)
    assert titles(read(MBOX, items[0].position)) == ["two"]
    assert read(MBOX, items[1].position) == []
    grown = MBOX + b"\nFrom c@c.example Thu Nov  5 12:00:00 2026\nSubject: three\n\nthird\n"
    assert titles(read(grown, items[1].position)) == ["three"]


def test_file_without_separator_is_one_mail() -> None:
    assert titles(read(b"Subject: alone\n\nbody\n")) == ["alone"]


def test_bytes_that_are_no_mbox_are_refused() -> None:
    (item,) = read(b"\x00\x01nothing")
    assert isinstance(item.outcome, Refused)
    assert item.outcome.where == "mail at byte 0"


def test_folder_gives_every_mail_and_then_only_new_ones(tmp_path: Path) -> None:
    add_mail(tmp_path, "z.eml", "old")
    (tmp_path / "notes.txt").write_text("no mail")
    items = list(read_mail_folder(tmp_path, 0, NOW))
    assert titles(items) == ["old"]
    later = items[-1].position + 1
    assert list(read_mail_folder(tmp_path, later, NOW)) == []


def test_mail_that_arrives_with_an_old_name_and_an_old_time_is_found(tmp_path: Path) -> None:
    add_mail(tmp_path, "m.eml", "first")
    position = list(read_mail_folder(tmp_path, 0, NOW))[-1].position
    late = add_mail(tmp_path, "a.eml", "late")
    os.utime(late, (0, 0))
    assert "late" in titles(list(read_mail_folder(tmp_path, position, NOW)))


def test_maildir_is_read_from_new_and_cur(tmp_path: Path) -> None:
    for name in ("cur", "new", "tmp"):
        (tmp_path / name).mkdir()
        add_mail(tmp_path / name, "1.host", name)
    assert sorted(titles(list(read_mail_folder(tmp_path, 0, NOW)))) == ["cur", "new"]


def test_mail_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop.eml").symlink_to(tmp_path / "loop.eml")
    add_mail(tmp_path, "a.eml", "good")
    assert titles(list(read_mail_folder(tmp_path, 0, NOW))) == ["good"]


def test_only_the_last_item_of_a_mail_moves_the_position_past_it() -> None:
    reasons = [Refused("mail", str(n)) for n in range(3)]
    assert [item.position for item in place_items(reasons, 10, 90)] == [10, 10, 90]
