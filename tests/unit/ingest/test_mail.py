"""Mails: golden pairs with odd charsets and nesting, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.batches import Refused
from ingest.mail import MAX_MAIL_BYTES, decode_bytes, read_mail
from tests.unit.ingest.golden import NOW, dump, expected, inputs


@pytest.mark.parametrize("path", inputs("mails", "*.eml"), ids=lambda path: path.stem)
def test_mail_gives_the_articles_of_its_golden_pair(path: Path) -> None:
    outcomes = [dump(outcome) for outcome in read_mail(path.read_bytes(), path.name, NOW)]
    wanted = expected(path)
    assert outcomes == (wanted if isinstance(wanted, list) else [wanted])


DECODINGS = [
    (b"caf\xc3\xa9", None, "café", "UTF-8 when nothing is named"),
    (b"caf\xe9", None, "café", "windows-1252 when it is no UTF-8"),
    (b"\x93so\x94", "iso-8859-1", "“so”", "Latin-1 is read as windows-1252, as browsers do"),
    (b"caf\xc3\xa9", "us-ascii", "café", "a charset that does not fit is not believed"),
    (b"caf\xe9", "x-unknown", "café", "nor is one that does not exist"),
    (b"abc", "base64", "abc", "nor a codec that is no charset"),
    (b"\xc4\xe3\xba\xc3", "GB2312", "你好", "the wider charset of the family"),
    (b"\x81\x8d", None, "��", "bytes that mean nothing anywhere"),
]


@pytest.mark.parametrize(("data", "charset", "text", "reason"), DECODINGS)
def test_bytes_are_decoded_whatever_is_claimed(
    data: bytes, charset: str | None, text: str, reason: str
) -> None:
    assert decode_bytes(data, charset) == text, reason


def test_empty_and_oversized_mails_are_refused() -> None:
    assert read_mail(b" \n", "a.eml", NOW) == [Refused("a.eml", "the mail is empty")]
    oversized = read_mail(b"Subject: x\n\n" + b"x" * MAX_MAIL_BYTES, "b.eml", NOW)
    assert oversized == [Refused("b.eml", "the mail is larger than 20,000,000 bytes")]


def test_mail_nested_beyond_reason_is_refused_or_read() -> None:
    raw = b"Subject: deep\n" + b"Content-Type: message/rfc822\n\nSubject: x\n" * 5_000 + b"\nend"
    (outcome,) = read_mail(raw, "deep.eml", NOW)
    assert isinstance(outcome, Refused) or outcome.title == "deep"


def test_plain_part_wins_over_html_that_only_points_elsewhere() -> None:
    raw = b"""Subject: two parts
Content-Type: multipart/alternative; boundary=x

--x
Content-Type: text/plain

The whole story is told here, in many words and with all its details.
--x
Content-Type: text/html

<a href="https://a.example/1">Open</a>
--x--
"""
    (outcome,) = read_mail(raw, "two.eml", NOW)
    assert not isinstance(outcome, Refused)
    assert outcome.text.startswith("The whole story")
    assert outcome.metadata["has_html"] is True


HEADERS = [
    (b"plain words", "plain words", "nothing to decode"),
    (b"=?utf-8?q?Caf=C3=A9?= at noon", "Café at noon", "a blank between encoded and plain"),
    (b"=?utf-8?q?one_?= =?utf-8?q?two?=", "one two", "none between two encoded words"),
    ("Grüße 漢字".encode(), "Grüße 漢字", "raw UTF-8"),
    ("漢字 =?utf-8?q?=C3=BC?=".encode(), "漢字 ü", "raw UTF-8 beside an encoded word"),
    (b"Gr\xfc\xdfe", "Grüße", "raw Latin-1"),
    (b"=?iso-8859-1?q?Gr\xfc=DFe?=", "Grüße", "raw bytes within an encoded word"),
    (b"=?x-unknown?q?caf=E9?=", "café", "an unknown charset"),
    (b"=?utf-8?b?A?=", "=?utf-8?b?A?=", "what cannot be decoded stays"),
    (b"folded\n\tline", "folded line", "a folded line"),
]


@pytest.mark.parametrize(("raw", "subject", "reason"), HEADERS)
def test_subject_is_decoded(raw: bytes, subject: str, reason: str) -> None:
    (outcome,) = read_mail(b"Subject: " + raw + b"\n\nbody", "a.eml", NOW)
    assert not isinstance(outcome, Refused)
    assert outcome.metadata["subject"] == subject, reason
