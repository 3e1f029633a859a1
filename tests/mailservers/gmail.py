"""A mailbox behind the Gmail API, with Google's login beside it: a real HTTP server on loopback.

Answers as the API's reference documents it: pages, history, 404 for an old history id, 401 for an
old token, 403 and 429 for haste. https://developers.google.com/workspace/gmail/api/reference/rest
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

ADDRESS = "reader@gmail.com"
CLIENT_ID, CLIENT_SECRET = "client-1", "secret-1"
PAGE = 40
Answer = tuple[int, dict[str, Any], dict[str, str]]


@dataclass
class Message:
    """One message, as it lies in the mailbox."""

    id: str
    raw: bytes
    labels: list[str]
    received_ms: int


@dataclass
class GmailMailbox:
    """The state of the account. The tests change it, the server only reads."""

    labels: dict[str, str] = field(default_factory=lambda: {"INBOX": "INBOX", "TRASH": "TRASH"})
    """Ids by name."""
    messages: list[Message] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    history_id: int = 1_000
    oldest_history_id: int = 0
    """Older ones are forgotten: 404."""
    faults: list[Answer] = field(default_factory=list)
    """Answers given instead of the next ones."""
    cut_after: int | None = None
    """Messages given until the connection is cut in the middle of one."""
    hidden: set[str] = field(default_factory=set)
    """Ids that the search does not find yet."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of every request."""
    access_token: str = "access-1"
    refresh_token: str = "refresh-1"
    refresh_life_s: int | None = 604_799
    """What the login says of the refresh token's life; Google says it for apps in testing."""
    codes: dict[str, str] = field(default_factory=dict)
    """PKCE challenges by code."""

    def deliver(self, raw: bytes, *labels: str, received_ms: int | None = None) -> str:
        """Let a mail arrive."""
        received_ms = received_ms or 1_700_000_000_000 + len(self.messages) * 1_000
        message = Message(secrets.token_hex(8), raw, list(labels or ("INBOX",)), received_ms)
        self.messages.append(message)
        self._note({"messagesAdded": [{"message": self._name(message)}]})
        return message.id

    def add_label(self, message_id: str, label_id: str) -> None:
        """Let the owner put a label on a mail."""
        message = self.find(message_id)
        assert message
        message.labels.append(label_id)
        change = {"message": self._name(message), "labelIds": [label_id]}
        self._note({"labelsAdded": [change]})

    def forget_history(self) -> None:
        """Let Gmail forget every change until now."""
        self.history_id += 100
        self.oldest_history_id = self.history_id
        self.history.clear()

    def find(self, message_id: str) -> Message | None:
        return next((each for each in self.messages if each.id == message_id), None)

    def _note(self, change: dict[str, Any]) -> None:
        self.history_id += 7
        self.history.append({"id": str(self.history_id), **change})

    @staticmethod
    def _name(message: Message) -> dict[str, Any]:
        return {"id": message.id, "threadId": message.id, "labelIds": list(message.labels)}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        self.server.mailbox.asked.append(("GET", parts.path))
        if parts.path == "/auth":
            self._redirect(query)
            return
        prefix = "/gmail/v1/users/me/"
        assert parts.path.startswith(prefix)
        answer = self._answer(parts.path.removeprefix(prefix), query)
        mailbox = self.server.mailbox
        if "raw" in answer[1] and mailbox.cut_after is not None:
            mailbox.cut_after -= 1
            if mailbox.cut_after < 0:
                mailbox.cut_after = None
                self._send(answer, cut=True)
                return
        self._send(answer)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        self.server.mailbox.asked.append(("POST", self.path))
        assert self.path == "/token"
        self._send(self.server.give_token(form))

    def log_message(self, *arguments: Any) -> None:
        """Keep quiet."""

    def _answer(self, path: str, query: dict[str, list[str]]) -> Answer:
        mailbox = self.server.mailbox
        if mailbox.faults:
            return mailbox.faults.pop(0)
        if self.headers["Authorization"] != f"Bearer {mailbox.access_token}":
            return error(401, "authError", "Invalid Credentials")
        if path.startswith("messages/"):
            return self._message(path.removeprefix("messages/"), query["format"][0])
        return {
            "profile": self._profile,
            "labels": self._labels,
            "messages": self._list,
            "history": self._history,
        }[path](query)

    def _profile(self, query: dict[str, list[str]]) -> Answer:
        mailbox = self.server.mailbox
        total = len(mailbox.messages)
        body = {"emailAddress": ADDRESS, "messagesTotal": total, "threadsTotal": total}
        return 200, {**body, "historyId": str(mailbox.history_id)}, {}

    def _labels(self, query: dict[str, list[str]]) -> Answer:
        labels = self.server.mailbox.labels.items()
        return 200, {"labels": [{"id": label_id, "name": name} for name, label_id in labels]}, {}

    def _list(self, query: dict[str, list[str]]) -> Answer:
        mailbox = self.server.mailbox
        wanted = set(query.get("labelIds", ()))
        text = query.get("q", [""])[0]
        found = [
            {"id": each.id, "threadId": each.id}
            for each in sorted(mailbox.messages, key=lambda each: -each.received_ms)
            if wanted <= set(each.labels)
            and (wanted or "TRASH" not in each.labels)
            and each.id not in mailbox.hidden
            and _matches(text, each)
        ]
        page, rest = _cut_page(found, query)
        body: dict[str, Any] = {"resultSizeEstimate": len(found), **rest}
        return 200, body | ({"messages": page} if page else {}), {}

    def _history(self, query: dict[str, list[str]]) -> Answer:
        mailbox = self.server.mailbox
        start = int(query["startHistoryId"][0])
        if start < mailbox.oldest_history_id:
            return error(404, "notFound", "Requested entity was not found.")
        label = query.get("labelId", [None])[0]
        records = [
            {**record, "messages": []}
            for record in mailbox.history
            if int(record["id"]) > start and _has_label(record, label)
        ]
        page, rest = _cut_page(records, query)
        body: dict[str, Any] = {"historyId": str(mailbox.history_id), **rest}
        return 200, body | ({"history": page} if page else {}), {}

    def _message(self, message_id: str, form: str) -> Answer:
        message = self.server.mailbox.find(message_id)
        if message is None:
            return error(404, "notFound", "Requested entity was not found.")
        body: dict[str, Any] = {
            "id": message.id,
            "threadId": message.id,
            "labelIds": message.labels,
            "snippet": "",
            "historyId": "1",
            "internalDate": str(message.received_ms),
            "sizeEstimate": len(message.raw),
        }
        if form == "raw":
            body["raw"] = base64.urlsafe_b64encode(message.raw).decode()
        return 200, body, {}

    def _redirect(self, query: dict[str, list[str]]) -> None:
        """Be the person who logs in and agrees."""
        assert query["code_challenge_method"] == ["S256"]
        assert query["scope"] == ["https://www.googleapis.com/auth/gmail.readonly"]
        assert query["access_type"] == ["offline"]
        code = secrets.token_urlsafe(8)
        self.server.mailbox.codes[code] = query["code_challenge"][0]
        back = urlencode({"code": code, "state": query["state"][0]})
        self._send((302, {}, {"Location": f"{query['redirect_uri'][0]}?{back}"}))

    def _send(self, answer: Answer, *, cut: bool = False) -> None:
        status, body, headers = answer
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if cut:
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
        else:
            self.wfile.write(data)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, mailbox: GmailMailbox) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mailbox = mailbox

    def give_token(self, form: dict[str, str]) -> Answer:
        mailbox = self.mailbox
        if (form["client_id"], form["client_secret"]) != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client", "error_description": "Unauthorized"}, {}
        refused = {"error": "invalid_grant", "error_description": "Token expired or revoked."}
        token = {"access_token": mailbox.access_token, "expires_in": 3599, "token_type": "Bearer"}
        if form["grant_type"] == "refresh_token":
            is_good = form["refresh_token"] == mailbox.refresh_token
            return (200, token, {}) if is_good else (400, refused, {})
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if mailbox.codes.pop(form["code"], None) != challenge:
            return 400, refused, {}
        token["refresh_token"] = mailbox.refresh_token
        if mailbox.refresh_life_s:
            token["refresh_token_expires_in"] = mailbox.refresh_life_s
        return 200, token, {}


@contextmanager
def run_gmail(mailbox: GmailMailbox) -> Iterator[str]:
    """Serve a mailbox; gives the server's address."""
    with _Server(mailbox) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def error(status: int, reason: str, message: str, **headers: str) -> Answer:
    """Make an answer in the form that all of Google's APIs have for errors."""
    detail = {"message": message, "domain": "global", "reason": reason}
    body = {"error": {"code": status, "message": message, "errors": [detail]}}
    return status, body, headers


def _matches(query: str, message: Message) -> bool:
    """Search as Gmail does, with two of its words."""
    text = message.raw.decode("utf-8", "replace").lower()
    after = re.search(r"\bafter:(\d+)", query)
    subjects = re.findall(r"\bsubject:(\w+)", query)
    return (not after or message.received_ms // 1000 >= int(after[1])) and all(
        re.search(rf"^subject:.*\b{word.lower()}\b", text, re.MULTILINE) for word in subjects
    )


def _has_label(record: dict[str, Any], label: str | None) -> bool:
    changes = record.get("messagesAdded", []) + record.get("labelsAdded", [])
    return label is None or any(label in change["message"]["labelIds"] for change in changes)


def _cut_page(
    rows: list[dict[str, Any]], query: dict[str, list[str]]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    start = int(query.get("pageToken", ["0"])[0])
    end = start + min(PAGE, int(query["maxResults"][0]))
    return rows[start:end], {"nextPageToken": str(end)} if end < len(rows) else {}
