"""Access tokens for mail servers: out of a kept grant, refreshed when needed, or from a command."""

from __future__ import annotations

import shlex
import subprocess
from datetime import datetime

import httpx2

from ingest.credentials import Credentials, Grant, TokenCommand
from ingest.oauth import LoginGoneError, is_fresh, refresh
from schemas.errors import PermanentError, TransientError

COMMAND_TIMEOUT_S = 60.0


class TokenGiver:
    """Gives the tokens of one account for the time of a poll."""

    def __init__(
        self,
        credentials: Credentials,
        account: str,
        login: Grant | TokenCommand,
        *,
        timeout_s: float,
        advice: str,
        now: datetime,
    ) -> None:
        """advice: what a person is told to do when the grant has ended."""
        self._credentials = credentials
        self._account = account
        self._login = login
        self._timeout_s = timeout_s
        self._advice = advice
        self._now = now

    def __call__(self, *, renew: bool) -> str:
        """Give a token; with `renew` never one that was given before."""
        if isinstance(self._login, TokenCommand):
            return run_command(self._login.command)
        if renew or not is_fresh(self._login, self._now):
            self._login = self._refresh(self._login)
            self._credentials.keep(self._account, self._login)
        return self._login.access_token

    def _refresh(self, grant: Grant) -> Grant:
        try:
            with httpx2.Client(timeout=self._timeout_s) as http:
                return refresh(http, grant, self._now)
        except LoginGoneError as error:
            raise LoginGoneError(f"{error}; {self._advice}") from error


def run_command(command: str) -> str:
    """Run a command for a token; its output is a secret and stands in no message."""
    try:
        done = subprocess.run(
            shlex.split(command),
            capture_output=True,
            check=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise TransientError(f"the token command took over {COMMAND_TIMEOUT_S:g} s") from error
    except subprocess.CalledProcessError as error:
        raise TransientError(f"the token command ended with {error.returncode}") from None
    except (OSError, ValueError, IndexError) as error:
        raise PermanentError(f"the token command cannot be run: {error}") from error
    token = done.stdout.partition("\n")[0].strip()
    if not token or not token.isprintable():
        raise PermanentError("the token command printed no token on its first line")
    return token
