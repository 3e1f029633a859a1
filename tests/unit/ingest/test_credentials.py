"""Logins on disk: for their owner's eyes only, and never half written."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

import pytest

from ingest.credentials import Credentials, Grant, Login, Password, TokenCommand
from schemas.errors import PermanentError, TransientError

ACCOUNT = "imap:me@example.org@mail.example.org:993"

LOGINS: list[Login] = [
    Password(password="s3cret ü"),
    TokenCommand(command="pass show token"),
    Grant(client_id="c", token_url="https://a.example/token", refresh_token="s3cret"),
]


@pytest.mark.parametrize("login", LOGINS, ids=lambda login: login.kind)
def test_login_is_kept_for_its_owner_and_shown_to_nobody(tmp_path: Path, login: Login) -> None:
    kept = Credentials(tmp_path)
    assert kept.find(ACCOUNT) is None
    file = kept.keep(ACCOUNT, login)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert kept.find(ACCOUNT) == login
    assert "s3cret" not in repr(login)
    assert [stored.account for stored in kept.list_all()] == [ACCOUNT]


def test_accounts_whose_names_look_alike_have_files_of_their_own(tmp_path: Path) -> None:
    kept = Credentials(tmp_path)
    kept.keep("imap:a+b@h:1", Password(password="1"))
    kept.keep("imap:a/b@h:1", Password(password="2"))
    assert kept.find("imap:a+b@h:1") == Password(password="1")
    kept.forget("imap:a/b@h:1")
    kept.forget("imap:a/b@h:1")
    assert kept.find("imap:a/b@h:1") is None


def test_login_that_others_could_read_is_refused(tmp_path: Path) -> None:
    kept = Credentials(tmp_path)
    kept.keep(ACCOUNT, Password(password="x")).chmod(0o640)
    with pytest.raises(PermanentError, match="chmod 600"):
        kept.find(ACCOUNT)


def test_damaged_login_is_a_reason_that_does_not_quote_it(tmp_path: Path) -> None:
    kept = Credentials(tmp_path)
    kept.keep(ACCOUNT, Password(password="x")).write_text('{"password": "s3cret"')
    with pytest.raises(PermanentError, match="log in again") as raised:
        kept.find(ACCOUNT)
    assert "s3cret" not in str(raised.value)


def test_login_that_cannot_be_written_leaves_the_one_before_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Credentials(tmp_path)
    path = kept.keep("a", Password(password="first"))

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(TransientError, match="cannot be kept: No space left"):
        kept.keep("a", Password(password="second"))
    assert kept.find("a") == Password(password="first")
    assert list(path.parent.iterdir()) == [path]
