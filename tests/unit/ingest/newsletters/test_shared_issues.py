"""Real mails and real articles, where the folder of public data is present: none is shredded."""

from __future__ import annotations

import gzip

import pytest

from ingest.mail import decode_bytes, read_mail
from ingest.newsletters.issues import read_issue
from tests.paths import SHARED
from tests.unit.ingest.golden import NOW
from tests.unit.ingest.test_any_bytes import assert_storable
from tests.unit.ingest.test_shared_data import members_of

pytestmark = pytest.mark.skipif(
    not (SHARED / "data").is_dir(), reason="the folder of public data is not here"
)

CATALOGUE = "content_transfer_encoding_with_8bits.eml"
"""Of the 483 mails the only one of several items, each with its title, text and link."""


def test_ordinary_mails_stay_whole_even_if_a_list_sent_them() -> None:
    split = []
    for name, raw in members_of(SHARED / "data" / "mail" / "mail.tar.xz"):
        outcomes = read_mail(b"List-Id: <a.example>\n" + raw, name, NOW)
        assert outcomes, name
        assert_storable(outcomes)
        if len(outcomes) > 1:
            split.append(name.rpartition("/")[2])
    assert split == [CATALOGUE]


def test_articles_of_the_web_stay_whole_but_for_lists_and_portals() -> None:
    pages = [
        gzip.decompress(body)
        for name, body in members_of(SHARED / "data" / "pages" / "pages.tar.xz")
        if name.endswith("expected.html.gz")
    ]
    split = [body for body in pages if read_issue(decode_bytes(body, "utf-8"), "html").items]
    # Nine, looked at one by one: an index page, a portal, two of Mozilla's pages of features, a
    # weekly list of changes, two lists of reviews, and two pages of Wikipedia full of tables.
    assert len(pages) == 130
    assert len(split) <= 10
