"""Teasers, pages that are no articles, and the choice between feed and page."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ingest.extraction import Extractor, decode_page
from ingest.helper import Helper
from ingest.http import Fetched, NotModified
from ingest.page_verdicts import judge_page
from ingest.pages import Extracted, Teaser, choose_body, give_up, read_page
from ingest.teasers import is_teaser
from schemas.errors import NewsmillError, PermanentError, TransientError

URL = "https://news.example/ferry"
LONG = "The council has opened two piers. " * 60
TEASER = Teaser("Ferry line", "The council has opened two piers for the new ferry line.", URL)


@pytest.mark.parametrize(
    ("text", "url", "expected"),
    [
        ("Short.", URL, True),
        ("Short.", None, False),
        ("", URL, True),
        ("word " * 200, URL, False),
        ("word " * 200 + "[…]", URL, True),
        ("word " * 200 + "… Continue reading", URL, True),
        ("word " * 200 + "Weiterlesen auf a.example", URL, True),
        ("word " * 500 + "…", URL, False),
    ],
)
def test_teaser_is_short_or_says_that_it_is_cut(text: str, url: str | None, expected: bool) -> None:
    assert is_teaser(text, url) is expected


@pytest.mark.parametrize(
    ("markup", "text", "url", "verdict"),
    [
        ("<p>Fog.</p>", "Fog.", URL, None),
        ("<p>Subscribe to continue reading</p>", "Fog.", URL, "a paywall"),
        ('<script>{"isAccessibleForFree": "False"}</script>', "Fog.", URL, "a paywall"),
        ("<p>Dieser Artikel ist nur für Abonnenten.</p>", "", URL, "a paywall"),
        ("<h1>We value your privacy</h1>", "", URL, "a consent page"),
        ("", LONG, "https://consent.news.example/?to=ferry", "a consent page"),
        ("<p>Checking your browser before accessing</p>", "", URL, "a check for robots"),
        ("<form>Forgot your password?</form>", "", URL, "a page to log in"),
        ("", "", "https://news.example/login?next=/ferry", "a page to log in"),
        ("<p>Accept all cookies</p>", LONG, URL, None),
        ('<script>{"isAccessibleForFree": false}</script>', LONG, URL, None),
        ("<script>var x = 'accept cookies'</script>", "Fog.", URL, None),
    ],
)
def test_page_that_is_no_article_is_recognised(
    markup: str, text: str, url: str, verdict: str | None
) -> None:
    assert judge_page(markup, text, url) == verdict


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        (LONG, "page"),
        ("", "feed"),
        (TEASER.text, "feed"),
        ("Socks of all colours wait for you in our shop. " * 20, "feed"),
    ],
)
def test_better_text_is_chosen(text: str, chosen: str) -> None:
    best = choose_body(TEASER, Extracted(text))
    assert best.chosen == chosen
    assert best.text == (text if chosen == "page" else TEASER.text)
    assert (best.note is None) == (chosen == "page")


def test_entry_without_text_is_compared_by_its_title() -> None:
    empty = Teaser("Council opened piers", "", URL)
    assert choose_body(empty, Extracted(LONG)).chosen == "page"
    assert choose_body(empty, Extracted("Socks for everyone. " * 20)).chosen == "feed"


@dataclass
class FakePage:
    """A client with one answer, and an extractor with another."""

    answer: Fetched | NotModified | NewsmillError
    found: Extracted | None = None

    def fetch(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Fetched | NotModified:
        if isinstance(self.answer, NewsmillError):
            raise self.answer
        return self.answer

    def extract(self, body: bytes, url: str, content_type: str | None) -> Extracted | None:
        return self.found


AWAY = TransientError(f"{URL}: the server did not answer in time", url=URL)
GONE = PermanentError(f"{URL}: the server answered 410 (Gone)", url=URL)
HTML = Fetched(b"<p>", URL, content_type="text/html")


@pytest.mark.parametrize(
    ("page", "note"),
    [
        (FakePage(GONE), "its page could not be fetched: the server answered 410 (Gone)"),
        (FakePage(NotModified(URL)), "its page could not be fetched: the server answered 304"),
        (FakePage(Fetched(b"", URL, content_type="image/png")), "its link leads to image/png"),
        (FakePage(HTML), "its page was too much to be read in time"),
        (FakePage(HTML, Extracted(LONG, verdict="a paywall")), "its link leads to a paywall"),
        (FakePage(HTML, Extracted("Short.")), "its page says no more than the feed"),
    ],
)
def test_whatever_the_page_is_the_teaser_stays_with_a_reason(page: FakePage, note: str) -> None:
    best = read_page(TEASER, page, page)
    assert (best.chosen, best.text) == ("feed", TEASER.text)
    assert best.note is not None
    assert best.note.startswith(note)


def test_page_that_may_be_had_later_is_left_to_the_caller() -> None:
    page = FakePage(AWAY)
    with pytest.raises(TransientError):
        read_page(TEASER, page, page)
    best = give_up(TEASER, AWAY, 3)
    assert (best.chosen, best.text) == ("feed", TEASER.text)
    assert best.note == (
        "its page could not be fetched in 3 attempts: the server did not answer in time"
    )


def test_helper_finds_the_article_and_survives_a_page_that_it_does_not() -> None:
    article = "".join(f"<p>Pier number {n} was next, and it cost a lot.</p>" for n in range(20))
    page = f"<html><body><nav>Menu</nav><article>{article}</article></body></html>".encode()
    monster = b"<html><body><table>" + b"<tr><td>cell<td><a href=x>link</a>" * 200_000
    helper = Helper()
    try:
        assert Extractor(helper, limit_s=0.2).extract(monster, URL, "text/html") is None
        patient = Extractor(helper, limit_s=60)
        first = patient.extract(page, URL, "text/html")
        assert patient.extract(page, URL, "text/html") == first
    finally:
        helper.close()
    assert first is not None
    assert first.text.startswith("Pier number 0")
    assert "Menu" not in first.text


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("Köln".encode(), None),
        ("Köln".encode("latin-1"), "text/html; charset=ISO-8859-1"),
        (b"<meta charset=iso-8859-1>" + "Köln".encode("latin-1"), "text/html"),
        ("\ufeffKöln".encode(), "text/html; charset=iso-8859-1"),
        ("\ufeffKöln".encode("utf-16-le"), None),
        ("Köln".encode("cp1252"), "text/html; charset=nonsense"),
    ],
)
def test_page_is_decoded_by_the_best_word_for_it(body: bytes, content_type: str | None) -> None:
    assert "Köln" in decode_page(body, content_type)
