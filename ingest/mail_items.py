"""One mail's raw item to several, where the mail is a newsletter of several items.

A mail that nobody sent in bulk is never split, and neither is an answer: a friend's list of links
stays a letter. The items' `url` stays empty: an item points at an article and is not that article,
which may come from a feed in full; its link is in `metadata["link"]` and is the first of `links`.
Where that is a redirector's, which could not be opened, `metadata["link_is_redirector"]` says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from email.message import Message
from typing import Literal

from ingest.drafting import MAX_ID_CHARS, RawItem
from ingest.identity import content_key
from ingest.newsletters.issues import drop_boilerplate, read_issue
from ingest.newsletters.items import NewsItem
from ingest.newsletters.redirectors import clean_link
from ingest.opaque_links import is_opaque
from ingest.text import ReadText
from schemas.articles import Link

BULK_HEADERS = ("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "X-Campaign", "Feedback-ID")
BULK_PRECEDENCES = frozenset({"bulk", "list"})
ANSWER_HEADERS = ("In-Reply-To", "References")
ORDER_CHARS = 8
"""Of an item's id: "#" and its place in the issue."""


@dataclass(frozen=True)
class MailSource:
    """What a mail's items are read from."""

    text: str
    kind: Literal["html", "plain"]
    is_bulk: bool
    """Whether its headers say that many got it."""
    is_answer: bool


def is_bulk(message: Message) -> bool:
    """Tell by the headers whether a mail went to a list."""
    if any(name in message for name in BULK_HEADERS):
        return True
    return str(message.get("Precedence", "")).strip().lower() in BULK_PRECEDENCES


def is_answer(message: Message) -> bool:
    """Tell by the headers whether a mail belongs to a conversation."""
    return any(name in message for name in ANSWER_HEADERS)


def clean_links(body: ReadText) -> ReadText:
    """Take the links of a mail out of redirectors and tracking, each address once."""
    links: dict[str, Link] = {}
    for link in body.links:
        url = clean_link(link.url)
        links.setdefault(url, Link(url=url, text=link.text))
    return replace(body, links=tuple(links.values()))


def split_mail(mail: RawItem, source: MailSource) -> list[RawItem]:
    """Give the items of a newsletter; of any other mail, and of one without items, the mail."""
    if source.is_answer:
        return [mail]
    issue = read_issue(source.text, source.kind)
    if not (source.is_bulk or issue.has_footer):
        return [mail]
    if not issue.items:
        return [replace(mail, body=drop_boilerplate(mail.body))]
    issue_id = (mail.external_id or content_key(mail.title, mail.body.text))[
        : MAX_ID_CHARS - ORDER_CHARS
    ]
    items = [_raw_item(mail, item, issue_id, n) for n, item in enumerate(issue.items, start=1)]
    items[0].notes = (*mail.notes, *([issue.note] if issue.note else []))
    return items


def _raw_item(mail: RawItem, item: NewsItem, issue_id: str, order: int) -> RawItem:
    return replace(
        mail,
        where=f"{mail.where}, item {order}",
        body=ReadText(item.text, item.links),
        external_id=f"{issue_id}#{order}",
        title=item.title or mail.title,
        metadata={
            **mail.metadata,
            "content_length": len(item.text),
            "link_count": len(item.links),
            "issue_id": issue_id,
            "order": order,
            "section": item.section,
            "sponsored": item.is_sponsored,
            "link": item.link,
            **({"link_is_redirector": True} if is_opaque(item.link or "") else {}),
        },
        notes=(),
    )
