"""The task of the queue `page`: read the page of an article of which the feed gave a teaser."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy.orm import Session

from ingest.pages import Teaser, read_page as fetch_page
from store import articles, pages, sources, work
from store.articles import StoredArticle
from store.work import Claim
from workers.app import app
from workers.attempts import attempt, take
from workers.clustering import is_compared, place_in_stories, sign_drafts
from workers.journal import count, phase
from workers.mill import Mill, get_mill
from workers.queues import PAGE, PREFILTER, TASKS
from workers.sending import send
from workers.visits import await_hosts, free_hosts, let_go, name_host, take_hosts


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
        _read(mill, article_id, article, host, claims)
        send(mill.settings, {PREFILTER: [article_id]})


def _open(mill: Mill, article_id: int) -> tuple[StoredArticle | None, list[str], timedelta | None]:
    """Load the article and take its host; the time to wait if another has it."""
    with mill.database.begin() as session:
        article = next(iter(articles.load(session, [article_id])), None)
        host = name_host(article.url or "") if article else None
        names = [host] if host else []
        waits = take_hosts(mill, session, names)
    return article, names, next(iter(await_hosts(mill, waits).values()), None)


def _read(
    mill: Mill,
    article_id: int,
    article: StoredArticle | None,
    host: list[str],
    claims: list[Claim],
) -> None:
    """Read the page, with no transaction open, and store what was chosen."""
    best = None
    if article is not None and article.url is not None:
        try:
            mill.tape.begin_page(article.url, mill.clock())
            with phase("fetch"):
                teaser = Teaser(article.title, article.text, article.url)
                best = fetch_page(teaser, mill.http, mill.extractor)
        except BaseException:
            let_go(mill, host)
            raise
    with phase("store"), mill.database.begin() as session:
        if best is not None and article is not None:
            # Before any row is written: whoever has this turn may write to the same article.
            articles.lock_inserts(session)
            pages.save(
                session,
                article_id,
                chosen=best.chosen,
                text=best.text,
                links=best.links,
                note=best.note,
            )
            count(**{f"from_{best.chosen}": 1})
            if best.text != article.text:
                _place(mill, session, replace(article, text=best.text))
        if article is not None:
            work.enqueue(session, PREFILTER, [article_id], again=True)
        work.finish(session, claims)
        free_hosts(mill, session, host)


def _place(mill: Mill, session: Session, article: StoredArticle) -> None:
    """Find anew who tells what an article tells, now that more of it is known."""
    ingest = mill.settings.ingest
    source = sources.load_of_article(session, article.article_id)
    if source is not None and is_compared(source, ingest):
        signed, edited_ids = sign_drafts([article]), [article.article_id]
        place_in_stories(session, [], signed, ingest.story_window, edited_ids=edited_ids)
