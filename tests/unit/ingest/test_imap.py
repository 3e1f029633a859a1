"""The IMAP client against servers that are old, broken or hostile: scripted, on loopback."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator

import pytest

from ingest.imap import ImapClient, open_imap
from ingest.imap_errors import typed_errors
from ingest.mail_locations import parse_imap
from schemas.errors import NewsmillError, PermanentError, TransientError

PLAIN = "?tls=none"


class ScriptedServer:
    """Answers each command by its name; `{tag}` stands for the command's tag. Then hangs up."""

    def __init__(self, greeting: str, answers: dict[str, str]) -> None:
        self.heard: list[bytes] = []
        self._greeting = greeting
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(f"{self._greeting}\r\n".encode())
            for line in lines:
                self.heard.append(line)
                tag, name = line.split()[:2]
                answer = self._answers.get(name.decode())
                if answer is None:
                    return
                connection.sendall(answer.replace("{tag}", tag.decode()).encode())


OK = "{tag} OK done\r\n"
OLD = {"CAPABILITY": "* CAPABILITY IMAP4REV1\r\n" + OK, "LOGOUT": "* BYE\r\n" + OK}
SELECTED = "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n" + OK


@pytest.fixture
def servers() -> Iterator[list[ScriptedServer]]:
    servers: list[ScriptedServer] = []
    yield servers
    for server in servers:
        server.close()


def talk(
    servers: list[ScriptedServer],
    greeting: str = "* OK hello",
    query: str = PLAIN,
    **answers: str,
) -> ImapClient:
    server = ScriptedServer(greeting, OLD | answers)
    servers.append(server)
    location = parse_imap(f"imap://me@127.0.0.1:{server.port}/{query}")
    return open_imap(location, timeout_s=10)


def test_old_server_is_logged_in_to_with_login_and_ascii_only(
    servers: list[ScriptedServer],
) -> None:
    with talk(servers, LOGIN=OK) as client:
        with pytest.raises(PermanentError, match="ASCII passwords only"):
            client.log_in("me", "a\r\nb DELETE INBOX")
        with pytest.raises(PermanentError, match="ASCII passwords only"):
            client.log_in("me", "grün")
        client.log_in("me", 'blue "horse"')
    logins = [line.split(b" ", 1)[1] for line in servers[0].heard if b"LOGIN" in line]
    assert logins == [b'LOGIN "me" "blue \\"horse\\""\r\n']


def test_user_with_odd_letters_is_one_word_to_an_old_server(servers: list[ScriptedServer]) -> None:
    with talk(servers, LOGIN=OK) as client:
        client.log_in('PAPER\\Ada "A" Quay', "secret")
    (login,) = [line for line in servers[0].heard if b"LOGIN" in line]
    assert login.endswith(b'LOGIN "PAPER\\\\Ada \\"A\\" Quay" "secret"\r\n')


REFUSALS = [
    ("{tag} NO [AUTHENTICATIONFAILED] no\r\n", PermanentError, "a wrong password"),
    ("{tag} NO [UNAVAILABLE] later\r\n", TransientError, "a server that cannot look it up now"),
    ("{tag} NO [LIMIT] too many\r\n", TransientError, "too many connections"),
    ("{tag} NO application-specific password required\r\n", PermanentError, "no code at all"),
    ("{tag} BAD what?\r\n", PermanentError, "a server that knows no such command"),
    ("* BYE shutting down\r\n", TransientError, "a server that is shut down"),
]


@pytest.mark.parametrize(("answer", "kind", "reason"), REFUSALS)
def test_refusals_that_pass_are_told_from_those_that_do_not(
    servers: list[ScriptedServer], answer: str, kind: type[Exception], reason: str
) -> None:
    with talk(servers, LOGIN=answer) as client, pytest.raises(kind) as raised:
        client.log_in("me", "secret")
    assert type(raised.value) is kind, reason
    assert str(raised.value).startswith("127.0.0.1: ")
    assert "secret" not in str(raised.value)


def test_server_without_tls_is_told_no_password(servers: list[ScriptedServer]) -> None:
    with pytest.raises(PermanentError, match="offers no TLS"):
        talk(servers, query="")
    assert [line.split()[1] for line in servers[0].heard] == [b"CAPABILITY", b"LOGOUT"]


def test_password_goes_in_the_clear_to_named_hosts_only() -> None:
    location = parse_imap("imap://me@mail.example.org/?tls=none")
    with pytest.raises(PermanentError, match="NEWSMILL_MAIL__PLAIN_HOSTS"):
        open_imap(location, timeout_s=1)


FOLDER_ANSWERS = [
    (SELECTED, None, "UIDNEXT is not said by all"),
    ("* 1 EXISTS\r\n" + OK, PermanentError, "without UIDVALIDITY nothing can be remembered"),
    ("* OK [UIDVALIDITY x]\r\n" + OK, PermanentError, "nor with one that is no number"),
    ("{tag} NO no such folder\r\n", PermanentError, "no such folder"),
    ("nonsense\r\n", TransientError, "a broken answer"),
]


@pytest.mark.parametrize(("answer", "error", "reason"), FOLDER_ANSWERS)
def test_folder_is_opened_or_a_reason_given(
    servers: list[ScriptedServer], answer: str, error: type[NewsmillError] | None, reason: str
) -> None:
    with talk(servers, "* PREAUTH hello", EXAMINE=answer) as client:
        if error is None:
            status = client.open_folder("INBOX")
            assert (status.uidvalidity, status.uidnext) == (7, None), reason
            return
        with pytest.raises(error):
            client.open_folder("INBOX")


FETCHES = [
    ('* 1 FETCH (UID 1 BODY[] "abc")\r\n' + OK, None, "a quoted string"),
    ("* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n" + OK, None, "a literal"),
    ("* 1 FETCH (UID 1 BODY[] {99999999}\r\nabc", TransientError, "more than any mail"),
    ("* 1 FETCH (UID 1 BODY[] {9}\r\nabc", TransientError, "hangs up within a mail"),
    ("{tag} NO [SERVERBUG] broken mail\r\n", PermanentError, "cannot give this one"),
]


@pytest.mark.parametrize(("answer", "error", "reason"), FETCHES)
def test_whatever_a_fetch_brings_is_a_mail_or_an_error(
    servers: list[ScriptedServer], answer: str, error: type[NewsmillError] | None, reason: str
) -> None:
    ends = "hangs up" in reason
    with talk(servers, "* PREAUTH hello", EXAMINE=SELECTED, UID=answer) as client:
        client.open_folder("INBOX")
        if ends:
            client._connection.sock.settimeout(0.2)
        if error is None:
            assert client.fetch([1]) == [(1, b"abc")], reason
            return
        with pytest.raises(error):
            client.fetch([1])


TLS_ERRORS = [
    (ssl.SSLEOFError(8, "EOF"), True, TransientError, "a server that hangs up on us"),
    (ssl.SSLError(1, "bad record"), False, TransientError, "a wire that was cut"),
    (ssl.SSLError(1, "wrong version"), True, PermanentError, "a port without TLS"),
]


@pytest.mark.parametrize(("error", "connecting", "kind", "reason"), TLS_ERRORS)
def test_cut_wire_is_told_from_a_port_without_tls(
    error: ssl.SSLError, connecting: bool, kind: type[NewsmillError], reason: str
) -> None:
    with pytest.raises(kind), typed_errors("h", connecting=connecting):
        raise error


HOSTS = [(socket.EAI_NONAME, PermanentError), (socket.EAI_AGAIN, TransientError)]


@pytest.mark.parametrize(("code", "kind"), HOSTS)
def test_unknown_host_is_told_from_a_resolver_that_is_away(
    code: int, kind: type[NewsmillError]
) -> None:
    with pytest.raises(kind, match=r"^h: no such host \(why\)$"), typed_errors("h"):
        raise socket.gaierror(code, "why")
