"""A round of polls: sources that are polled one after the other, but looked up and noted together.

Most polls find nothing, and then what stands around the request costs more than the request. A
round is short: what it does not get to in a few seconds goes back to the queue, so that neither
leases nor holds on hosts run out behind a slow server.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from schemas.errors import PermanentError
from store import sources, work
from store.sources import StoredSource
from store.work import Claim
from workers.attempts import attempt, fail, give_back
from workers.journal import count, phase
from workers.mill import Mill
from workers.polling import Poll, note_polls, read_and_store
from workers.queues import INGEST
from workers.sending import send
from workers.slices import Slice
from workers.visits import await_hosts, let_go, name_host, take_hosts

LENGTH = timedelta(seconds=5)
"""After which no further poll is begun."""
NOTE_EVERY_S = 1.0


class Round:
    """One attempt at each of some claims."""

    def __init__(self, mill: Mill, claims: Sequence[Claim]) -> None:
        self._mill = mill
        self._claims = {claim.subject_id: claim for claim in claims}
        """Those that are neither finished nor given back."""
        self._hosts: set[str] = set()
        """Those that are ours."""
        self._asked_at: dict[str, float] = {}
        self._polls: list[Poll] = []
        """Read, and not yet noted: those that found nothing."""
        self._noted_at = time.monotonic()
        self._going_on: list[list[int]] = []
        """Sources that go on in another message, by message."""

    def run(self) -> bool:
        """Poll what can be polled now; tells whether some of it goes on in another message."""
        try:
            self._poll_all()
        finally:
            left = list(self._claims)
            self._let_go(left)
            let_go(self._mill, self._hosts)
        for source_ids in [*self._going_on, left]:
            send(self._mill.settings, {INGEST: source_ids})
        return bool(self._going_on or left)

    def _poll_all(self) -> None:
        within, is_begun = Slice(LENGTH), False
        for source in self._open():
            if within.is_over and is_begun:
                break
            self._poll(source)
            is_begun = True
            if time.monotonic() - self._noted_at > NOTE_EVERY_S:
                self._note()
        self._note()

    def _open(self) -> list[StoredSource]:
        """Load the sources and take their hosts; gives those to poll in this round."""
        with phase("load"), self._mill.database.begin() as session:
            found = sources.load_all(session, list(self._claims))
            hosts = {each.source_id: name_host(each.location) for each in found}
            names = {host for host in hosts.values() if host}
            waits = take_hosts(self._mill, session, names)
        self._hosts = names - waits.keys()
        waits = await_hosts(self._mill, waits)
        self._hosts = names - waits.keys()
        self._refuse_missing({each.source_id for each in found})
        self._postpone({each: waits[host] for each, host in hosts.items() if host in waits})
        self._part_long(found)
        return [each for each in found if each.source_id in self._claims]

    def _refuse_missing(self, found_ids: set[int]) -> None:
        for source_id in self._claims.keys() - found_ids:
            error = PermanentError("the source does not exist any more", source_id=source_id)
            fail(self._mill, [self._claims.pop(source_id)], error)

    def _postpone(self, waits: dict[int, timedelta]) -> None:
        """Let sources whose host is in use come later, at no cost of attempts."""
        if waits:
            with self._mill.database.begin() as session:
                for source_id, wait in waits.items():
                    work.release(session, [self._claims.pop(source_id)], delay=wait)
            count(postponed=len(waits))

    def _part_long(self, found: Sequence[StoredSource]) -> None:
        """Give files and mailboxes, which may take minutes, a message of their own."""
        long = [each.source_id for each in found if each.kind != "feed"]
        apart = [each for each in long if each in self._claims and len(self._claims) > 1]
        self._let_go(apart)
        self._going_on += [[source_id] for source_id in apart]

    def _poll(self, source: StoredSource) -> None:
        """Poll one source; whatever is wrong with it, the others are not concerned."""
        claim, host = self._claims[source.source_id], name_host(source.location)
        self._rest(host)
        with attempt(self._mill, [claim], on_failure=sources.record_failure):
            poll = read_and_store(self._mill, source, claim)
            if poll.is_partial:
                self._let_go([source.source_id])
                self._going_on.append([source.source_id])
            elif poll.is_plain:
                self._polls.append(poll)
            else:
                with phase("store"), self._mill.database.begin() as session:
                    note_polls(self._mill, session, [poll])
                    work.finish(session, [claim])
        # It is finished, given back or failed by now, unless it is to be noted with others.
        if claim not in [poll.claim for poll in self._polls]:
            self._claims.pop(source.source_id, None)
        if host is not None:
            self._asked_at[host] = time.monotonic()

    def _rest(self, host: str | None) -> None:
        """Leave a host in peace for a moment between two of its sources."""
        if host in self._asked_at:
            pause_s = self._mill.settings.ingest.host_delay.total_seconds()
            time.sleep(max(0.0, self._asked_at[host] + pause_s - time.monotonic()))

    def _note(self) -> None:
        """Note the polls that found nothing, in one transaction, and keep the rest ours."""
        if self._polls:
            with phase("store"), self._mill.database.begin() as session:
                note_polls(self._mill, session, self._polls)
                work.finish(session, [poll.claim for poll in self._polls])
                lease = self._mill.settings.queue.lease
                work.extend(session, list(self._claims.values()), lease)
        # Not before: what could not be noted is given back.
        for poll in self._polls:
            del self._claims[poll.source.source_id]
        self._polls = []
        self._noted_at = time.monotonic()

    def _let_go(self, source_ids: Sequence[int]) -> None:
        """Return claims with their attempts."""
        give_back(self._mill, [self._claims.pop(source_id) for source_id in source_ids])
