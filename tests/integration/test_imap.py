"""IMAP on a real Dovecot: logins, TLS, folders and odd mails."""

from __future__ import annotations

import io
import shlex
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from ingest.batches import Batch, SourceState
from ingest.credentials import Credentials, Grant, Login, Password, TokenCommand
from ingest.imap import open_imap
from ingest.mail_accounts import MailAccess, read_mail_account
from ingest.mail_locations import parse_imap
from ingest.sources import recognise_source
from newsmill.mail_logins import LoginOptions, arrange_logins
from schemas.errors import ConfigError, PermanentError, TransientError
from schemas.settings import MailSettings, Settings
from tests.integration.workers.mailboxes import keep_grant
from tests.mailservers.dovecot import PASSWORD, TOKEN, USER, Dovecot
from tests.mailservers.gmail import GmailMailbox, run_gmail
from tests.paths import ROOT, SHARED

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def trusted(dovecot_server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process trust the server's certificate, as a person would."""
    monkeypatch.setenv("SSL_CERT_FILE", str(dovecot_server.certificate))


@pytest.fixture
def location(dovecot_server: Dovecot) -> str:
    return f"imaps://{USER}@localhost:{dovecot_server.imaps_port}"


@pytest.fixture
def access(tmp_path: Path) -> MailAccess:
    return MailAccess(tmp_path)


def put(server: Dovecot, folder: str, *mails: bytes) -> None:
    """Make a folder anew, with these mails in it."""
    with server.open() as owner:
        owner.delete(folder)
        assert owner.create(folder)[0] == "OK"
        for mail in mails:
            assert owner.append(folder, "", "", mail)[0] == "OK"


def read(location: str, access: MailAccess, login: Login, state: Any = None) -> list[Batch]:
    access.credentials.keep(parse_imap(location).account, login)
    return list(read_mail_account(location, state or SourceState(), access, now=NOW))


def titles(batches: list[Batch]) -> list[str]:
    return [draft.title for batch in batches for draft in batch.drafts]


def mail(subject: str, body: str = "text") -> bytes:
    return f"Subject: {subject}\r\n\r\n{body}\r\n".encode()


GOOD = Password(password=PASSWORD)


@pytest.mark.parametrize("way", ["tls", "starttls", "none"])
def test_folder_is_read_with_tls_starttls_or_in_the_clear_on_this_machine(
    dovecot_server: Dovecot, access: MailAccess, way: str
) -> None:
    put(dovecot_server, "Ways", mail("a"))
    port = dovecot_server.imaps_port if way == "tls" else dovecot_server.imap_port
    scheme, query = ("imaps" if way == "tls" else "imap"), ("?tls=none" if way == "none" else "")
    location = f"{scheme}://{USER}@localhost:{port}/Ways{query}"
    assert titles(read(location, access, GOOD)) == ["a"]


def test_nothing_is_sent_to_a_server_whose_certificate_is_not_trusted(
    location: str, access: MailAccess, monkeypatch: pytest.MonkeyPatch, dovecot_server: Dovecot
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    for url in (location, f"imap://{USER}@localhost:{dovecot_server.imap_port}"):
        with pytest.raises(PermanentError, match=r"^localhost:\d+: its certificate is not trusted"):
            read(url, access, GOOD)


def test_tls_at_a_port_without_it_is_a_permanent_error(
    dovecot_server: Dovecot, access: MailAccess
) -> None:
    with pytest.raises(PermanentError, match="no TLS can be had on this port"):
        read(f"imaps://{USER}@localhost:{dovecot_server.imap_port}", access, GOOD)


def test_server_that_is_away_is_a_transient_error(access: MailAccess) -> None:
    with pytest.raises(TransientError, match="Connection refused"):
        read(f"imaps://{USER}@localhost:1", access, GOOD)


@pytest.mark.parametrize("login", [Password(password="no"), TokenCommand(command="echo no")])
def test_refused_login_is_a_permanent_error_of_one_line_without_the_address(
    location: str, access: MailAccess, login: Login
) -> None:
    with pytest.raises(PermanentError, match="AUTHENTICATIONFAILED") as raised:
        read(location, access, login)
    assert len(str(raised.value).splitlines()) == 1
    assert USER not in str(raised.value)


def test_account_without_a_login_says_what_to_do(location: str, access: MailAccess) -> None:
    with pytest.raises(PermanentError, match="no login is kept for this mailbox; give it to news"):
        list(read_mail_account(location, SourceState(), access, now=NOW))


def test_token_of_a_command_is_taken(
    dovecot_server: Dovecot, location: str, access: MailAccess
) -> None:
    put(dovecot_server, "Token", mail("by token"))
    command = shlex.join([sys.executable, "-c", f"print({TOKEN!r})"])
    assert titles(read(f"{location}/Token", access, TokenCommand(command=command))) == ["by token"]


def test_grant_is_refreshed_when_its_token_is_refused(
    dovecot_server: Dovecot, location: str, access: MailAccess
) -> None:
    put(dovecot_server, "Grant", mail("by grant"))
    ends = datetime(2027, 1, 1, tzinfo=UTC)
    with run_gmail(GmailMailbox(access_token=TOKEN)) as url:
        grant = keep_grant(access.home, url, access_token="withdrawn", expires_at=ends)
        assert titles(read(f"{location}/Grant", access, grant)) == ["by grant"]
    kept = access.credentials.find(parse_imap(location).account)
    assert isinstance(kept, Grant)
    assert kept.access_token == TOKEN


def test_folders_are_found_by_pattern_and_one_that_is_missing_is_an_error(
    dovecot_server: Dovecot, location: str, access: MailAccess
) -> None:
    put(dovecot_server, "Lists", mail("parent"))
    put(dovecot_server, "Lists/&ZeVnLIqe-", mail("child"))
    assert titles(read(f"{location}/Lists/*", access, GOOD)) == ["child"]
    assert titles(read(f"{location}/Lists?folder=Lists/日本語", access, GOOD)) == [
        "parent",
        "child",
    ]
    with pytest.raises(PermanentError, match="the folder 'Nix': the server refuses: Mailbox does"):
        read(f"{location}/Nix", access, GOOD)


def test_folder_is_first_read_from_a_day_on(
    dovecot_server: Dovecot, location: str, access: MailAccess
) -> None:
    put(dovecot_server, "Days")
    with dovecot_server.open() as owner:
        for day in ("01-Sep-2026", "02-Oct-2026", "03-Nov-2026"):
            owner.append("Days", "", f'"{day} 12:00:00 +0000"', mail(day))
    assert titles(read(f"{location}/Days?since=2026-10-02", access, GOOD)) == [
        "02-Oct-2026",
        "03-Nov-2026",
    ]
    assert titles(read(f"{location}/Days?since=2026-11-05", access, GOOD)) == []


def test_only_greater_uids_are_new(dovecot_server: Dovecot, location: str) -> None:
    put(dovecot_server, "Uids", mail("a"), mail("b"))
    with open_imap(parse_imap(location), timeout_s=10) as client:
        client.log_in(USER, PASSWORD)
        assert client.open_folder("Uids").uidnext == 3
        assert [uid for uid, _ in client.list_new(1)] == [2]
        assert client.list_new(2) == []
        assert client.fetch([77]) == []


def test_odd_mails_give_articles_or_reasons(
    dovecot_server: Dovecot, location: str, access: MailAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.imap_sync.MAX_MAIL_BYTES", 5_000)
    odd = [b"no header at all", mail("large", "x" * 9_000), b"Subject: \xff\xfe\r\n\r\n\x80\r\n"]
    put(dovecot_server, "Odd", *odd, mail("last ) {3}"))
    batches = read(f"{location}/Odd", access, GOOD)
    assert titles(batches) == ["ÿþ", "last ) {3}"]
    refused = {each.where: each.reason for batch in batches for each in batch.refused}
    assert refused["Odd, UID 1"] == "it has none of the headers of a mail"
    assert refused["Odd, UID 2"].startswith("the mail is larger than 20,000,000 bytes (9,0")
    assert read(f"{location}/Odd", access, GOOD, batches[-1].state)[-1].drafts == ()


@pytest.mark.skipif(
    not (SHARED / "data" / "mail").is_dir(), reason="the folder of public data is not here"
)
def test_every_mail_of_the_public_set_gives_articles_or_a_reason(
    dovecot_server: Dovecot, location: str, access: MailAccess
) -> None:
    with tarfile.open(SHARED / "data" / "mail" / "mail.tar.xz") as files:
        contents = [files.extractfile(member) for member in files.getmembers()]
        mails = [content.read() for content in contents if content]
    put(dovecot_server, "Public", *mails)
    batches = read(f"{location}/Public", access, GOOD)
    assert batches[-1].state.marks["Public"]["last_uid"] == len(mails)
    outcomes = sum(len(batch.drafts) + len(batch.refused) for batch in batches)
    assert outcomes >= len(mails)
    assert all(each.reason for batch in batches for each in batch.refused)


def make_settings(home: Path, **mail: Any) -> Settings:
    return Settings().model_copy(update={"home": home, "mail": MailSettings(**mail)})


def test_password_is_asked_for_without_showing_it(
    location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    asked: list[tuple[str, Any]] = []

    def answer(question: str, **options: Any) -> str:
        asked.append((question, options["hide_input"]))
        return PASSWORD

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("newsmill.mail_logins.typer.prompt", answer)
    specs, settings = [recognise_source(location)], make_settings(tmp_path)
    arrange_logins(specs, settings, LoginOptions())
    arrange_logins(specs, settings, LoginOptions())
    arrange_logins(specs, settings, LoginOptions(ask=True))
    assert asked == [(f"Password of {USER} at localhost", True)] * 2
    assert Credentials(tmp_path).find(parse_imap(location).account) == GOOD


def test_password_is_tried_before_it_is_kept(location: str, tmp_path: Path) -> None:
    specs = [recognise_source(f"{location}/{folder}") for folder in ("INBOX", "Trash")]
    account = parse_imap(location).account
    kept = Credentials(tmp_path)
    with pytest.raises(PermanentError, match="AUTHENTICATIONFAILED"):
        arrange_logins(specs, make_settings(tmp_path, password=SecretStr("no")), LoginOptions())
    assert kept.find(account) is None
    settings = make_settings(tmp_path, password=SecretStr(PASSWORD))
    assert arrange_logins(specs, settings, LoginOptions()) == [kept.path(account)]
    wrong = tmp_path / "wrong"
    wrong.write_text("no\n")
    with pytest.raises(PermanentError):
        arrange_logins(specs, settings, LoginOptions(password_file=wrong))
    assert kept.find(account) == GOOD
    assert arrange_logins(specs, make_settings(tmp_path), LoginOptions()) == []


def test_login_that_is_not_there_or_not_for_imap_is_bad_input(
    location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imap, gmail = recognise_source(location), recognise_source("gmail://me@gmail.com")
    settings = make_settings(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(ConfigError, match="--password-file FILE"):
        arrange_logins([imap], settings, LoginOptions())
    with pytest.raises(ConfigError, match="newsmill gmail login"):
        arrange_logins([gmail], settings, LoginOptions())
    with pytest.raises(ConfigError, match="just one"):
        arrange_logins([], settings, LoginOptions(token_command="x"))


def test_wrong_password_is_one_line_of_the_command(
    dovecot_server: Dovecot, location: str, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("no\n")
    command = [sys.executable, "-m", "newsmill.cli", "ingest", location]
    environment = {
        "NEWSMILL_HOME": str(tmp_path / "home"),
        "SSL_CERT_FILE": str(dovecot_server.certificate),
    }
    done = subprocess.run(
        [*command, "--password-file", str(file)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    told = (
        "newsmill: localhost: the server refuses: [AUTHENTICATIONFAILED] Authentication failed.\n"
    )
    assert done.stderr == told
    assert done.stdout == ""
