"""The Gmail client: moves bytes and nothing else; documented REST calls, limits, typed failures.

Only GET is ever sent. It waits briefly where Gmail asks for that, then leaves the rest to the
queue's retries. It does not know which mails are new.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from ingest.gmail_answers import (
    ErrorAnswer,
    HistoryPage,
    LabelList,
    MessageHead,
    MessagePage,
    Profile,
    RawMessage,
)
from ingest.http_errors import type_fault
from ingest.mail import MAX_MAIL_BYTES
from ingest.oauth import check_address
from schemas.closing import Closing
from schemas.errors import PermanentError, TransientError

API_URL = "https://gmail.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/gmail.readonly"
PAGE = 500
"""The most that the API gives to a page."""
MAX_ANSWER_BYTES = 4 * MAX_MAIL_BYTES // 3 + 100_000
"""A mail in base64, and what stands around it."""
PASSING_REASONS = frozenset(
    {"rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded", "backendError"}
)
WAITS_S = (1.0, 2.0, 4.0)
"""Before the second try and those after it; Gmail's limits are by the second and the minute."""
LONGEST_WAIT_S = 30.0
MOST_WAITED_S = 60.0
"""In all, by one client: a poll that only waits is better tried again later."""
MAX_REASON_CHARS = 200

Answer = TypeVar("Answer", bound=BaseModel)


class GivesToken(Protocol):
    """Gives an access token; a new one when `renew` says that the last was refused."""

    def __call__(self, *, renew: bool) -> str: ...


class TooLargeError(PermanentError):
    """An answer is larger than any mail that is read."""


class GmailClient(Closing):
    """One account's mailbox. Use as a context manager or call `close`."""

    def __init__(
        self,
        give_token: GivesToken,
        *,
        user_agent: str,
        timeout_s: float,
        api_url: str = API_URL,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Open nothing yet."""
        check_address(api_url)
        self._give_token = give_token
        self._token = ""
        self._waited_s = 0.0
        self._sleep = sleep
        self._http = httpx2.Client(
            base_url=f"{api_url.rstrip('/')}/gmail/v1/users/me/",
            headers={"User-Agent": user_agent},
            timeout=timeout_s,
        )

    def read_profile(self) -> Profile:
        """Read whose mailbox it is, and the id of its last change."""
        return self._get(Profile, "profile")

    def list_labels(self) -> dict[str, str]:
        """Give the id of each label by its name."""
        return {label.name: label.id for label in self._get(LabelList, "labels").labels}

    def list_messages(self, label_id: str | None, query: str) -> Iterator[str]:
        """Give the ids of all messages with a label that a query finds, the newest first."""
        wanted = {"labelIds": label_id, "q": query, "maxResults": PAGE}
        page = self._get(MessagePage, "messages", wanted)
        while True:
            yield from (message.id for message in page.messages)
            if not page.next_page:
                return
            page = self._get(MessagePage, "messages", {**wanted, "pageToken": page.next_page})

    def list_history(self, after: int, label_id: str | None) -> Iterator[HistoryPage] | None:
        """Give the changes after a history id, page by page; None when it is too old (404)."""
        wanted: dict[str, Any] = {
            "startHistoryId": after,
            "historyTypes": ["messageAdded", "labelAdded"],
            "labelId": label_id,
            "maxResults": PAGE,
        }
        first = self._find(HistoryPage, "history", wanted)
        return None if first is None else self._turn(first, wanted)

    def read_head(self, message_id: str) -> MessageHead | None:
        """Read a message's labels and date; None when it is gone."""
        return self._find(MessageHead, f"messages/{message_id}", {"format": "minimal"})

    def read_message(self, message_id: str) -> RawMessage | None:
        """Read a message; None when it is gone. TooLargeError beyond the limit."""
        return self._find(RawMessage, f"messages/{message_id}", {"format": "raw"})

    def close(self) -> None:
        self._http.close()

    def _turn(self, page: HistoryPage, wanted: dict[str, Any]) -> Iterator[HistoryPage]:
        yield page
        while page.next_page:
            page = self._get(HistoryPage, "history", {**wanted, "pageToken": page.next_page})
            yield page

    def _get(self, kind: type[Answer], path: str, wanted: dict[str, Any] | None = None) -> Answer:
        answer = self._find(kind, path, wanted)
        if answer is None:
            raise PermanentError(f"Gmail: {path} is not there (404)")
        return answer

    def _find(
        self, kind: type[Answer], path: str, wanted: dict[str, Any] | None = None
    ) -> Answer | None:
        given = {name: value for name, value in (wanted or {}).items() if value}
        status, body = self._send(path, given)
        if status == 404:
            return None
        try:
            return kind.model_validate_json(body)
        except ValidationError:
            raise TransientError(f"Gmail: the answer to {path} cannot be read") from None

    def _send(self, path: str, wanted: dict[str, Any]) -> tuple[int, bytes]:
        """Ask, and again after a refresh or a wait; returns 200 or 404, and the body."""
        renewed = False
        self._token = self._token or self._give_token(renew=False)
        for wait_s in (*WAITS_S, None):
            status, body, retry_after = self._send_once(path, wanted)
            if status == 401 and not renewed:
                renewed = True
                self._token = self._give_token(renew=True)
                status, body, retry_after = self._send_once(path, wanted)
            if status in {200, 404}:
                return status, body
            error = _to_error(status, body)
            if isinstance(error, PermanentError) or wait_s is None:
                raise error
            self._wait(max(wait_s, retry_after), error)
        raise AssertionError  # The last turn returns or raises.

    def _wait(self, wait_s: float, error: TransientError) -> None:
        """Wait within bounds, or raise the error that asked for it."""
        wait_s = min(wait_s, LONGEST_WAIT_S)
        self._waited_s += wait_s
        if self._waited_s > MOST_WAITED_S:
            raise error
        self._sleep(wait_s)

    def _send_once(self, path: str, wanted: dict[str, Any]) -> tuple[int, bytes, float]:
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            with self._http.stream("GET", path, params=wanted, headers=headers) as response:
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise TooLargeError("Gmail: the answer is larger than any mail")
                wait = response.headers.get("Retry-After", "")
                return response.status_code, bytes(body), float(wait) if wait.isdecimal() else 0.0
        except httpx2.RequestError as error:
            raise type_fault(error, "Gmail") from error


def _to_error(status: int, body: bytes) -> PermanentError | TransientError:
    try:
        answer = ErrorAnswer.model_validate_json(body)
    except ValidationError:
        answer = ErrorAnswer()
    message = " ".join(answer.error.message.split())[:MAX_REASON_CHARS]
    told = f"Gmail answered {status}" + (f": {message}" if message else "")
    passes = status == 429 or status >= 500 or answer.reasons & PASSING_REASONS
    return TransientError(told) if passes else PermanentError(told)
