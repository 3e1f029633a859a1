"""Links as their publishers wrote them: out of the redirector's wrapping, without tracking.

Only what stands in the address itself is used. A wrapper that holds nothing but a number at its
sender's (Mailchimp, HubSpot, SendGrid) stays as it is: asking would tell the sender who reads.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Iterator, Set
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from ingest.identity import MAX_URL_CHARS, TRACKING_NAMES, TRACKING_PREFIXES

MAX_LAYERS = 5
"""Wrappers in wrappers: a mail gateway around a sender around an affiliate network."""
MAX_WRAPPED_CHARS = 8_000
"""Longer addresses are left alone."""
MAX_UNPACKED_BYTES = 8_000

WRAPPERS: tuple[tuple[str, str, str, str], ...] = (
    # host's end, path's beginning, parameter, whose it is
    ("safelinks.protection.outlook.com", "", "url", "Microsoft's mail gateway"),
    ("linkprotect.cudasvc.com", "/url", "a", "Barracuda's mail gateway"),
    ("google.com", "/url", "q url", "Google's results and alerts"),
    ("scholar.google.com", "/scholar_url", "url", "Google Scholar's alerts"),
    ("l.facebook.com", "/l.php", "u", "Facebook"),
    ("l.instagram.com", "", "u", "Instagram"),
    ("youtube.com", "/redirect", "q", "YouTube's descriptions"),
    ("linkedin.com", "/redir/", "url", "LinkedIn"),
    ("out.reddit.com", "", "url", "Reddit"),
    ("t.umblr.com", "/redirect", "z", "Tumblr"),
    ("slack-redir.net", "/link", "url", "Slack"),
    ("vk.com", "/away.php", "to", "VK"),
    ("duckduckgo.com", "/l/", "uddg", "DuckDuckGo"),
    ("go.redirectingat.com", "", "url", "Skimlinks, an affiliate network"),
    ("click.linksynergy.com", "", "murl", "Rakuten, an affiliate network"),
    ("awin1.com", "", "ued p", "Awin, an affiliate network"),
)
"""Hosts that do nothing but redirect on these paths."""
TRACKER_LABELS = frozenset("click clicks email link links lnk track tracking trk redirect".split())
TRACKER_SEGMENTS = frozenset("cl0 l0 c click clicks clk link lnk ls redirect track trk".split())
"""A host's first label, or a part of a path, by which a sender's redirector is known."""
TARGET_NAMES = frozenset("url u q l to target dest destination redirect redirect_url p".split())
SHARING = re.compile(r"share|intent|submit|login|signin|oauth", re.IGNORECASE)
"""Pages that take an address and do not lead to it."""
JSON_TARGETS = ("url", "e", "u", "l", "target", "href", "link")
"""Where a token says its target: beehiiv and Mandrill `url`, Substack `e`, Mailgun `l`."""
PROOFPOINT_HOSTS = ("urldefense.com", "urldefense.proofpoint.com")
PROOFPOINT_V3 = re.compile(r"/v3/__([^*]{10,4000}?)__;")
"""With a `*` in it the address has lost characters, and is left alone."""

_TRACKING = """
    _bhlid _bta_tid _bta_c ck_subscriber_id sh_kit elqtrackid elqaid elqat elqak trk_contact
    trk_msg trk_module trk_sid sc_src sc_lid sc_uid sc_llid sc_eh _kx dm_i ml_subscriber
    ml_subscriber_hash rb_clickid emci emdi ceid sailthru_id nlid
"""
MAIL_TRACKING_NAMES = TRACKING_NAMES | frozenset(_TRACKING.split())
SUBSTACK_MARKS = {"publication_id", "post_id"}
SUBSTACK_NAMES = SUBSTACK_MARKS | {"isfreemail", "r", "token", "triedredirect", "action"}
"""What Substack appends to a post's address; `token` logs the reader in. Only if both are there."""
_PAID_MEDIUM = re.compile(r"[?&]utm_medium=(?:paid|sponsor|cpm|cpc|display)", re.IGNORECASE)
_AFFILIATES = ("go.redirectingat.com", "click.linksynergy.com", "awin1.com")


def clean_link(url: str) -> str:
    """Give the address that a link leads to, as far as that can be known without a request."""
    return strip_tracking(unwrap(url))


def is_paid(url: str) -> bool:
    """Tell whether the address says that somebody pays for the click."""
    wrapped_in = _split(url)
    if wrapped_in is not None and (wrapped_in.hostname or "").endswith(_AFFILIATES):
        return True
    return _PAID_MEDIUM.search(unwrap(url)) is not None


def unwrap(url: str) -> str:
    """Take an address out of the redirectors around it; pure, and what is unknown stays."""
    for _ in range(MAX_LAYERS):
        target = _find_target(url)
        if target is None or target == url:
            break
        url = target
    return url


def strip_tracking(url: str) -> str:
    """Remove tracking parameters; order and spelling of all else stay."""
    parts = _split(url)
    if parts is None or not (parts.query or parts.fragment):
        return url
    pairs = parse_qsl(parts.query, keep_blank_values=True, errors="replace")
    names = {name.lower() for name, _ in pairs}
    of_substack: Set[str] = SUBSTACK_NAMES if names >= SUBSTACK_MARKS else frozenset()
    kept = [pair for pair in pairs if not _is_tracking(pair[0].lower(), of_substack)]
    query = parts.query if len(kept) == len(pairs) else urlencode(kept, errors="replace")
    is_tag = parts.fragment.lower().startswith(("xtor=", "utm_"))
    fragment = "" if is_tag else parts.fragment
    return str(urlunsplit(parts._replace(query=query, fragment=fragment)))


def _is_tracking(name: str, more: Set[str]) -> bool:
    is_known = name in MAIL_TRACKING_NAMES or name in more
    return is_known or name.startswith(TRACKING_PREFIXES)


def _split(url: str) -> SplitResult | None:
    """Split an address; None for one that cannot be, or has no host."""
    try:
        parts = urlsplit(url)
        return parts if parts.hostname else None
    except ValueError:
        return None


def _find_target(url: str) -> str | None:
    parts = _split(url)
    if parts is None or len(url) > MAX_WRAPPED_CHARS:
        return None
    host, path = (parts.hostname or "").lower(), parts.path
    if host in PROOFPOINT_HOSTS:
        return _from_proofpoint(url, parts.query)
    values = dict(parse_qsl(parts.query, errors="replace"))
    for end, beginning, names, _ in WRAPPERS:
        is_there = host == end or host.endswith("." + end)
        if is_there and path.startswith(beginning):
            return next((found for n in names.split() if (found := _as_url(values.get(n)))), None)
    if SHARING.search(path):
        return None
    segments = path.split("/")
    is_tracker = host.partition(".")[0] in TRACKER_LABELS or any(
        segment.lower() in TRACKER_SEGMENTS for segment in segments
    )
    tokens = [*segments, *(values[n] for n in values if is_tracker and n.lower() in TARGET_NAMES)]
    return next((found for token in tokens if (found := _read_token(token, is_tracker))), None)


def _from_proofpoint(url: str, query: str) -> str | None:
    if match := PROOFPOINT_V3.search(url):
        return _as_url(match[1])
    coded = dict(parse_qsl(query)).get("u", "")
    return _as_url(unquote(coded.replace("-", "%").replace("_", "/")))


def _read_token(token: str, is_tracker: bool) -> str | None:
    """Read a target out of a part of a path or a parameter, whatever its coding."""
    if is_tracker and (found := _as_url(unquote(token))):
        return found
    for piece in token.split("."):  # a JWT has three, of which the second counts
        if piece.startswith("aHR0c"):  # "http" in base64
            return _as_url(_from_base64(piece).decode("utf-8", "replace"))
        if piece.startswith("eyJ") and (found := _from_json(_from_base64(piece))):  # '{"'
            return found
        if is_tracker and piece.startswith("eJ") and (found := _from_zlib(_from_base64(piece))):
            return found
    return None


def _from_base64(token: str) -> bytes:
    token = token.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return b""


def _from_zlib(data: bytes) -> str | None:
    try:
        data = zlib.decompressobj().decompress(data, MAX_UNPACKED_BYTES)
    except zlib.error:
        return None
    if found := _from_json(data):
        return found
    values = dict(parse_qsl(data.decode("utf-8", "replace"), errors="replace"))
    return next((found for name in JSON_TARGETS if (found := _as_url(values.get(name)))), None)


def _from_json(data: bytes) -> str | None:
    for _ in range(2):  # Mandrill puts a JSON text into the JSON
        try:
            record = json.loads(data)
        except (ValueError, RecursionError):
            return None
        if not isinstance(record, dict):
            return None
        if found := next(_urls_in(record), None):
            return found
        data = str(record.get("p", "")).encode("utf-8", "replace")
    return None


def _urls_in(record: dict[str, Any]) -> Iterator[str]:
    for name in JSON_TARGETS:
        if found := _as_url(record.get(name)):
            yield found


def _as_url(value: Any) -> str | None:
    """Give the value if it is a whole web address with a real host."""
    if not isinstance(value, str) or not 10 <= len(value) <= MAX_URL_CHARS:
        return None
    value = value.strip()
    if not value.lower().startswith(("http://", "https://")) or not value.isprintable():
        return None
    parts = _split(value)
    has_host = parts is not None and "." in (parts.hostname or "")
    return value if has_host and " " not in value else None
