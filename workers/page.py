"""The task of the queue `page`: read the page of an article of which the feed gave a teaser."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.orm import Session

from ingest.pages import BestBody, Teaser, give_up, read_page as fetch_page
from schemas.errors import TransientError
from store import articles, pages, sources, work
from store.articles import StoredArticle
from store.work import Claim
from workers.app import app
from workers.attempts import attempt, take
from workers.clustering import is_compared, place_in_stories, sign_drafts
from workers.journal import count, phase
from workers.mill import Mill, get_mill
from workers.queues import PAGE, PREFILTER, TASKS
from workers.retry import decide_retry
from workers.sending import send
from workers.visits import await_hosts, free_hosts, let_go, name_host, take_hosts

LONGEST_WAIT = timedelta(minutes=15)
"""For a page whose server is away or busy: what is news gains less by its page than it loses."""


@app.task(name=TASKS[PAGE])
def read_page(article_id: int) -> None:
    """Keep the better of the feed's text and the page's, then let the article be screened."""
    mill = get_mill()
    claims = next(take(mill, PAGE, [article_id], limit=1), [])
    with attempt(mill, claims):
        if not claims:
            return
        article, host, wait = _open(mill, article_id)
        if wait is not None:
            with mill.database.begin() as session:
                work.release(session, claims, delay=wait)
            count(postponed=1)
            return
        if _read(mill, article, host, claims[0]):
            send(mill.settings, {PREFILTER: [article_id]})


def _open(mill: Mill, article_id: int) -> tuple[StoredArticle | None, list[str], timedelta | None]:
    """Load the article and take its host; the time to wait if another has it."""
    with mill.database.begin() as session:
        article = next(iter(articles.load(session, [article_id])), None)
        host = name_host(article.url or "") if article else None
        names = [host] if host else []
        waits = take_hosts(mill, session, names)
    return article, names, next(iter(await_hosts(mill, waits).values()), None)


def _read(mill: Mill, article: StoredArticle | None, host: list[str], claim: Claim) -> bool:
    """Read the page, with no transaction open, and store what was chosen; or come back later.

    Tells whether the article goes on now.
    """
    chosen: BestBody | Later | None = None
    if article is not None and article.url is not None:
        try:
            mill.tape.begin_page(article.url, mill.clock())
            with phase("fetch"):
                teaser = Teaser(article.title, article.text, article.url)
                chosen = _fetch(mill, teaser, claim)
        except BaseException:
            let_go(mill, host)
            raise
    with phase("store"), mill.database.begin() as session:
        if isinstance(chosen, Later):
            work.fail(session, [claim], retry_in=chosen.wait, error=chosen.reason)
            count(tried_again_later=1)
            goes_on = False
        elif goes_on := _store(mill, session, article, chosen):
            work.finish(session, [claim])
        else:
            work.release(session, [claim])
        free_hosts(mill, session, host)
    return goes_on


@dataclass(frozen=True)
class Later:
    """The page may be had after a while."""

    wait: timedelta
    reason: str


def _fetch(mill: Mill, teaser: Teaser, claim: Claim) -> BestBody | Later:
    """Fetch the page; of a server that is away or busy, say when to come back."""
    try:
        return fetch_page(teaser, mill.http, mill.extractor)
    except TransientError as error:
        decision = decide_retry(
            error,
            claim.attempts,
            max_attempts=mill.settings.ingest.page_attempts,
            first_delay=mill.settings.ingest.page_retry,
            longest_delay=LONGEST_WAIT,
            seed=claim.subject_id,
        )
        if decision.delay is None:
            return give_up(teaser, error, claim.attempts)
        return Later(decision.delay, f"{error.message} ({decision.reason})")


def _store(
    mill: Mill, session: Session, article: StoredArticle | None, best: BestBody | None
) -> bool:
    """Store the better text, and let the article be screened; False if it was edited meanwhile."""
    if article is None:
        return True
    if best is not None:
        # Before any row is written: whoever has this turn may write to the same article.
        articles.lock_inserts(session)
        is_saved = pages.save(
            session,
            article.article_id,
            article.revision,
            chosen=best.chosen,
            text=best.text,
            links=best.links,
            note=best.note,
        )
        if not is_saved:
            return False
        count(**{f"from_{best.chosen}": 1})
        if best.text != article.text:
            _place(mill, session, replace(article, text=best.text))
    work.enqueue(session, PREFILTER, [article.article_id], again=True)
    return True


def _place(mill: Mill, session: Session, article: StoredArticle) -> None:
    """Find anew who tells what an article tells, now that more of it is known."""
    ingest = mill.settings.ingest
    source = sources.load_of_article(session, article.article_id)
    if source is not None and is_compared(source, ingest):
        signed, edited_ids = sign_drafts([article]), [article.article_id]
        place_in_stories(session, [], signed, ingest.story_window, edited_ids=edited_ids)
