"""One stretch of inference: claims go in while sequences are free, completions come out.

A stretch ends when nothing waits, when its time is up, when the worker is to stop, or before an
article that has failed before: that one gets a stretch of its own, with no neighbours to take
along. Knows nothing of prompts and tokens.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeVar, cast

from sqlalchemy.orm import Session

from schemas.completions import Completion
from schemas.errors import PermanentError
from store import articles, completions, work
from store.work import Claim
from workers import attempts
from workers.journal import count, phase
from workers.mill import Mill
from workers.queues import INFERENCE, RECONSTRUCT
from workers.sending import send
from workers.sharing import Sharing
from workers.slices import Slice

T = TypeVar("T")

SAVE_EVERY_S = 0.5
"""A commit for every single completion would keep a fast model waiting for the disk."""

if TYPE_CHECKING:
    from inference.analyst import Request

Key = tuple[int, str]
"""An article's id and a lens's name: the key of a request."""


class Stretch:
    """What is claimed and not yet saved: one attempt at each of these claims."""

    def __init__(self, mill: Mill, within: Slice) -> None:
        self._mill = mill
        self._slice = within
        self._in_flight: dict[Key, Claim] = {}
        self._sharing = Sharing(mill)
        self._extended_at = time.monotonic()
        self.is_empty = True
        """Whether nothing was there to be claimed."""

    def attempt(self) -> AbstractContextManager[None]:
        """Run the body as one attempt at whatever is in flight when it ends."""
        return attempts.attempt(self._mill, self._in_flight.values())

    def requests(self) -> Iterator[Request]:
        """Claim and hand over articles, a few at a time, as the analyst asks for more."""
        sequences = self._mill.settings.inference.sequences
        batch = attempts.claim(self._mill, INFERENCE, None, limit=sequences)
        self.is_empty = not batch
        while batch:
            yield from self._open(batch)
            if _is_alone(batch) or self._slice.is_over:
                return
            # Few: what is claimed early waits here, where a more urgent article cannot overtake it.
            batch = attempts.claim(self._mill, INFERENCE, None, limit=max(1, sequences // 2))
            if _is_alone(batch):
                attempts.give_back(self._mill, batch)
                return

    def save(self, done: Sequence[tuple[Request, Completion]]) -> None:
        """Store completions as they come, and let their reconstruction follow."""
        keys = [cast(Key, request.key) for request, _ in done]
        rows = [(key[0], completion) for key, (_, completion) in zip(keys, done, strict=True)]
        with phase("store"), self._mill.database.begin() as session:
            completion_ids = completions.save(session, rows)
            followers = self._sharing.copy_to_followers(session, keys)
            completion_ids += followers.values()
            work.enqueue(session, RECONSTRUCT, completion_ids, again=True)
            work.finish(session, [self._in_flight[key] for key in (*keys, *followers)])
            self._extend_leases(session)
        for key in (*keys, *followers):
            del self._in_flight[key]
        count(completed=len(done), copied=len(followers))
        send(self._mill.settings, {RECONSTRUCT: completion_ids})

    def _open(self, batch: Sequence[Claim]) -> Iterator[Request]:
        """Turn claims into requests; what cannot be one is settled at once."""
        from inference.analyst import Request  # Only this worker is to load llama.cpp.

        self._in_flight |= {(claim.subject_id, claim.lens): claim for claim in batch}
        for settled in self._sharing.settle(batch):
            del self._in_flight[settled]
        batch = [claim for claim in batch if (claim.subject_id, claim.lens) in self._in_flight]
        with phase("load"), self._mill.database.begin() as session:
            found = articles.load(session, [claim.subject_id for claim in batch])
        by_id = {article.article_id: article for article in found}
        for claim in batch:
            article, lens = by_id.get(claim.subject_id), self._mill.lenses.get(claim.lens)
            if article is None or lens is None:
                missing = "article is gone" if article is None else "lens is not in use"
                self.refuse((claim.subject_id, claim.lens), PermanentError(f"the {missing}"))
                continue
            if self._sharing.follows(claim.subject_id, claim.lens):
                continue
            yield Request((claim.subject_id, claim.lens), article.title, article.text, lens)

    def refuse(self, key: Key, error: Exception) -> None:
        """End the attempt at one article alone."""
        attempts.fail(self._mill, [self._in_flight.pop(key)], error)

    def _extend_leases(self, session: Session) -> None:
        """Keep what is in flight ours, long before its leases end."""
        lease = self._mill.settings.queue.lease
        now = time.monotonic()
        if now - self._extended_at > lease.total_seconds() / 3:
            work.extend(session, list(self._in_flight.values()), lease)
            self._extended_at = now


def gather(items: Iterable[T], every_s: float = SAVE_EVERY_S) -> Iterator[list[T]]:
    """Put together what comes within `every_s`; what came before an error still comes out."""
    gathered: list[T] = []
    give_at = time.monotonic() + every_s
    try:
        for item in items:
            gathered.append(item)
            if time.monotonic() >= give_at:
                yield gathered
                gathered, give_at = [], time.monotonic() + every_s
    except Exception:
        if gathered:
            yield gathered
        raise
    if gathered:
        yield gathered


def _is_alone(batch: Sequence[Claim]) -> bool:
    """Whether this is work that failed before; the store gives it out one by one."""
    return any(claim.alone for claim in batch)
