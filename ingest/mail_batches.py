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
    """None: nothing was received, only the marks move."""
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

    The last batch may be empty: it only says how far everything was looked through.
    """
    drafts: list[ArticleDraft] = []
    refused: list[Refused] = []
    notes: list[str] = []
    weight = 0
    for each in received:
        for outcome in _read(each, now, split_newsletters=split_newsletters):
            (refused if isinstance(outcome, Refused) else drafts).append(outcome)  # type: ignore[arg-type]
        notes += [each.note] if each.note else []
        weight += len(each.mail) if isinstance(each.mail, bytes) else 0
        state = replace(state, marks=dict(each.marks))
        if len(drafts) + len(refused) >= min(size, BATCH_MAILS) or weight >= BATCH_BYTES:
            yield Batch(tuple(drafts), tuple(refused), tuple(notes), state)
            drafts, refused, notes, weight = [], [], [], 0
    yield Batch(tuple(drafts), tuple(refused), tuple(notes), state)


def _read(
    received: Received, now: datetime, *, split_newsletters: bool
) -> list[ArticleDraft | Refused]:
    if isinstance(received.mail, bytes):
        return read_mail(received.mail, received.where, now, split_newsletters=split_newsletters)
    return [received.mail] if received.mail else []
