"""One stretch of inference: claims go in while sequences are free, completions come out.

A stretch ends when nothing waits, when its time is up, when the worker is to stop, when another
build is live (what was begun is finished with the old one), or before an article that has failed
before: that one gets a stretch of its own, with no neighbours to take along. Knows nothing of
prompts and tokens.
"""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeVar, cast

import structlog
from sqlalchemy.orm import Session

from ingest.identity import text_key
from schemas.completions import Completion
from schemas.effort import Effort
from schemas.errors import PermanentError, TransientError
from store import articles, completions, work
from store.articles import TextState
from store.work import URGENT, Claim
from workers import attempts
from workers.journal import count, phase
from workers.mill import Mill
from workers.queues import BACK_FILL, INFERENCE, KEPT, RECONSTRUCT
from workers.sending import send
from workers.sharing import Sharing, list_unfinished
from workers.slices import Slice

log = structlog.get_logger(__name__)

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
        self._effort = Effort.FULL
        self._in_flight: dict[Key, Claim] = {}
        self._states: dict[int, TextState] = {}
        """Of the articles that were loaded, as they were then."""
        self._sharing = Sharing(mill)
        self._extended_at = time.monotonic()
        self.is_empty = True
        """Whether nothing was there to be claimed."""

    def attempt(self) -> AbstractContextManager[None]:
        """Run the body as one attempt at whatever is in flight when it ends.

        What fails a build on trial is the build's fault: it gives way, and the work waits again.
        """
        forgive = self._mill.live.refuse_trial
        return attempts.attempt(self._mill, self._in_flight.values(), forgive=forgive)

    def requests(self) -> Iterator[Request]:
        """Claim and hand over articles, a few at a time, as the analyst asks for more."""
        sequences = self._mill.analyst.sequences
        batch = self._claim(sequences)
        self.is_empty = not batch
        while batch:
            yield from self._open(batch)
            if _is_alone(batch) or self._slice.is_over or self._mill.live.is_due():
                return
            # Few: what is claimed early waits here, where a more urgent article cannot overtake it.
            batch = self._claim(max(1, sequences // 2))
            if _is_alone(batch):
                attempts.give_back(self._mill, batch)
                return

    def _claim(self, limit: int) -> list[Claim]:
        """Claim at the effort of the hour. Whoever reads in haste has no time for back-fill."""
        self._effort = self._mill.pilot.choose_effort()
        in_haste = self._effort is not Effort.FULL
        return attempts.claim(self._mill, INFERENCE, None, limit=limit, urgent_only=in_haste)

    def save(self, done: Sequence[tuple[Request, Completion]]) -> None:
        """Store completions as they come, and let their reconstruction follow.

        What was read in haste waits again at once, to be read in full when nothing else waits.
        """
        keys = [cast(Key, request.key) for request, _ in done]
        rows = [(key[0], completion) for key, (_, completion) in zip(keys, done, strict=True)]
        text_keys = {
            key: text_key(request.title, request.text)
            for key, (request, _) in zip(keys, done, strict=True)
        }
        followers = self._sharing.take_followers(keys)
        with phase("store"), self._mill.database.begin() as session:
            completion_ids = completions.save(session, rows, text_keys)
            copies = self._sharing.copy(session, followers)
            completion_ids += [copy.completion_id for copy in copies.values()]
            work.enqueue(session, RECONSTRUCT, completion_ids, again=True)
            claims = [self._in_flight[key] for key in (*keys, *copies)]
            work.finish(session, claims)
            # Whoever took no copy, its own answer being from more effort, goes its own way.
            work.release(
                session, [self._in_flight[each] for each in followers if each not in copies]
            )
            # After the old row is gone; where the claim was lost, somebody else's stays as it is.
            edited = self._list_edited(session, (*keys, *copies))
            work.enqueue(session, INFERENCE, edited, priority=KEPT)
            back_fill = completions.list_unfinished(session, rows) + list_unfinished(copies)
            work.enqueue(session, INFERENCE, back_fill, priority=BACK_FILL)
            self._extend_leases(session)
        for key in (*keys, *followers):
            del self._in_flight[key]
        back_filled = self._note_done(claims)
        count(completed=len(done), copied=len(copies))
        count(back_filled=back_filled, degraded=len(back_fill))
        send(self._mill.settings, {RECONSTRUCT: completion_ids})

    def _list_edited(self, session: Session, keys: Sequence[Key]) -> list[Key]:
        """List what got another text while the old one was read: its row was ours, none waits."""
        edited = articles.list_edited(session, {key[0]: self._states[key[0]] for key in keys})
        return [key for key in keys if key[0] in edited]

    def _note_done(self, claims: Sequence[Claim]) -> int:
        """Let the pilot know; returns how many of the claims were back-fill."""
        urgent = sum(claim.priority >= URGENT for claim in claims)
        self._mill.pilot.note_read(read=urgent, back_filled=len(claims) - urgent)
        return len(claims) - urgent

    def _open(self, batch: Sequence[Claim]) -> Iterator[Request]:
        """Turn claims into requests; what cannot be one is settled at once."""
        from inference.analyst import Request  # Only this worker is to load llama.cpp.

        self._in_flight |= {(claim.subject_id, claim.lens): claim for claim in batch}
        with phase("load"), self._mill.database.begin() as session:
            found = articles.load(session, [claim.subject_id for claim in batch])
        by_id = {article.article_id: article for article in found}
        batch = self._let_go(batch, by_id)
        settled = self._sharing.settle(batch, found, self._effort)
        self._note_done(settled)
        for claim in settled:
            del self._in_flight[claim.subject_id, claim.lens]
        self._states |= {article.article_id: article.state for article in found}
        for key in [(claim.subject_id, claim.lens) for claim in batch if claim not in settled]:
            article, lens = by_id[key[0]], self._mill.lenses.get(key[1])
            if lens is None:
                self.refuse(key, PermanentError(f"the lens {key[1]!r} is not here"))
            elif not self._sharing.follows(key, self._effort):
                yield Request(key, article.title, article.text, lens, self._effort)

    def _let_go(self, batch: Sequence[Claim], there: Container[int]) -> list[Claim]:
        """Finish what waits for articles that are gone or lenses left out by now; gives the rest.

        there: the articles that are not gone.
        """
        let_go = [
            claim
            for claim in batch
            if claim.subject_id not in there or self._mill.leaves_out(claim.lens)
        ]
        if let_go:
            with self._mill.database.begin() as session:
                work.finish(session, let_go)
            for claim in let_go:
                del self._in_flight[claim.subject_id, claim.lens]
            count(let_go=len(let_go))
        return [claim for claim in batch if claim not in let_go]

    def refuse(self, key: Key, error: Exception) -> None:
        """End the attempt at one article, and at those that say the same, each by itself."""
        for each in (key, *self._sharing.take_followers([key])):
            attempts.fail(self._mill, [self._in_flight.pop(each)], error)

    def refuse_request(self, request: Request, error: PermanentError) -> None:
        """End the attempt at an article that the build cannot be asked for.

        Raises the error where the build is on trial: the one before may have room for it.
        """
        if self._mill.live.is_on_trial:
            raise error
        self.refuse(cast(Key, request.key), error)

    def keep_leases(self) -> None:
        """Keep what is in flight ours while nothing is saved: a slow machine decodes for minutes.

        To be called often. A database that is away is asked again, in good time before the end.
        """
        if not self._is_extension_due:
            return
        try:
            with self._mill.database.begin() as session:
                self._extend_leases(session)
        except TransientError as error:
            log.warning("leases_not_extended", error=str(error))
            self._extended_at += self._third_s / 3

    @property
    def _third_s(self) -> float:
        return self._mill.settings.queue.lease.total_seconds() / 3

    @property
    def _is_extension_due(self) -> bool:
        """Whether a third of the leases' time is over."""
        return time.monotonic() - self._extended_at > self._third_s

    def _extend_leases(self, session: Session) -> None:
        """Keep what is in flight ours, long before its leases end."""
        if self._is_extension_due:
            work.extend(session, list(self._in_flight.values()), self._mill.settings.queue.lease)
            self._extended_at = time.monotonic()


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
