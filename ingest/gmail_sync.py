"""What is new in a Gmail account, oldest first; decides, and asks the client.

At first everything that the labels and the query find; then what the mailbox's history says was
added or labelled. Gmail forgets its history after a week or so (404): then everything again, and
since who an article is, is decided by its content, a mail that comes twice makes no second one.

Marks: `history_id`, up to which the history is read; or, during a full read, `next_history_id`
(taken before it began, so that nothing falls between the two). While either is being read,
`reached` is the last mail, so that whoever is interrupted goes on behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from ingest.batches import Refused
from ingest.gmail import TooLargeError
from ingest.gmail_answers import HistoryPage, MessageHead, Profile, RawMessage
from ingest.mail_batches import Received, too_large
from ingest.mail_locations import GmailLocation
from schemas.errors import PermanentError

NO_NEWS = frozenset({"DRAFT", "SPAM", "TRASH"})
"""Labels of what is not read, unless the source names the label."""
MAX_UNSURE = 500
"""Mails that the query did not find yet; Gmail's search may lag a moment behind."""
PORTION = 100
"""Changes that are looked up and read together: few enough that marks move within a minute."""
MAX_LABELS_NAMED = 10


class Mailbox(Protocol):
    """What is asked of the client: `ingest.gmail.GmailClient`, or a fake of it."""

    def read_profile(self) -> Profile: ...

    def list_labels(self) -> dict[str, str]: ...

    def list_messages(self, label_id: str | None, query: str) -> Iterator[str]: ...

    def list_history(self, after: int, label_id: str | None) -> Iterable[HistoryPage] | None: ...

    def read_head(self, message_id: str) -> MessageHead | None: ...

    def read_message(self, message_id: str) -> RawMessage | None: ...


def sync_gmail(
    mailbox: Mailbox, location: GmailLocation, marks: Mapping[str, Any]
) -> Iterator[Received]:
    """Give the mails after the marks."""
    label_ids = _find_labels(mailbox, location.labels)
    if "history_id" in marks:
        changes = _read_history(mailbox, int(marks["history_id"]), label_ids)
        if changes is not None:
            yield from _sync_changes(mailbox, location, label_ids, marks, *changes)
            return
        note = "Gmail has forgotten what changed since the last poll (404): all is read again"
        marks = {}
        yield Received("Gmail", None, marks, note)
    yield from _sync_all(mailbox, location, label_ids, marks)


def _find_labels(mailbox: Mailbox, names: Sequence[str]) -> list[str | None]:
    """Give the ids of labels; [None] stands for any."""
    if not names:
        return [None]
    ids = mailbox.list_labels()
    by_name = {name.casefold(): label_id for name, label_id in ids.items()}
    for name in names:
        if name.casefold() not in by_name:
            more = ", …" if len(ids) > MAX_LABELS_NAMED else ""
            known = ", ".join(sorted(ids)[:MAX_LABELS_NAMED]) + more
            raise PermanentError(f"Gmail has no label {name!r} here; there are {known}")
    return [by_name[name.casefold()] for name in names]


def _sync_all(
    mailbox: Mailbox,
    location: GmailLocation,
    label_ids: Sequence[str | None],
    marks: Mapping[str, Any],
) -> Iterator[Received]:
    """Read everything. The ids are listed first and at once: pages may shift under a slow reader.

    A read that was interrupted lists anew and goes on behind the mail it had reached, or begins
    anew if that is not there any more.
    """
    history_id = marks.get("next_history_id") or mailbox.read_profile().history_id
    newest_first = dict.fromkeys(
        message_id
        for label_id in label_ids
        for message_id in mailbox.list_messages(label_id, location.query)
    )
    for message_id in _go_on(list(newest_first)[::-1], marks.get("reached")):
        kept = {"next_history_id": history_id, "reached": message_id}
        yield from _receive(mailbox, message_id, label_ids, kept)
    yield Received("Gmail", None, {"history_id": history_id})


def _read_history(
    mailbox: Mailbox, after: int, label_ids: Sequence[str | None]
) -> tuple[list[tuple[int, str]], int] | None:
    """Give (change, message) in the order of changes, each message once; and how far it goes."""
    found: dict[str, int] = {}
    reaches: list[int] = []
    for label_id in label_ids:
        pages = mailbox.list_history(after, label_id)
        if pages is None:
            return None
        read = list(pages)
        reaches.append(read[0].history_id)
        for record in (record for page in read for record in page.history):
            for change in (*record.added, *record.labelled):
                found[change.message.id] = min(record.id, found.get(change.message.id, record.id))
    # What came while the later labels were asked for is asked for again the next time.
    return sorted((change, message) for message, change in found.items()), min(reaches)


def _sync_changes(
    mailbox: Mailbox,
    location: GmailLocation,
    label_ids: Sequence[str | None],
    marks: Mapping[str, Any],
    changes: Sequence[tuple[int, str]],
    history_id: int,
) -> Iterator[Received]:
    """Read what the history names and the query finds, portion by portion.

    The history knows no query. What the query does not find is asked for once more at the next
    poll, since the search may not know yet what the history does. If this is interrupted, the
    history is listed from the same place again, and read on from the last mail.
    """
    after, reached = marks["history_id"], marks.get("reached")
    unsure, missed = list(marks.get("unsure", ())), list[str]()
    message_ids = _go_on([message for _, message in changes], reached)
    for portion in _cut_portions([*dict.fromkeys([*unsure, *message_ids])]):
        found = _search(mailbox, location.query, label_ids, portion)
        for message_id in portion:
            if message_id in unsure:
                unsure.remove(message_id)
            else:
                reached = message_id
                missed += [] if message_id in found else [message_id]
            kept = {"history_id": after, "reached": reached} | _keep_unsure(unsure + missed)
            if message_id in found:
                yield from _receive(mailbox, message_id, label_ids, kept)
        yield Received("Gmail", None, kept)
    yield Received("Gmail", None, {"history_id": history_id} | _keep_unsure(missed))


def _go_on(message_ids: list[str], reached: str | None) -> list[str]:
    """Give those behind the last that was read; all, if it is not there any more."""
    return message_ids[message_ids.index(reached) + 1 :] if reached in message_ids else message_ids


def _cut_portions(message_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(message_ids), PORTION):
        yield message_ids[start : start + PORTION]


def _keep_unsure(unsure: Sequence[str]) -> dict[str, Any]:
    return {"unsure": unsure[-MAX_UNSURE:]} if unsure else {}


def _search(
    mailbox: Mailbox, query: str, label_ids: Sequence[str | None], message_ids: Sequence[str]
) -> set[str]:
    """Give those of the messages that a query finds; it is asked no further back than they go."""
    if not query:
        return set(message_ids)
    heads = [*filter(None, map(mailbox.read_head, message_ids))]
    if not heads:
        return set()
    oldest_s = min(head.received_ms for head in heads) // 1000
    narrowed = f"({query}) after:{oldest_s - 1}" if oldest_s > 1 else query
    return {
        message_id
        for label_id in label_ids
        for message_id in mailbox.list_messages(label_id, narrowed)
    }


def _receive(
    mailbox: Mailbox, message_id: str, label_ids: Sequence[str | None], marks: Mapping[str, Any]
) -> Iterator[Received]:
    where = f"message {message_id}"
    try:
        message = mailbox.read_message(message_id)
    except TooLargeError:
        yield Received(where, too_large(where), marks)
        return
    # It may be gone since it was listed. What is no news was never listed in a full read either.
    if message is None or message.labels & (NO_NEWS - set(label_ids)):
        return
    mail = message.decode()
    yield Received(where, Refused(where, "its base64 is broken") if mail is None else mail, marks)
