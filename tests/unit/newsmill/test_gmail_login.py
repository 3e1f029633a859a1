"""The login to Gmail, against a real server that plays Google and a person who agrees at once."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner

from ingest.credentials import FOLDER, Credentials, Grant, Password
from ingest.mail_locations import gmail_account
from ingest.oauth import OAuthClient
from newsmill.commands.gmail import app
from newsmill.doctor.check import Status
from newsmill.doctor.examination import look_at_logins
from newsmill.gmail_login import log_in
from newsmill.mail_logins import list_login_concerns
from schemas.errors import ConfigError, PermanentError
from tests.mailservers.gmail import ADDRESS, CLIENT_ID, CLIENT_SECRET, GmailMailbox, run_gmail

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)


@pytest.fixture
def google() -> GmailMailbox:
    return GmailMailbox()


@pytest.fixture
def url(google: GmailMailbox) -> Iterator[str]:
    with run_gmail(google) as url:
        yield url


class Browser:
    """Opens the address that it is shown, with other visitors at the port before it."""

    def __init__(self, *earlier: str) -> None:
        self.earlier = earlier
        self.told = ""
        self._thread = threading.Thread()

    def __call__(self, address: str) -> None:
        self._thread = threading.Thread(target=self._open, args=(address,))
        self._thread.start()

    def _open(self, address: str) -> None:
        redirect = httpx2.URL(address).params["redirect_uri"]
        for path in self.earlier:
            httpx2.get(f"{redirect}{path}")
        self.told = httpx2.get(address, follow_redirects=True).text

    def close(self) -> None:
        self._thread.join()


def client_of(url: str) -> OAuthClient:
    return OAuthClient(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        auth_uri=f"{url}/auth",
        token_uri=f"{url}/token",
    )


def log_in_with(
    browser: Browser, url: str, *, published: bool = False, wait_s: float = 30
) -> Grant:
    try:
        return log_in(
            client_of(url),
            port=0,
            wait_s=wait_s,
            timeout_s=10,
            published=published,
            show=browser,
            now=NOW,
        )
    finally:
        browser.close()


def test_login_gives_a_grant_whoever_else_calls_at_the_port(url: str) -> None:
    browser = Browser("/favicon.ico", "/?code=forged&state=guess", "/?code=forged")
    grant = log_in_with(browser, url)
    assert (grant.refresh_token, grant.access_token) == ("refresh-1", "access-1")
    assert grant.dies_at == NOW + timedelta(seconds=604_799)
    assert "close this window" in browser.told


def test_login_lives_a_week_where_nobody_says_otherwise(google: GmailMailbox, url: str) -> None:
    google.refresh_life_s = None
    assert log_in_with(Browser(), url).dies_at == NOW + timedelta(days=7)
    assert log_in_with(Browser(), url, published=True).dies_at is None


def test_refused_login_and_one_that_nobody_answers_are_errors(url: str) -> None:
    def refuse(address: str) -> None:
        asked = httpx2.URL(address).params
        target = f"{asked['redirect_uri']}/?error=access_denied&state={asked['state']}"
        thread = threading.Thread(target=httpx2.get, args=(target,))
        thread.start()
        threads.append(thread)

    threads: list[threading.Thread] = []
    client = client_of(url)
    with pytest.raises(PermanentError, match="access_denied"):
        log_in(client, port=0, wait_s=30, timeout_s=5, published=False, show=refuse, now=NOW)
    threads[0].join()
    with pytest.raises(PermanentError, match=r"nobody logged in within 0\.01 s"):
        log_in(
            client,
            port=0,
            wait_s=0.01,
            timeout_s=5,
            published=False,
            show=lambda _: None,
            now=NOW,
        )


def test_command_keeps_the_login_and_remembers_the_app(
    google: GmailMailbox, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "client.json"
    file.write_text(json.dumps({"installed": client_of(url).model_dump()}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NEWSMILL_MAIL__GMAIL_URL", url)
    first, second = Browser(), Browser()
    monkeypatch.setattr("newsmill.commands.gmail._show", first)
    done = CliRunner().invoke(app, ["login", "--client-secrets", str(file)])
    first.close()
    assert done.exit_code == 0, done.output
    assert f"logged in as {ADDRESS}" in done.output
    assert "Google ends this login on" in done.output
    (kept,) = (tmp_path / "home" / FOLDER).iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    google.refresh_token = "refresh-2"
    monkeypatch.setattr("newsmill.commands.gmail._show", second)
    assert CliRunner().invoke(app, ["login"]).exit_code == 0
    second.close()
    grant = Credentials(tmp_path / "home").find(gmail_account(ADDRESS))
    assert isinstance(grant, Grant)
    assert grant.refresh_token == "refresh-2"
    assert CliRunner().invoke(app, ["labels", ADDRESS]).output == "INBOX\nTRASH\n"


def test_login_without_an_app_says_where_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSMILL_HOME", str(tmp_path / "home"))
    result = CliRunner().invoke(app, ["login"])
    assert isinstance(result.exception, ConfigError)
    assert "--client-secrets" in str(result.exception)


def test_labels_of_an_account_that_nobody_logged_in_to_are_bad_input_as_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSMILL_HOME", str(tmp_path / "home"))
    result = CliRunner().invoke(app, ["labels", ADDRESS])
    assert isinstance(result.exception, ConfigError)
    assert "newsmill gmail login" in str(result.exception)


def keep_grant(home: Path, dies_at: datetime | None) -> Path:
    grant = Grant(client_id="c", token_url="t", refresh_token="r", dies_at=dies_at)
    return Credentials(home).keep(gmail_account(ADDRESS), grant)


ENDINGS = [
    (None, None, "no end is known"),
    (timedelta(days=2, minutes=1), None, "day 4 of 7"),
    (timedelta(days=2), "ends on 2026-11-07", "day 5"),
    (timedelta(minutes=-1), "was to end on 2026-11-05", "past it"),
]


@pytest.mark.parametrize(("left", "told", "reason"), ENDINGS)
def test_login_is_warned_of_from_the_fifth_day_on(
    left: timedelta | None, told: str | None, reason: str, tmp_path: Path
) -> None:
    keep_grant(tmp_path, None if left is None else NOW + left)
    Credentials(tmp_path).keep("imap:x@h:993", Password(password="p"))
    concerns = list_login_concerns(tmp_path, NOW)
    assert len(concerns) == (told is not None), reason
    assert told is None or told in concerns[0]


def test_doctor_looks_at_logins_where_there_are_any(tmp_path: Path) -> None:
    assert list(look_at_logins(tmp_path)) == []
    file = keep_grant(tmp_path, None)
    (check,) = look_at_logins(tmp_path)
    assert (check.status, check.detail.partition(" ")[0]) == (Status.OK, "1")
    keep_grant(tmp_path, NOW)
    (check,) = look_at_logins(tmp_path)
    assert (check.status, check.mend) == (Status.WARN, "newsmill gmail login")
    file.chmod(0o644)
    (check,) = look_at_logins(tmp_path)
    assert (check.status, check.mend) == (Status.WARN, "chmod 600 it")


def test_login_that_others_can_read_is_a_concern(tmp_path: Path) -> None:
    assert list_login_concerns(tmp_path, NOW) == []
    keep_grant(tmp_path, None).chmod(0o644)
    assert "chmod 600" in list_login_concerns(tmp_path, NOW)[0]
