"""What becomes of a failed attempt: another one later, or a dead letter.

A pure decision: it neither sleeps nor writes. Celery's own retries are not used, since a delayed
message sits unacknowledged in a worker; `work.due_at` waits instead.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from schemas.errors import ConfigError, PermanentError, TransientError

GROWTH = 2
JITTER = 0.1
"""Share by which a delay is stretched at most, so that what failed together does not return so."""

ATTEMPTS_AT_THE_UNEXPECTED = 2
"""An error that nobody foresaw is most likely a fault in the code, which waiting does not mend."""


@dataclass(frozen=True)
class RetryDecision:
    """`delay` until the next attempt; None when the work is given up."""

    delay: timedelta | None
    reason: str

    @property
    def is_dead(self) -> bool:
        """Whether this was the last attempt."""
        return self.delay is None


def decide_retry(
    error: BaseException,
    attempts: int,
    *,
    max_attempts: int,
    first_delay: timedelta,
    longest_delay: timedelta,
    shared: bool = False,
    seed: int = 0,
) -> RetryDecision:
    """Decide what follows the failed attempt number `attempts` (1 is the first).

    An attempt that was `shared` with other work says little of any single part: all are tried
    again at once, and since they have failed, each alone (see `store.work.claim`).

    For a `first_delay` of 10 s the waits are 10, 20, 40, 80, 160 … s, at most `longest_delay`,
    each stretched by up to 10 % as `seed` has it. Where a server names a time (`retry_after` of
    the error), the wait is that long, and one that asks for more than the longest is left alone.
    Permanent errors and unusable configuration
    are not tried again; an error that is neither of these nor transient is tried twice in all.
    """
    if shared:
        return RetryDecision(timedelta(0), "something in its batch failed; next time alone")
    if isinstance(error, PermanentError | ConfigError):
        return RetryDecision(None, "another attempt would fail in the same way")
    transient = isinstance(error, TransientError)
    limit = max_attempts if transient else min(max_attempts, ATTEMPTS_AT_THE_UNEXPECTED)
    if attempts >= limit:
        return RetryDecision(None, f"attempt {attempts} of {limit} failed")
    asked = getattr(error, "retry_after", None) or timedelta(0)
    if asked > longest_delay:
        return RetryDecision(None, f"the server asks to wait for {asked}: nobody will")
    # The bound on the exponent keeps the power finite; the longest delay holds long before it.
    grown = first_delay * GROWTH ** min(attempts - 1, 30)
    stretch = 1 + JITTER * random.Random(f"{seed}:{attempts}").random()
    delay = max(asked, min(grown, longest_delay)) * stretch
    return RetryDecision(delay, f"attempt {attempts} of {limit} failed")
