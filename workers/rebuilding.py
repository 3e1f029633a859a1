"""From stored completions to stored analyses: for the reconstruct task and for all of history.

Only moves rows; what a stream says, `schemas.analyses.rebuild` decides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from schemas.analyses import rebuild
from schemas.errors import PermanentError
from schemas.fields import ParseContext
from schemas.lens import Lens
from store import articles, completions
from store.analyses import Rebuilt
from store.articles import StoredArticle
from store.completions import StoredCompletion
from store.database import Database


def _leave_none(_lens: str) -> bool:
    return False


def rebuild_stored(
    database: Database,
    completion_ids: Collection[int],
    lenses: Mapping[str, Lens],
    leaves_out: Callable[[str], bool] = _leave_none,
) -> list[Rebuilt]:
    """Read completions and their articles, and rebuild the analyses; writes nothing.

    leaves_out: tells the lenses whose completions stay as they are. Raises PermanentError when one
    is of another lens that is not here.
    """
    with database.begin() as session:
        stored = completions.load(session, completion_ids)
        stored = [each for each in stored if not leaves_out(each.completion.lens)]
        found = articles.load(session, {each.article_id for each in stored})
    by_id = {article.article_id: article for article in found}
    return [_rebuild_one(each, by_id[each.article_id], lenses) for each in stored]


def _rebuild_one(
    stored: StoredCompletion, article: StoredArticle, lenses: Mapping[str, Lens]
) -> Rebuilt:
    lens = lenses.get(stored.completion.lens)
    if lens is None:
        raise PermanentError(
            f"the lens {stored.completion.lens!r} is not here", completion_id=stored.completion_id
        )
    context = ParseContext.of_article(article.title, article.text, article.links)
    analysis = rebuild(stored.completion, lens, context)
    return Rebuilt(stored.article_id, stored.completion_id, analysis, stored.read_at)
