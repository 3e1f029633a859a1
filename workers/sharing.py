"""One reading for all articles whose title and text agree.

An article whose twin this build has read gets a copy of that completion and is done. One whose
twin is being read in the same stretch follows it. What another worker reads at the same moment
is read twice, which costs time and does no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy.orm import Session

from store import completions, signatures, work
from store.work import Claim
from workers.journal import count, phase
from workers.mill import Mill
from workers.queues import RECONSTRUCT
from workers.sending import send

Key = tuple[int, str]
"""An article's id and a lens's name."""


class Sharing:
    """What is known in one stretch about articles that say the same."""

    def __init__(self, mill: Mill) -> None:
        self._mill = mill
        self._is_on = mill.settings.inference.read_once
        self._text_keys: dict[int, str] = {}
        self._leaders: dict[tuple[str, str], Key] = {}
        """Text key and lens → who is read for all."""
        self._followers: dict[Key, list[Key]] = {}

    def settle(self, batch: Sequence[Claim]) -> list[Key]:
        """Finish the claims that an earlier reading answers; returns their keys."""
        if not self._is_on or not batch:
            return []
        with phase("share"), self._mill.database.begin() as session:
            article_ids = [claim.subject_id for claim in batch]
            self._text_keys |= signatures.load_text_keys(session, article_ids)
            copied = self._copy(session, [(claim.subject_id, claim.lens) for claim in batch])
            work.enqueue(session, RECONSTRUCT, copied.values(), again=True)
            work.finish(
                session, [claim for claim in batch if (claim.subject_id, claim.lens) in copied]
            )
        count(copied=len(copied))
        send(self._mill.settings, {RECONSTRUCT: list(copied.values())})
        return list(copied)

    def follows(self, article_id: int, lens: str) -> bool:
        """Whether another article of this stretch is read for this one; else it leads."""
        text_key = self._text_keys.get(article_id)
        if text_key is None:
            return False
        leader = self._leaders.setdefault((text_key, lens), (article_id, lens))
        if leader == (article_id, lens):
            return False
        self._followers.setdefault(leader, []).append((article_id, lens))
        return True

    def copy_to_followers(self, session: Session, read: Iterable[Key]) -> dict[Key, int]:
        """Copy completions just saved to those who follow; returns the copies' ids."""
        followers: list[Key] = []
        for article_id, lens in read:
            followers += self._followers.pop((article_id, lens), ())
            # Who comes later finds the completion, or leads anew.
            self._leaders.pop((self._text_keys.get(article_id, ""), lens), None)
        return self._copy(session, followers)

    def _copy(self, session: Session, keys: Iterable[Key]) -> dict[Key, int]:
        lenses = self._mill.lenses
        wanted = [
            (article_id, lens, lenses[lens].contract.version)
            for article_id, lens in keys
            if lens in lenses and article_id in self._text_keys
        ]
        if not wanted:
            return {}
        return completions.copy_from_twins(session, wanted, self._mill.analyst.build.name)
