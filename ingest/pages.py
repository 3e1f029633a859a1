"""The page behind a teaser: fetched, its article found, and the better of the two texts chosen.

What goes wrong for good is a note and no error: the teaser stays the article's text. What may pass
by itself is left to the caller, who may come back. Extraction is another process's work, see
`ingest/helper.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from ingest.http import Fetched, without_password
from ingest.reading_sources import Fetches
from schemas.articles import Link
from schemas.errors import NewsmillError, PermanentError, TransientError

LEAST_GAIN = 1.2
"""A page's text that is not this much longer is not worth having another than the feed's."""
LEAST_SHARED = 0.5
"""Share of the teaser's words, or else the title's, that the right page holds."""
FEW_WORDS = 8
HTML_TYPES = frozenset({"", "text/html", "application/xhtml+xml", "text/plain"})


@dataclass(frozen=True)
class Extracted:
    """What was found in a page."""

    text: str
    links: tuple[Link, ...] = ()
    verdict: str | None = None
    """What the page is instead of an article; see `ingest/page_verdicts.py`."""


class Extracts(Protocol):
    """What finds the article in a page: `ingest.extraction.Extractor`, or a fake of it.

    Gives None for a page on which it spent too long or died.
    """

    def extract(self, body: bytes, url: str, content_type: str | None) -> Extracted | None: ...


@dataclass(frozen=True)
class Teaser:
    """What the feed gave."""

    title: str
    text: str
    url: str


@dataclass(frozen=True)
class BestBody:
    """Which text is kept, and why."""

    chosen: Literal["feed", "page"]
    text: str
    links: tuple[Link, ...] | None = None
    """None: the feed's."""
    note: str | None = None


def read_page(teaser: Teaser, client: Fetches, extractor: Extracts) -> BestBody:
    """Fetch the page of a teaser and choose the better text.

    Raises TransientError for a page that may be had later, such as from a server that is away.
    """
    try:
        answer = client.fetch(teaser.url)
    except PermanentError as error:
        return _keep(teaser, f"its page could not be fetched: {_reason(teaser, error)}")
    if not isinstance(answer, Fetched):
        return _keep(teaser, "its page could not be fetched: the server answered 304")
    media_type = (answer.content_type or "").partition(";")[0].strip().lower()
    if media_type not in HTML_TYPES:
        return _keep(teaser, f"its link leads to {media_type[:60]}, not to a page")
    found = extractor.extract(answer.body, answer.url, answer.content_type)
    if found is None:
        return _keep(teaser, "its page was too much to be read in time")
    if found.verdict:
        return _keep(teaser, f"its link leads to {found.verdict}")
    return choose_body(teaser, found)


def give_up(teaser: Teaser, error: TransientError, attempts: int) -> BestBody:
    """Keep the teaser of a page that could not be had in so many attempts."""
    times = "at the first attempt" if attempts == 1 else f"in {attempts} attempts"
    return _keep(teaser, f"its page could not be fetched {times}: {_reason(teaser, error)}")


def choose_body(teaser: Teaser, found: Extracted) -> BestBody:
    """Choose between the feed's text and the page's."""
    if len(found.text) < LEAST_GAIN * len(teaser.text) or not found.text:
        return _keep(teaser, "its page says no more than the feed")
    if not _is_about(teaser, found.text):
        return _keep(teaser, "its page does not hold what the feed says")
    return BestBody("page", found.text, found.links)


def _is_about(teaser: Teaser, text: str) -> bool:
    """Tell whether a page is the teaser's: it holds its words, or if these are few, the title's."""
    words = _words(teaser.text)
    if len(words) < FEW_WORDS:
        words |= _words(teaser.title)
    return not words or len(words & _words(text)) >= LEAST_SHARED * len(words)


def _words(text: str) -> set[str]:
    return {word for word in map(_bare, text.casefold().split()) if len(word) > 2}


def _bare(word: str) -> str:
    return word.strip(".,;:!?…\"'()[]«»„“”‘’–-")


def _reason(teaser: Teaser, error: NewsmillError) -> str:
    return error.message.removeprefix(f"{without_password(teaser.url)}: ")


def _keep(teaser: Teaser, note: str) -> BestBody:
    return BestBody("feed", teaser.text, note=note)
