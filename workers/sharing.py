"""One reading for all articles whose title and text agree.

An article whose twin this build has read, with no less effort than it would be read with itself,
gets a copy of that completion and is done. One whose twin is being read in the same stretch and
at the same effort follows it. What another worker reads at the same moment is read twice, which
costs time and does no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy.orm import Session

from ingest.identity import text_key
from schemas.effort import Effort
from store import articles, completions, work
from store.articles import StoredArticle
from store.completions import Copied, Wanted
from store.work import Claim
from workers.journal import count, phase
from workers.mill import Mill
from workers.queues import BACK_FILL, INFERENCE, KEPT, RECONSTRUCT
from workers.sending import send

Key = tuple[int, str]
"""An article's id and a lens's name."""

_Reading = tuple[str, str, Effort]
"""What is read of several articles at once: text key, lens, effort."""


class Sharing:
    """What is known in one stretch about articles that say the same."""

    def __init__(self, mill: Mill) -> None:
        self._mill = mill
        self._is_on = mill.settings.inference.read_once
        self._text_keys: dict[int, str] = {}
        """Of the articles as they were loaded last."""
        self._leaders: dict[_Reading, Key] = {}
        """Who is read for all."""
        self._led: dict[Key, _Reading] = {}
        self._followers: dict[Key, list[Key]] = {}

    def settle(
        self, batch: Sequence[Claim], found: Iterable[StoredArticle], effort: Effort
    ) -> list[Claim]:
        """Finish the claims that an earlier reading answers; returns those.

        An article that was edited since it was found waits to be read anew.
        """
        if not self._is_on:
            return []
        found = list(found)
        self._text_keys |= {each.article_id: text_key(each.title, each.text) for each in found}
        with phase("share"), self._mill.database.begin() as session:
            copies = self.copy(session, [(each.subject_id, each.lens) for each in batch], effort)
            settled = [each for each in batch if (each.subject_id, each.lens) in copies]
            copied_ids = [copy.completion_id for copy in copies.values()]
            work.enqueue(session, RECONSTRUCT, copied_ids, again=True)
            work.finish(session, settled)
            states = {each.article_id: each.state for each in found}
            edited_ids = articles.list_edited(session, states) if settled else set()
            edited = [key for key in copies if key[0] in edited_ids]
            work.enqueue(session, INFERENCE, edited, priority=KEPT)
            work.enqueue(session, INFERENCE, list_unfinished(copies), priority=BACK_FILL)
        count(copied=len(copies))
        send(self._mill.settings, {RECONSTRUCT: copied_ids})
        return settled

    def follows(self, key: Key, effort: Effort) -> bool:
        """Whether another article of this stretch is read for this one; else it leads."""
        article_id, lens = key
        if not self._is_on or article_id not in self._text_keys:
            return False
        reading = (self._text_keys[article_id], lens, effort)
        leader = self._leaders.setdefault(reading, key)
        if leader == key:
            self._led[key] = reading
            return False
        self._followers.setdefault(leader, []).append(key)
        return True

    def take_followers(self, read: Iterable[Key]) -> list[Key]:
        """Give those who follow articles that have just been read. Who comes later leads anew."""
        followers: list[Key] = []
        for leader in read:
            followers += self._followers.pop(leader, ())
            if leader in self._led:
                del self._leaders[self._led.pop(leader)]
        return followers

    def copy(
        self, session: Session, keys: Iterable[Key], least: Effort = Effort.GATE
    ) -> dict[Key, Copied]:
        """Copy to articles what was read of the same text, with this effort or more."""
        lenses = self._mill.lenses
        wanted = [
            Wanted(article_id, lens, lenses[lens].contract.version, self._text_keys[article_id])
            for article_id, lens in keys
            if lens in lenses and article_id in self._text_keys
        ]
        build = self._mill.analyst.build.name
        return completions.copy_read(session, wanted, build, least=least)


def list_unfinished(copies: Mapping[Key, Copied]) -> list[Key]:
    """Give the copies of what was not read in full: they are to be made whole as well."""
    return [key for key, copy in copies.items() if copy.effort is not Effort.FULL]
