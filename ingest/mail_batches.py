"""Mails as they come from a server, to batches; shared by IMAP and Gmail.

Knows neither server. Batches are small, since a mail may be large, and each carries the marks
that its last mail reached: whoever is interrupted goes on there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from ingest.batches import Batch, Refused, SourceState
from ingest.mail import MAX_MAIL_BYTES, read_mail
from schemas.articles import ArticleDraft

BATCH_MAILS = 50
BATCH_BYTES = 10_000_000
"""Few enough that a slow line brings a batch before the lease on the poll ends."""


@dataclass(frozen=True)
class Received:
    """One mail, or the reason why there is none, and the marks to go on from once it is stored."""

    where: str
    """Names it in its mailbox, without any address."""
    mail: bytes | Refused | None
    """None: nothing was received, only the marks move; what came before is worth storing now."""
    marks: Mapping[str, Any]
    note: str = ""


class ReceivesMail(Protocol):
    """What gives the mails of an account: `ingest.mail_accounts.MailAccess`, or a fake of it."""

    def receive(
        self, location: str, marks: Mapping[str, Any], now: datetime
    ) -> Iterator[Received]: ...


def too_large(where: str, size: int | None = None) -> Refused:
    """Refuse a mail that is not worth fetching."""
    told = f" ({size:,})" if size else ""
    return Refused(where, f"the mail is larger than {MAX_MAIL_BYTES:,} bytes{told}")


def cut_mail_batches(
    received: Iterable[Received],
    state: SourceState,
    now: datetime,
    size: int = BATCH_MAILS,
    *,
    split_newsletters: bool = True,
) -> Iterator[Batch]:
    """Read mails into batches of about `size` drafts; a mail is never torn apart.

    A batch also ends where only the marks move, so that a poll which looks through much and finds
    little stores how far it is. It may be empty: then it only says that.
    """
    drafts: list[ArticleDraft] = []
    refused: list[Refused] = []
    notes: list[str] = []
    weight = 0
    stored: SourceState | None = None
    for each in received:
        for outcome in _read(each, now, split_newsletters=split_newsletters):
            (refused if isinstance(outcome, Refused) else drafts).append(outcome)  # type: ignore[arg-type]
        notes += [each.note] if each.note else []
        weight += len(each.mail) if isinstance(each.mail, bytes) else 0
        state = replace(state, marks=dict(each.marks))
        is_full = len(drafts) + len(refused) >= min(size, BATCH_MAILS) or weight >= BATCH_BYTES
        if is_full or each.mail is None:
            yield Batch(tuple(drafts), tuple(refused), tuple(notes), state)
            drafts, refused, notes, weight, stored = [], [], [], 0, state
    if state is not stored:
        yield Batch(tuple(drafts), tuple(refused), tuple(notes), state)


def _read(
    received: Received, now: datetime, *, split_newsletters: bool
) -> list[ArticleDraft | Refused]:
    if isinstance(received.mail, bytes):
        return read_mail(received.mail, received.where, now, split_newsletters=split_newsletters)
    return [received.mail] if received.mail else []
