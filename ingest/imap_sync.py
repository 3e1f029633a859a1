"""What is new in the folders of an IMAP account, oldest first; decides, and asks the client.

A folder's mark is its UIDVALIDITY and the last UID read. If the server gave it another
UIDVALIDITY, the old UIDs mean nothing and all is read again: who an article is, is decided by
its content, so that a mail that comes twice makes no second one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from ingest.batches import Refused
from ingest.imap import FolderStatus
from ingest.imap_answers import ListedFolder
from ingest.mail import MAX_MAIL_BYTES
from ingest.mail_batches import Received, too_large
from schemas.errors import PermanentError

FETCHED_MAILS = 50
FETCHED_BYTES = 4_000_000
"""Of one FETCH: enough that a distant server is not waited for at each mail."""
PASSED_OVER = frozenset({"\\noselect", "\\nonexistent", "\\trash", "\\junk", "\\drafts", "\\sent"})
"""Flags of folders that a pattern does not mean; by its full name any folder can be read."""


class Mailbox(Protocol):
    """What is asked of the client: `ingest.imap.ImapClient`, or a fake of it."""

    def list_folders(self, pattern: str) -> list[ListedFolder]: ...

    def open_folder(self, name: str) -> FolderStatus: ...

    def find_first(self, since: date) -> int | None: ...

    def list_new(self, after_uid: int) -> list[tuple[int, int]]: ...

    def fetch(self, uids: Sequence[int]) -> list[tuple[int, bytes]]: ...


def sync_imap(
    mailbox: Mailbox,
    folders: Sequence[str],
    marks: Mapping[str, Any],
    since: date | None = None,
) -> Iterator[Received]:
    """Give the mails after the marks, folder by folder; marks are `{folder: {…}}`.

    A folder without a mark is read from the first mail on that came on the day `since`.
    A folder that cannot be opened is an error, raised once the others have been read.
    """
    kept = dict(marks)
    failed: PermanentError | None = None
    for name in _expand(mailbox, folders):
        try:
            status = mailbox.open_folder(name)
        except PermanentError as error:
            failed = failed or error
            continue
        mark = kept.get(name, {})
        is_same = mark.get("uidvalidity") == status.uidvalidity
        if mark and not is_same:
            note = f"{name}: the server renumbered this folder (UIDVALIDITY); it is read again"
            kept.pop(name)
            yield Received(name, None, dict(kept), note)
        last_uid = mark["last_uid"] if is_same else _start(mailbox, status, since)
        for where, uid, mail in _read_new(mailbox, name, status, last_uid):
            kept[name] = {"uidvalidity": status.uidvalidity, "last_uid": uid}
            yield Received(where, mail, dict(kept))
    if failed:
        raise failed


def _expand(mailbox: Mailbox, folders: Sequence[str]) -> list[str]:
    names: dict[str, None] = {}
    for folder in folders:
        if "*" not in folder:
            names[folder] = None
            continue
        found = [each.name for each in mailbox.list_folders(folder) if not each.flags & PASSED_OVER]
        names |= dict.fromkeys(sorted(found))
    if not names:
        raise PermanentError(f"no folder is named {', '.join(map(repr, folders))}")
    return list(names)


def _start(mailbox: Mailbox, status: FolderStatus, since: date | None) -> int:
    """Give the UID after which an unknown folder is read."""
    if since is None:
        return 0
    first = mailbox.find_first(since) or status.uidnext or 1
    return first - 1


def _read_new(
    mailbox: Mailbox, name: str, status: FolderStatus, last_uid: int
) -> Iterator[tuple[str, int, bytes | Refused]]:
    if status.uidnext is not None and status.uidnext <= last_uid + 1:
        return
    for group in _group(mailbox.list_new(last_uid)):
        mails = _fetch(mailbox, name, [uid for uid, size in group if size <= MAX_MAIL_BYTES])
        for uid, size in group:
            where = f"{name}, UID {uid}"
            if size > MAX_MAIL_BYTES:
                yield where, uid, too_large(where, size)
            elif uid in mails:  # Else it was deleted in this moment, by its owner.
                yield where, uid, mails[uid]


def _fetch(mailbox: Mailbox, name: str, uids: Sequence[int]) -> dict[int, bytes | Refused]:
    """Fetch mails; one that the server cannot give becomes a reason, and holds up no other."""
    if not uids:
        return {}
    try:
        return dict(mailbox.fetch(uids))
    except PermanentError as error:
        if len(uids) == 1:
            return {uids[0]: Refused(f"{name}, UID {uids[0]}", f"it cannot be fetched: {error}")}
    middle = len(uids) // 2
    return _fetch(mailbox, name, uids[:middle]) | _fetch(mailbox, name, uids[middle:])


def _group(sizes: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Part the messages into what one FETCH brings; those too large weigh nothing."""
    group: list[tuple[int, int]] = []
    weight = 0
    for uid, size in sizes:
        load = size if size <= MAX_MAIL_BYTES else 0
        if group and (len(group) >= FETCHED_MAILS or weight + load > FETCHED_BYTES):
            yield group
            group, weight = [], 0
        group.append((uid, size))
        weight += load
    if group:
        yield group
