"""Mailboxes as people write them, and what is wrong with some."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ingest.mail_locations import GmailLocation, ImapLocation, parse_gmail, parse_imap
from ingest.sources import SourceSpec, recognise_source
from schemas.errors import ConfigError

ME = "me@example.org"

IMAP = [
    ("imaps://me@example.org@mail.example.org", (ME, "mail.example.org", 993, "tls", ("INBOX",))),
    ("imaps://me%40example.org@h/News", (ME, "h", 993, "tls", ("News",))),
    ("imaps://joe@h:994/News?folder=Lists/*", ("joe", "h", 994, "tls", ("News", "Lists/*"))),
    ("imap://joe@h/A%20B/C", ("joe", "h", 143, "starttls", ("A B/C",))),
    ("imap://joe@[::1]:1143/?tls=none", ("joe", "::1", 1143, "none", ("INBOX",))),
    (
        "imaps://joe@h/A?since=2026-10-01",
        ("joe", "h", 993, "tls", ("A",), date(2026, 10, 1)),
    ),
    ("imaps://joe@h/Zürich?folder=A%26B", ("joe", "h", 993, "tls", ("Zürich", "A&B"))),
]


@pytest.mark.parametrize(("typed", "parts"), IMAP)
def test_imap_location_is_read_and_written_back(typed: str, parts: tuple[Any, ...]) -> None:
    location = parse_imap(typed)
    assert location == ImapLocation(*parts)
    assert parse_imap(str(location)) == location


GMAIL = [
    ("gmail://Me@Gmail.com", ("me@gmail.com", ("INBOX",), "")),
    ("gmail://me@gmail.com?label=News&label=A%2FB", ("me@gmail.com", ("News", "A/B"), "")),
    ("gmail://me@x.org/?q=from:a list:b", ("me@x.org", (), "from:a list:b")),
    ("gmail://me@x.org?label=A&q=newer_than:1y", ("me@x.org", ("A",), "newer_than:1y")),
]


@pytest.mark.parametrize(("typed", "parts"), GMAIL)
def test_gmail_location_is_read_and_written_back(typed: str, parts: tuple[str, ...]) -> None:
    location = parse_gmail(typed)
    assert location == GmailLocation(*parts)  # type: ignore[arg-type]
    assert parse_gmail(str(location)) == location


WRONG = [
    ("imaps://joe:hunter2@h/INBOX", "leave the password out"),
    ("gmail://joe:hunter2@gmail.com", "leave the password out"),
    ("imaps://h/INBOX", "whose mailbox"),
    ("imaps://joe@/INBOX", "host name is missing"),
    ("imaps://joe@h:port/", "no valid address"),
    ("imaps://joe@h/?tls=none", "tls=none means nothing here"),
    ("imaps://joe@h/?since=1", "since=1 is no day"),
    ("imaps://joe@h/?until=1", "until=1 means nothing here"),
    ("imaps://joe@h/a%0d%0ab", "control characters"),
    ("gmail://gmail.com", "say whose mails"),
    ("gmail://joe@gmail.com?folder=x", "folder means nothing here"),
    ("gmail://joe@gmail.com?q=#a", "write # as %23"),
]


@pytest.mark.parametrize(("typed", "reason"), WRONG)
def test_wrong_location_is_refused_without_showing_a_password(typed: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as raised:
        recognise_source(typed)
    assert "hunter2" not in str(raised.value)


def test_mailboxes_are_sources_that_are_polled_again_and_again() -> None:
    imap = recognise_source("IMAPS://me@example.org@Mail.example.org")
    assert imap == SourceSpec("imap", "imaps://me%40example.org@mail.example.org/INBOX")
    gmail = recognise_source("gmail://me@gmail.com")
    assert gmail == SourceSpec("gmail", "gmail://me@gmail.com?label=INBOX")
    assert imap.is_remote
    assert gmail.is_remote
