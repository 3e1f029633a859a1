"""The limits within which a mail's parts are parsed: depth, number, amount of text.

The standard library's parser holds each line against the boundaries of every part around it: a
mail of 1 MB, 300 parts deep, takes it 13 s. Knows nothing about what a mail says.
"""

from __future__ import annotations

from collections.abc import Iterator
from email import policy
from email.errors import MessageError
from email.message import Message
from email.parser import BytesParser
from typing import Any

MAX_DEPTH = 20
"""Parts within parts. Forwarded newsletters reach five or six."""
MAX_PARTS = 1_000
MAX_TEXT_BYTES = 5_000_000
"""Of all text parts together, once decoded; a long newsletter issue has 300,000."""
MAX_DEFECTS_NAMED = 5


class MailTooComplexError(MessageError):
    """The mail has more parts, or deeper ones, than a mail has."""


class LimitedMessage(Message):
    """A mail that takes no part beyond the limits while it is parsed."""

    depth = 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.count = [0]

    def attach(self, payload: Any) -> None:
        """Take a part, which knows from then on how deep it lies and counts with the whole."""
        self.count[0] += 1
        payload.depth, payload.count = self.depth + 1, self.count
        if payload.depth > MAX_DEPTH:
            raise MailTooComplexError(f"its parts are nested more than {MAX_DEPTH} deep")
        if self.count[0] > MAX_PARTS:
            raise MailTooComplexError(f"it has more than {MAX_PARTS:,} parts")
        super().attach(payload)


def parse_mail(raw: bytes) -> Message:
    """Parse a mail; MailTooComplexError beyond the limits, and what else the parser raises."""
    # The old policy keeps headers as they came; the new one parses them and may raise.
    return BytesParser(LimitedMessage, policy=policy.compat32).parsebytes(raw)


def list_text_parts(message: Message) -> Iterator[Message]:
    """Give the inline text parts in order; attachments are passed over, undecoded."""
    if message.get_content_disposition() == "attachment":
        return
    payload = message.get_payload()
    if isinstance(payload, list):
        for part in payload:
            if isinstance(part, Message):
                yield from list_text_parts(part)
    elif message.get_content_type() in {"text/plain", "text/html"}:
        yield message


def name_defects(message: Message) -> tuple[str, ...]:
    """Say in one note how the mail is malformed; nothing when it is not."""
    found = {type(defect).__name__: None for part in message.walk() for defect in part.defects}
    names = [name.removesuffix("Defect") for name in found][:MAX_DEFECTS_NAMED]
    return (f"the mail is malformed ({', '.join(names)})",) if names else ()
