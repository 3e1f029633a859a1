"""Who an article is: its canonical address and its content key.

Pure functions on strings. Two items with the same address (whatever its form: see
`ingest/addresses.py`), or the same normalised title and text, are one article. Near-duplicates
are `ingest/stories.py`'s.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from ingest.addresses import unwrap

KEY_DIGITS = 32
"""128 bits: no accidental collision in any corpus that fits on a disk."""
MAX_URL_CHARS = 2_000
"""Longer addresses are session dumps and data, and would not fit into an index page."""

DEFAULT_PORTS = {"http": 80, "https": 443}
HOME_PAGES = frozenset(
    {"", "/", "/index.html", "/index.htm", "/index.php", "/home", "/default.aspx"}
)
TRACKING_PREFIXES = ("utm_", "mtm_", "hsa_", "itm_", "stm_", "matomo_", "piwik_", "at_custom")
_TRACKING = """
    fbclid gclid gclsrc dclid gbraid wbraid msclkid yclid twclid ttclid igshid igsh li_fat_id
    mc_cid mc_eid mkt_tok _hsenc _hsmi _ga _gl vero_id oly_enc_id oly_anon_id wickedid
    pk_campaign pk_kwd pk_source pk_medium at_medium at_campaign at_bbc_team at_link_id
    at_link_origin at_link_type at_ptr_name at_format gad_source gad_campaignid srsltid wt_mc
    _openstat _kx _branch_match_id ck_subscriber_id ml_subscriber ml_subscriber_hash dicbo
    vgo_ee mibextid s_kwcid ef_id tpcc cmp sref epik phpsessid jsessionid
    ref_src ref_url cmpid ncid s_cid icid ocid smid smtyp xtor spm srnd guccounter
    guce_referrer guce_referrer_sig ns_mchannel ns_campaign ns_source sc_campaign
    __twitter_impression __s bxid cndid esrc trkcampaign
"""
TRACKING_NAMES = frozenset(_TRACKING.split())
LEAST_VOUCHING_WORDS = 40
"""Shorter texts are often the outlet's own ("Read more on our site") under many titles."""
_OUTLET = re.compile(r" (?:\||-)(?: [^\W\d]\S*+){1,4} ?$")
_TYPOGRAPHY = {
    **dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u2032"), "'"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb"), '"'),
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-"),
    0x2026: "...",
}
_SESSION = re.compile(r";jsessionid=[^/?#]*", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9._:-]+")
_SAFE_PATH = "/:@!$&'()*+,;=~-._%"


def canonical_url(url: str | None) -> str | None:
    """Give one spelling for all spellings of an address; None where it identifies no article.

    AMP caches and redirectors taken off, scheme and host in lower case, default port,
    credentials, fragment, session and tracking parameters removed, query sorted. A home page or
    anything but http(s) identifies no article. Gives what it gave if called on its own result.
    """
    if not url or len(url) > MAX_URL_CHARS:
        return None
    try:
        parts = urlsplit(unwrap(url.strip()))
        host, port = _ascii_host(parts.hostname), parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in DEFAULT_PORTS or not host or not _HOST.fullmatch(host):
        return None
    query = _kept_query(parts.query)
    if not query and parts.path.lower() in HOME_PAGES:
        return None
    host = f"[{host}]" if ":" in host else host.rstrip(".")
    netloc = host if port in {None, DEFAULT_PORTS[scheme]} else f"{host}:{port}"
    path = quote(_SESSION.sub("", parts.path) or "/", safe=_SAFE_PATH, errors="replace")
    return f"{scheme}://{netloc}{path}" + (f"?{query}" if query else "")


def content_key(title: str, text: str, url: str | None = None) -> str:
    """Hash a cleaned title and text, blind to case, spacing and Unicode form; 32 hex digits.

    An article without text is told apart from others of its title by its address.
    """
    told = f"{title}\t{text or url or ''}"
    if not told.isascii():
        told = unicodedata.normalize("NFKC", told)
    letters = told.casefold().replace(" ", "").replace("\n", "")
    return hashlib.sha256(letters.encode("utf-8", "replace")).hexdigest()[:KEY_DIGITS]


def text_key(title: str, text: str) -> str:
    """Hash what a model reads of an article.

    Articles of one key get one answer, so every letter, digit and sign counts, and only
    typography does not: kinds of quotes and dashes, spacing, the case of the title, and the
    outlet's name at its end where the text is long enough to vouch for it.
    """
    body = _plain(text)
    head = _plain(title).casefold().rstrip(".")
    if body.count(" ") >= LEAST_VOUCHING_WORDS:
        head = _OUTLET.sub("", head)
    return hashlib.sha256(f"{head}\t{body}".encode("utf-8", "replace")).hexdigest()[:KEY_DIGITS]


def _plain(text: str) -> str:
    return " ".join((text if text.isascii() else text.translate(_TYPOGRAPHY)).split())


def _kept_query(query: str) -> str:
    if not query:
        return ""
    pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
    kept = sorted(pair for pair in pairs if not _is_tracking(pair[0]))
    return urlencode(kept, errors="replace")


def _is_tracking(name: str) -> bool:
    name = name.lower()
    return name in TRACKING_NAMES or name.startswith(TRACKING_PREFIXES)


def _ascii_host(host: str | None) -> str:
    """Spell a host of any script as DNS does; raises UnicodeError, a ValueError, if it cannot."""
    return (host or "").encode("idna" if host and not host.isascii() else "ascii").decode()
