"""Who an article is: its canonical address and its content key.

Pure functions on strings. Two items with the same address, or the same normalised title and
text, are one article. Near-duplicates (stories) are not this module's business.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

KEY_DIGITS = 32
"""128 bits: no accidental collision in any corpus that fits on a disk."""
MAX_URL_CHARS = 2_000
"""Longer addresses are session dumps and data, and would not fit into an index page."""

DEFAULT_PORTS = {"http": 80, "https": 443}
HOME_PAGES = frozenset(
    {"", "/", "/index.html", "/index.htm", "/index.php", "/home", "/default.aspx"}
)
TRACKING_PREFIXES = ("utm_", "mtm_", "hsa_")
_TRACKING = """
    fbclid gclid gclsrc dclid gbraid wbraid msclkid yclid twclid ttclid igshid igsh li_fat_id
    mc_cid mc_eid mkt_tok _hsenc _hsmi _ga _gl vero_id oly_enc_id oly_anon_id wickedid
    pk_campaign pk_kwd pk_source pk_medium at_medium at_campaign at_custom1 at_custom2
    ref_src ref_url cmpid ncid s_cid icid ocid smid smtyp xtor spm srnd guccounter
    guce_referrer guce_referrer_sig ns_mchannel ns_campaign ns_source sc_campaign
    __twitter_impression __s bxid cndid esrc trkcampaign
"""
TRACKING_NAMES = frozenset(_TRACKING.split())
_HOST = re.compile(r"[a-z0-9._:-]+")
_SAFE_PATH = "/:@!$&'()*+,;=~-._%"


def canonical_url(url: str | None) -> str | None:
    """Give one spelling for all spellings of an address; None where it identifies no article.

    Scheme and host in lower case, default port, credentials, fragment and tracking parameters
    removed, query sorted. A home page or anything but http(s) identifies no article.
    """
    if not url or len(url) > MAX_URL_CHARS:
        return None
    try:
        parts = urlsplit(url.strip())
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
    path = quote(parts.path or "/", safe=_SAFE_PATH, errors="replace")
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
