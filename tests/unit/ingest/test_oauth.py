"""Grants: refreshed, outlived, withdrawn; and what may be told to whom."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from ingest.credentials import Credentials, Grant, TokenCommand
from ingest.mail_tokens import TokenGiver, run_command
from ingest.oauth import LoginGoneError, OAuthClient, check_address, read_client_file, refresh
from schemas.errors import ConfigError, PermanentError, TransientError
from tests.mailservers.gmail import CLIENT_ID, CLIENT_SECRET, GmailMailbox, run_gmail

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def mailbox() -> GmailMailbox:
    return GmailMailbox()


@pytest.fixture
def grant(mailbox: GmailMailbox) -> Iterator[Grant]:
    with run_gmail(mailbox) as url:
        yield Grant(
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            token_url=f"{url}/token",
            refresh_token="refresh-1",
            dies_at=NOW + timedelta(days=7),
        )


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with httpx2.Client() as http:
        yield http


def test_token_is_refreshed_when_it_ends_and_kept(
    grant: Grant, mailbox: GmailMailbox, tmp_path: Path
) -> None:
    kept = Credentials(tmp_path)
    giver = TokenGiver(kept, "a", grant, timeout_s=5, advice="", now=NOW)
    assert giver(renew=False) == "access-1"
    mailbox.access_token = "access-2"
    assert giver(renew=False) == "access-1"
    assert giver(renew=True) == "access-2"
    found = kept.find("a")
    assert isinstance(found, Grant)
    later = TokenGiver(kept, "a", found, timeout_s=5, advice="", now=NOW + HOUR / 2)
    assert later(renew=False) == "access-2"
    assert [path for _, path in mailbox.asked] == ["/token", "/token"]
    TokenGiver(kept, "a", found, timeout_s=5, advice="", now=NOW + HOUR)(renew=False)
    assert len(mailbox.asked) == 3


def test_withdrawn_login_is_a_permanent_error_with_advice(
    grant: Grant, mailbox: GmailMailbox, tmp_path: Path
) -> None:
    mailbox.refresh_token = "refresh-2"
    giver = TokenGiver(
        Credentials(tmp_path), "a", grant, timeout_s=5, advice="log in again", now=NOW
    )
    with pytest.raises(LoginGoneError, match=r"has expired or was withdrawn; log in again$"):
        giver(renew=False)


def test_login_that_outlives_its_week_was_none_of_a_test(grant: Grant, http: httpx2.Client) -> None:
    assert refresh(http, grant, NOW).dies_at == NOW + timedelta(days=7)
    assert refresh(http, grant, NOW + timedelta(days=8)).dies_at is None


def test_other_refusals_are_told_in_the_servers_words(grant: Grant, http: httpx2.Client) -> None:
    wrong = grant.model_copy(update={"client_secret": "no"})
    with pytest.raises(PermanentError, match=r"refused \(invalid_client Unauthorized\)"):
        refresh(http, wrong, NOW)
    away = grant.model_copy(update={"token_url": "http://127.0.0.1:1/token"})
    with pytest.raises(TransientError):
        refresh(http, away, NOW)


def test_only_this_machine_is_told_secrets_in_the_clear() -> None:
    check_address("https://oauth2.googleapis.com/token")
    check_address("http://127.0.0.1:80/token")
    for address in ("http://a.example/token", "ftp://127.1.2.3.example/", "token"):
        with pytest.raises(ConfigError, match="https only"):
            check_address(address)


def test_client_file_of_a_desktop_app_is_read(tmp_path: Path) -> None:
    file = tmp_path / "client.json"
    content = {
        "client_id": "c",
        "client_secret": "s",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "redirect_uris": ["http://localhost"],
    }
    file.write_text(json.dumps({"installed": content}))
    assert read_client_file(file) == OAuthClient(**content)
    file.write_text(json.dumps({"web": content}))
    with pytest.raises(ConfigError, match="Desktop app"):
        read_client_file(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_client_file(tmp_path / "none.json")


def python(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


def test_command_gives_the_token_of_its_first_line(tmp_path: Path) -> None:
    login = TokenCommand(command=python("print('tok'); print('more')"))
    giver = TokenGiver(Credentials(tmp_path), "a", login, timeout_s=5, advice="", now=NOW)
    assert giver(renew=False) == "tok"


COMMANDS = [
    (python("raise SystemExit(3)"), TransientError, "ended with 3"),
    (python("pass"), PermanentError, "printed no token"),
    ("/no/such/program", PermanentError, "cannot be run"),
    ("'open quote", PermanentError, "cannot be run"),
    ("", PermanentError, "cannot be run"),
]


@pytest.mark.parametrize(("command", "kind", "reason"), COMMANDS)
def test_command_without_a_token_is_an_error(
    command: str, kind: type[Exception], reason: str
) -> None:
    with pytest.raises(kind, match=reason):
        run_command(command)
