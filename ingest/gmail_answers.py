"""The Gmail API's answers, as its reference documents them, to data. Pure.

https://developers.google.com/workspace/gmail/api/reference/rest; only the fields that are used.
"""

from __future__ import annotations

import base64
import binascii

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class MessageId(_Answer):
    """A message as lists name it."""

    id: str


class MessagePage(_Answer):
    """One page of `users.messages.list`, the newest message first."""

    messages: tuple[MessageId, ...] = ()
    next_page: str = Field(default="", alias="nextPageToken")


class MessageChange(_Answer):
    """A message that came, or got a label."""

    message: MessageId


class HistoryRecord(_Answer):
    """One change of the mailbox; ids grow with time."""

    id: int
    added: tuple[MessageChange, ...] = Field(default=(), alias="messagesAdded")
    labelled: tuple[MessageChange, ...] = Field(default=(), alias="labelsAdded")


class HistoryPage(_Answer):
    """One page of `users.history.list`, the oldest change first."""

    history: tuple[HistoryRecord, ...] = ()
    next_page: str = Field(default="", alias="nextPageToken")
    history_id: int = Field(alias="historyId")


class Label(_Answer):
    """A label; those of the system have their name as id."""

    id: str
    name: str


class LabelList(_Answer):
    """The answer of `users.labels.list`."""

    labels: tuple[Label, ...] = ()


class Profile(_Answer):
    """The answer of `users.getProfile`."""

    address: str = Field(alias="emailAddress")
    history_id: int = Field(alias="historyId")


class MessageHead(_Answer):
    """A message as `users.messages.get` gives it with any format."""

    labels: frozenset[str] = Field(default=frozenset(), alias="labelIds")
    received_ms: int = Field(default=0, alias="internalDate")
    """When it came, in ms since 1970."""


class RawMessage(MessageHead):
    """A message as `users.messages.get?format=raw` gives it."""

    raw: str = ""

    def decode(self) -> bytes | None:
        """Give the mail; None when this is no base64url."""
        try:
            return base64.urlsafe_b64decode(self.raw + "=" * (-len(self.raw) % 4))
        except (binascii.Error, ValueError):
            return None


class _ErrorDetail(_Answer):
    reason: str = ""


class _Error(_Answer):
    message: str = ""
    errors: tuple[_ErrorDetail, ...] = ()


class ErrorAnswer(_Answer):
    """What comes with a status from 400 on."""

    error: _Error = _Error()

    @property
    def reasons(self) -> set[str]:
        """The machine's words for it, such as rateLimitExceeded."""
        return {detail.reason for detail in self.error.errors}
