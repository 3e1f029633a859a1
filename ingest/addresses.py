"""One article, many addresses: wrappers taken off, mobile and AMP forms told to be the same.

Pure functions on addresses. What is shown of an article stays an address that works; only the
key, by which a known article is recognised, goes further than its publisher has promised.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

_AMP_CACHE = re.compile(r"https?://[^/]+\.cdn\.ampproject\.org/[a-z]/(s/)?(.+)", re.IGNORECASE)
_AMP_VIEWER = re.compile(r"https?://(?:www\.)?google\.[a-z.]+/amp/(s/)?(.+)", re.IGNORECASE)

REDIRECTORS = {
    "google.com/url": ("q", "url"),
    "bing.com/news/apiclick.aspx": ("url",),
    "l.facebook.com/l.php": ("u",),
    "lm.facebook.com/l.php": ("u",),
    "l.instagram.com/": ("u",),
    "out.reddit.com/": ("url",),
    "slack-redir.net/link": ("url",),
    "youtube.com/redirect": ("q",),
    "safelinks.protection.outlook.com/": ("url",),
}
"""Host and path of pages that only lead on, and the parameters that may say where to."""

_TWIN_LABELS = frozenset({"www", "m", "mobile", "amp", "touch"})
_AMP_PARAMETERS = frozenset({"amp", "amp_js_v", "amp_gsa", "usqp"})
_AMP_VALUES = frozenset({("outputtype", "amp"), ("output", "amp"), ("view", "amp"), ("m", "1")})
_INDEX_PAGE = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?)$", re.IGNORECASE)
_KEY_SAFE = "/:@!$&'()*+,;=~-._"
_SUFFIX_LABELS = 2
_SUFFIX_CHARS = 3


def unwrap(url: str) -> str:
    """Take off AMP caches and link redirectors that carry the real address within theirs."""
    # It ends: what is within is always shorter.
    while (inner := _inner(url)) is not None:
        url = inner
    return url


def _inner(url: str) -> str | None:
    amp = _AMP_CACHE.match(url) or _AMP_VIEWER.match(url)
    if amp:
        return f"{'https' if amp[1] else 'http'}://{amp[2]}"
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return None
    names = REDIRECTORS.get(f"{host}{parts.path or '/'}")
    if names is None and host.endswith(".safelinks.protection.outlook.com"):
        names = ("url",)
    if names is None:
        return None
    given = dict(parse_qsl(parts.query, errors="replace"))
    targets = (given.get(name, "") for name in names)
    return next((target for target in targets if target.startswith(("http://", "https://"))), None)


def address_key(url: str | None) -> str | None:
    """Give one key for all forms of a canonical address: scheme, www, mobile, AMP, last slash."""
    if url is None:
        return None
    parts = urlsplit(url)
    host = _bare_host(parts.hostname or "")
    port = f":{parts.port}" if parts.port else ""
    query = urlencode([pair for pair in parse_qsl(parts.query, True) if not _is_amp(*pair)])
    return f"{host}{port}{_bare_path(parts.path)}" + (f"?{query}" if query else "")


def choose_address(stated: str | None, declared: str | None) -> str | None:
    """Choose between an item's canonical address and the one that its page declares.

    A page may speak for its own site only: else anybody's page could stand in for an article of
    somebody else. One that declares its section, as broken templates do, is not believed.
    """
    if stated is None or declared is None:
        return stated or declared
    ours, theirs = address_key(stated) or "", address_key(declared) or ""
    our_host, their_host = ours.partition("/")[0], theirs.partition("/")[0]
    is_same_site = (
        our_host == their_host
        or our_host.endswith(f".{their_host}")
        or their_host.endswith(f".{our_host}")
    )
    is_section = ours.startswith((f"{theirs}/", f"{theirs}?")) and "?" not in theirs
    return declared if is_same_site and not is_section else stated


def _bare_host(host: str) -> str:
    """Drop the first labels that name the same pages for another device."""
    labels = host.split(".")
    for place in (1, 0):
        if labels[place : place + 1] and labels[place] in _TWIN_LABELS and _can_go(labels):
            del labels[place]
    return ".".join(labels)


def _can_go(labels: list[str]) -> bool:
    """Whether a label less still leaves a site: of m.co.uk, m is the site."""
    rest = labels[1:]
    is_suffix = len(rest) == _SUFFIX_LABELS and max(map(len, rest)) <= _SUFFIX_CHARS
    return len(rest) >= _SUFFIX_LABELS and not is_suffix


def _bare_path(path: str) -> str:
    path = _INDEX_PAGE.sub("", unquote(path, errors="replace")).rstrip("/")
    path = path.removesuffix("/amp").removesuffix(".amp").rstrip("/")
    if path.endswith(".amp.html"):
        path = path.removesuffix(".amp.html") + ".html"
    if path.startswith("/amp/"):
        path = path.removeprefix("/amp")
    return quote(path, safe=_KEY_SAFE, errors="replace")


def _is_amp(name: str, value: str) -> bool:
    name, value = name.lower(), value.lower()
    return name in _AMP_PARAMETERS or (name, value) in _AMP_VALUES
