"""What of an IMAP account is read, in which order, and what is remembered; on a mailbox of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from ingest.batches import Refused
from ingest.imap import FolderStatus
from ingest.imap_answers import ListedFolder
from ingest.imap_sync import FETCHED_MAILS, sync_imap
from ingest.mail import MAX_MAIL_BYTES
from ingest.mail_batches import Received
from schemas.errors import PermanentError, TransientError


@dataclass
class FakeMailbox:
    """Folders of mails by UID; what cannot be fetched is the error that says so."""

    folders: dict[str, dict[int, bytes | Exception]]
    flags: dict[str, frozenset[str]] = field(default_factory=dict)
    validity: int = 1
    sizes: dict[int, int] = field(default_factory=dict)
    fetched: list[list[int]] = field(default_factory=list)
    listed: int = 0

    def list_folders(self, pattern: str) -> list[ListedFolder]:
        head = pattern.partition("*")[0]
        names = [name for name in self.folders if name.startswith(head)]
        return [ListedFolder(name, self.flags.get(name, frozenset())) for name in names]

    def open_folder(self, name: str) -> FolderStatus:
        if name not in self.folders:
            raise PermanentError(f"h: the folder {name!r}: the server refuses: no such")
        self.opened = self.folders[name]
        return FolderStatus(self.validity, max(self.opened, default=0) + 1)

    def find_first(self, since: date) -> int | None:
        return min((uid for uid in self.opened if uid >= since.day), default=None)

    def list_new(self, after_uid: int) -> list[tuple[int, int]]:
        self.listed += 1
        return [(uid, self.sizes.get(uid, 9)) for uid in sorted(self.opened) if uid > after_uid]

    def fetch(self, uids: Sequence[int]) -> list[tuple[int, bytes]]:
        self.fetched.append(list(uids))
        mails = [(uid, self.opened[uid]) for uid in uids if uid not in GONE]
        for _, mail in mails:
            if isinstance(mail, Exception):
                raise mail
        return [(uid, mail) for uid, mail in mails if isinstance(mail, bytes)]


GONE = {66}
"""UIDs that are listed and cannot be fetched any more."""


def sync(
    mailbox: FakeMailbox, *folders: str, marks: dict[str, Any] | None = None
) -> list[Received]:
    return list(sync_imap(mailbox, folders or ("INBOX",), marks or {}))


def mails(*uids: int) -> dict[int, bytes | Exception]:
    return {uid: b"mail %d" % uid for uid in uids}


def places(received: list[Received]) -> list[str]:
    return [each.where for each in received]


def test_each_mail_carries_the_marks_to_go_on_from() -> None:
    mailbox = FakeMailbox({"INBOX": mails(3, 8), "News": mails(5)})
    received = sync(mailbox, "INBOX", "News")
    assert places(received) == ["INBOX, UID 3", "INBOX, UID 8", "News, UID 5"]
    assert received[0].marks == {"INBOX": {"uidvalidity": 1, "last_uid": 3}}
    assert places(sync(mailbox, "INBOX", "News", marks=dict(received[0].marks))) == [
        "INBOX, UID 8",
        "News, UID 5",
    ]
    mailbox.listed = 0
    assert sync(mailbox, "INBOX", "News", marks=dict(received[-1].marks)) == []
    assert mailbox.listed == 0, "UIDNEXT alone says that nothing is new"


def test_renumbered_folder_is_read_again_with_a_note() -> None:
    mailbox = FakeMailbox({"INBOX": mails(1, 2)})
    marks = dict(sync(mailbox)[-1].marks)
    mailbox.validity = 2
    note, *received = sync(mailbox, marks=marks)
    assert "renumbered" in note.note
    assert note.marks == {}
    assert places(received) == ["INBOX, UID 1", "INBOX, UID 2"]
    assert received[-1].marks["INBOX"] == {"uidvalidity": 2, "last_uid": 2}


def test_folder_is_first_read_from_a_day_on() -> None:
    mailbox = FakeMailbox({"INBOX": mails(3, 8, 9)})
    received = list(sync_imap(mailbox, ("INBOX",), {}, date(2026, 1, 8)))
    assert places(received) == ["INBOX, UID 8", "INBOX, UID 9"]
    assert list(sync_imap(mailbox, ("INBOX",), {}, date(2026, 1, 20))) == []
    marks = {"INBOX": {"uidvalidity": 1, "last_uid": 3}}
    assert len(list(sync_imap(mailbox, ("INBOX",), marks, date(2026, 1, 9)))) == 2


def test_mail_over_the_limit_is_refused_without_being_fetched() -> None:
    mailbox = FakeMailbox({"INBOX": mails(1, 2, 3)}, sizes={2: MAX_MAIL_BYTES + 1})
    received = sync(mailbox)
    assert isinstance(received[1].mail, Refused)
    assert "larger than 20,000,000 bytes" in received[1].mail.reason
    assert mailbox.fetched == [[1, 3]]
    assert received[-1].marks["INBOX"]["last_uid"] == 3


def test_mails_are_fetched_in_groups_of_a_bounded_number_and_size() -> None:
    mailbox = FakeMailbox({"INBOX": mails(*range(1, FETCHED_MAILS + 2))})
    sync(mailbox)
    assert [len(group) for group in mailbox.fetched] == [FETCHED_MAILS, 1]
    mailbox = FakeMailbox({"INBOX": mails(1, 2, 3)}, sizes={1: 3_000_000, 2: 3_000_000})
    sync(mailbox)
    assert mailbox.fetched == [[1], [2, 3]]


def test_mail_that_went_away_since_it_was_listed_holds_up_nothing() -> None:
    received = sync(FakeMailbox({"INBOX": mails(1, 66, 67)}))
    assert places(received) == ["INBOX, UID 1", "INBOX, UID 67"]


def test_mail_that_the_server_cannot_give_becomes_a_reason_and_the_others_come() -> None:
    broken = {**mails(1, 2, 3, 4, 5), 4: PermanentError("h: the server refuses: [SERVERBUG]")}
    received = sync(FakeMailbox({"INBOX": broken}))
    refused = received[3].mail
    assert refused == Refused(
        "INBOX, UID 4", "it cannot be fetched: h: the server refuses: [SERVERBUG]"
    )
    assert [isinstance(each.mail, bytes) for each in received] == [True, True, True, False, True]


def test_lost_connection_is_no_fault_of_a_mail() -> None:
    with pytest.raises(TransientError):
        sync(FakeMailbox({"INBOX": {1: TransientError("h: reset")}}))


def test_pattern_means_the_folders_that_hold_news() -> None:
    flags = {"Lists/Trash": frozenset({"\\trash"}), "Lists": frozenset({"\\noselect"})}
    folders = {"Lists": mails(), "Lists/b": mails(2), "Lists/a": mails(1), "Lists/Trash": mails(3)}
    mailbox = FakeMailbox(folders, flags)
    assert places(sync(mailbox, "Lists*", "Lists/a")) == ["Lists/a, UID 1", "Lists/b, UID 2"]
    assert places(sync(mailbox, "Lists/Trash")) == ["Lists/Trash, UID 3"]
    with pytest.raises(PermanentError, match="no folder is named 'X"):
        sync(mailbox, "X/*")


def test_missing_folder_is_told_once_the_others_are_read() -> None:
    received = sync_imap(FakeMailbox({"INBOX": mails(1)}), ("Gone", "INBOX"), {})
    assert next(received).where == "INBOX, UID 1"
    with pytest.raises(PermanentError, match="'Gone'"):
        next(received)
