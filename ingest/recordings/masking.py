"""Addresses without what is secret in them: user, password, tokens among the parameters. Pure."""

from __future__ import annotations

import re

from ingest.http import without_password

MASK = "masked"
SECRET_WORDS = frozenset(
    "token auth authorization key apikey secret password passwd pwd pass session sessionid sid "
    "sig signature jwt credential credentials code".split()
)
"""A parameter is taken for a secret when one of the words of its name is one of these."""
_PARAMETER = re.compile(r"([?&;])([^=&;#]*+)(=[^&;#]+)?")
"""A name without a value is matched too, or a row of question marks would be tried from each."""
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")


def mask_url(url: str) -> str:
    """Leave out what an address holds of secrets; gives what it gave if called on its own result.

    An address of a mailbox keeps its user, who names it: it never holds a password.
    """
    if not url.startswith(("http://", "https://")):
        return url
    return _PARAMETER.sub(_mask_value, without_password(url))


def is_masked(url: str) -> bool:
    """Whether something may have been left out of an address."""
    return f"={MASK}" in url


def _mask_value(found: re.Match[str]) -> str:
    if not found[3]:
        return found[0]
    words = {word.lower() for word in _WORDS.findall(found[2])}
    is_secret = words & SECRET_WORDS or found[2].lower() in SECRET_WORDS
    return f"{found[1]}{found[2]}={MASK}" if is_secret else found[0]


def mask_text(text: str, url: str) -> str:
    """Leave the secrets of one address out of a text that may name it."""
    masked = mask_url(url)
    return text if masked == url else text.replace(url, masked)
