"""What a newsletter's items keep of their mail, and which mails are never split."""

from __future__ import annotations

import pytest

from ingest.mail import read_mail
from schemas.articles import ArticleDraft
from tests.paths import DATA
from tests.unit.ingest.golden import NOW

ISSUE = (DATA / "newsletters" / "german_sections.eml").read_bytes()


def read(raw: bytes, *, split_newsletters: bool = True) -> list[ArticleDraft]:
    outcomes = read_mail(raw, "a.eml", NOW, split_newsletters=split_newsletters)
    return [outcome for outcome in outcomes if isinstance(outcome, ArticleDraft)]


def test_item_keeps_its_mails_facts_and_its_place() -> None:
    third = read(ISSUE)[2]
    assert third.external_id == "kb-1103@kuestenblatt.example#3"
    assert third.language == "de"
    assert third.author == "Küstenblatt am Morgen"
    assert third.metadata == {
        "subject": "Kleine Schulen bleiben offen · Lampenfabrik stellt ein",
        "from": "Küstenblatt am Morgen <morgen@kuestenblatt.example>",
        "content_length": len(third.text),
        "link_count": 1,
        "has_html": True,
        "issue_id": "kb-1103@kuestenblatt.example",
        "order": 3,
        "section": "Wirtschaft",
        "sponsored": True,
        "link": "https://sonnenhof.example/angebot?rubrik=nl",
    }
    assert [link.url for link in third.links] == [third.metadata["link"]]


def test_item_points_at_an_article_and_is_not_that_article() -> None:
    assert {draft.url for draft in read(ISSUE)} == {None}
    assert len({draft.content_key for draft in read(ISSUE)}) == 5


def test_same_mail_gives_the_same_items() -> None:
    assert read(ISSUE) == read(ISSUE)


def test_mail_without_an_id_gets_one_from_what_it_says() -> None:
    raw = ISSUE.replace(b"Message-ID:", b"X-Other:")
    ids = [draft.external_id for draft in read(raw)]
    assert ids == [draft.external_id for draft in read(raw)]
    assert ids[0].partition("#")[0] == read(raw)[0].metadata["issue_id"]


def test_splitting_can_be_switched_off() -> None:
    (draft,) = read(ISSUE, split_newsletters=False)
    assert "order" not in draft.metadata
    assert "Lampenfabrik" in draft.text


HEADERS = [
    (b"", 1, "a list of links without a word on how to unsubscribe is a letter"),
    (b"List-Id: <a.example>\n", 3, "a list's mail"),
    (b"List-Unsubscribe: <https://a.example/u>\n", 3, "a sender's who must offer a way out"),
    (b"Precedence: bulk\n", 3, "a mail to many"),
    (b"List-Id: <a.example>\nIn-Reply-To: <b@a.example>\n", 1, "an answer on a list"),
]


@pytest.mark.parametrize(("headers", "items", "reason"), HEADERS)
def test_only_bulk_mail_is_split(headers: bytes, items: int, reason: str) -> None:
    body = b"".join(
        b"* The story with the number %d\n  https://a.example/%d\n\n" % (n, n) for n in range(3)
    )
    assert len(read(headers + b"Subject: links\n\n" + body)) == items, reason
