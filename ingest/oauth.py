"""OAuth 2.0 for an installed program: the login's address, the code's exchange, the refresh.

RFC 6749 with PKCE (RFC 7636), redirecting to a loopback address (RFC 8252). Moves bytes to the
token endpoint and back; keeps nothing, and knows neither Gmail's API nor IMAP.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingest.credentials import Grant
from ingest.http_errors import type_fault
from schemas.errors import ConfigError, PermanentError, TransientError

LIFE_OF_A_TEST = timedelta(days=7)
"""How long Google lets a refresh token live that an app in testing mode was given."""
LEEWAY = timedelta(minutes=1)
MAX_REASON_CHARS = 200


class OAuthClient(BaseModel):
    """The program as its registration has it: the part `installed` of Google's JSON file."""

    model_config = ConfigDict(frozen=True)

    client_id: str
    client_secret: str = Field(default="", repr=False)
    auth_uri: str
    token_uri: str


class LoginGoneError(PermanentError):
    """The grant is expired or withdrawn: a person has to log in again."""


def read_client_file(path: Path) -> OAuthClient:
    """Read the file that Google's console gives for a desktop app; ConfigError if it is another."""
    try:
        text = path.expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: cannot be read: it is no text in UTF-8") from None
    try:
        client = _ClientFile.model_validate_json(text).installed
    except ValidationError:
        raise ConfigError(
            f"{path}: no client file of a desktop app; in Google's console, make an OAuth client "
            "of the type Desktop app and download its JSON"
        ) from None
    for address in (client.auth_uri, client.token_uri):
        check_address(address)
    return client


class _ClientFile(BaseModel):
    installed: OAuthClient


def check_address(address: str) -> None:
    """Refuse an address to which no secret may be sent: in the clear, and not to this machine."""
    parts = urlsplit(address)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ConfigError(f"{address}: secrets are sent over https only")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its name or number alone."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def login_url(
    client: OAuthClient, *, redirect_url: str, scope: str, state: str, verifier: str
) -> str:
    """Give the address that a person opens to log in."""
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": redirect_url,
        "scope": scope,
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        # Both, or Google gives a refresh token at the first login only.
        "access_type": "offline",
        "prompt": "consent",
    }
    return f"{client.auth_uri}?{urlencode(query)}"


def exchange_code(
    http: httpx2.Client,
    client: OAuthClient,
    *,
    code: str,
    verifier: str,
    redirect_url: str,
    published: bool,
    now: datetime,
) -> Grant:
    """Turn the code that a login ended with into a grant.

    published: whether the app has left testing mode, for where the server does not say how long
    the grant will live.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": verifier,
        "redirect_uri": redirect_url,
        "client_id": client.client_id,
        "client_secret": client.client_secret,
    }
    answer = _post(http, client.token_uri, form)
    if not answer.refresh_token:
        raise PermanentError("the login gave no refresh token: log in again and grant access")
    said = timedelta(seconds=answer.refresh_token_expires_in)
    life = said or (None if published else LIFE_OF_A_TEST)
    return Grant(
        client_id=client.client_id,
        client_secret=client.client_secret,
        auth_url=client.auth_uri,
        token_url=client.token_uri,
        refresh_token=answer.refresh_token,
        access_token=answer.access_token,
        expires_at=now + timedelta(seconds=answer.expires_in),
        logged_in_at=now,
        dies_at=now + life if life else None,
    )


def is_fresh(grant: Grant, now: datetime) -> bool:
    """Tell whether the access token can still be used."""
    ends = grant.expires_at
    return bool(grant.access_token and ends and ends - LEEWAY > now)


def refresh(http: httpx2.Client, grant: Grant, now: datetime) -> Grant:
    """Get a new access token; LoginGoneError when the grant has ended."""
    form = {
        "grant_type": "refresh_token",
        "refresh_token": grant.refresh_token,
        "client_id": grant.client_id,
        "client_secret": grant.client_secret,
    }
    answer = _post(http, grant.token_url, form)
    outlived = grant.dies_at is not None and now > grant.dies_at
    changes: dict[str, Any] = {
        "access_token": answer.access_token,
        "expires_at": now + timedelta(seconds=answer.expires_in),
        "refresh_token": answer.refresh_token or grant.refresh_token,
        "dies_at": None if outlived else grant.dies_at,
    }
    return grant.model_copy(update=changes)


class _TokenAnswer(BaseModel):
    access_token: str
    expires_in: int = 300
    refresh_token: str = ""
    refresh_token_expires_in: int = 0


class _TokenError(BaseModel):
    error: str = ""
    error_description: str = ""


def _post(http: httpx2.Client, url: str, form: dict[str, str]) -> _TokenAnswer:
    host = urlsplit(url).hostname
    try:
        response = http.post(url, data={name: value for name, value in form.items() if value})
    except httpx2.RequestError as error:
        raise type_fault(error, f"{host}") from error
    if response.status_code == 429 or response.status_code >= 500:
        raise TransientError(f"{host}: the server answered {response.status_code}")
    try:
        if response.is_success:
            return _TokenAnswer.model_validate_json(response.content)
        refusal = _TokenError.model_validate_json(response.content)
    except ValidationError:
        raise PermanentError(f"{host}: that is no OAuth server's answer") from None
    if refusal.error == "invalid_grant":
        raise LoginGoneError(f"{host}: the login has expired or was withdrawn")
    reason = f"{refusal.error} {refusal.error_description}".strip()[:MAX_REASON_CHARS]
    raise PermanentError(f"{host}: refused ({reason})")
