"""Mails with too many parts, too deep ones or too much text: read within limits, or a reason."""

from __future__ import annotations

import pytest

from ingest import mail
from ingest.batches import Refused
from ingest.mail import read_mail
from ingest.mail_limits import MAX_DEPTH, MAX_PARTS
from schemas.articles import ArticleDraft
from tests.unit.ingest.golden import NOW


def read(raw: bytes) -> ArticleDraft:
    (outcome,) = read_mail(raw, "a.eml", NOW)
    assert isinstance(outcome, ArticleDraft)
    return outcome


def nest(depth: int) -> bytes:
    raw = b"Subject: deep\n"
    for level in range(depth):
        raw += b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level)
    return raw + b"\nthe innermost text\n"


def many(parts: int, kind: bytes = b"text/plain") -> bytes:
    head = b"Subject: many\nContent-Type: multipart/mixed; boundary=b\n\n"
    part = b"--b\nContent-Type: " + kind + b"\n\nsome text\n"
    return head + part * parts + b"--b--\n"


def test_parts_are_read_down_to_the_limit_and_no_deeper() -> None:
    assert read(nest(MAX_DEPTH)).text == "the innermost text"
    (outcome,) = read_mail(nest(MAX_DEPTH + 1), "a.eml", NOW)
    assert outcome == Refused("a.eml", "its parts are nested more than 20 deep")


@pytest.mark.parametrize("kind", [b"text/plain", b"message/rfc822", b"image/png"])
def test_mail_of_more_parts_than_the_limit_is_refused(kind: bytes) -> None:
    assert read(many(20, kind)).title == "many"
    (outcome,) = read_mail(many(MAX_PARTS + 1, kind), "a.eml", NOW)
    assert outcome == Refused("a.eml", "it has more than 1,000 parts")


def test_parts_of_all_levels_count_together() -> None:
    inner = b"--a\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 400 + b"--b--\n"
    raw = b"Subject: x\nContent-Type: multipart/mixed; boundary=a\n\n" + inner * 3
    assert isinstance(read_mail(raw, "a.eml", NOW)[0], Refused)


def test_text_is_read_up_to_the_limit_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "MAX_TEXT_BYTES", 12)
    draft = read(many(3))
    assert draft.text == "some text\n\nsom"
    assert draft.notes == ("only 12 bytes of the mail's text were read",)


def test_attachments_are_passed_over_whatever_they_claim_to_be() -> None:
    raw = b"""Subject: x
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

the text
--b
Content-Type: text/html; charset=utf-8
Content-Disposition: ATTACHMENT; filename=x.html

<p>not this</p>
--b
Content-Type: multipart/mixed; boundary=c
Content-Disposition: attachment

--c
Content-Type: text/plain

nor this
--c--
--b--
"""
    assert read(raw).text == "the text"


def test_defects_are_noted() -> None:
    draft = read(b"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nno end\n")
    assert draft.text == "no end"
    assert draft.notes == ("the mail is malformed (CloseBoundaryNotFound)",)
