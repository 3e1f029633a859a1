"""What a fetched page is when it is not the article: a paywall, a consent page, a check for robots.

Pure, and cautious: a page is only refused for what it says while it says little else.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

LITTLE_CHARS = 1_500
"""Pages that stand in the way of articles are short; articles that mention cookies are longer."""
START_CHARS = 60_000
"""Of a page's markup, in which its first words are looked for."""
MAX_MARKUP_CHARS = 1_000_000


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases), re.IGNORECASE)


SIGNS = {
    "a paywall": _any(
        r"subscribe to (?:continue|read|unlock)",
        r"(?:subscribers|members) only\b",
        r"(?:exclusive(?:ly)?|available|only) (?:for|to) (?:our )?(?:subscribers|members)",
        r"already (?:a subscriber|have a subscription)",
        r"to continue reading\b",
        r"unlock this (?:article|story)",
        r"reached your (?:free |monthly )*(?:article )?limit",
        r"jetzt weiterlesen mit|artikel freischalten|nur für abonnenten",
        r"réservé (?:aux|à nos) abonnés",
        r"exclusivo para suscriptores|alleen voor abonnees",
    ),
    "a consent page": _any(
        r"we value your privacy",
        r"we and our (?:\d+ )?partners",
        r"before you continue to",
        r"accept (?:all )?cookies",
        r"cookies and similar technolog",
        r"mit werbung (?:und tracking )?(?:weiter)?lesen",
        r"nous et nos (?:\d+ )?partenaires",
        r"alle cookies (?:akzeptieren|accepteren)",
    ),
    "a check for robots": _any(
        r"checking your browser",
        r"verify (?:that )?you(?: are|'re) (?:a )?human",
        r"are you a robot",
        r"enable javascript and cookies to continue",
        r"unusual traffic from your",
        r"access to this page has been denied",
        r"pardon our interruption",
    ),
    "a page to log in": _any(
        r"(?:log|sign) in to (?:your account|continue|read)",
        r"forgot(?:ten)? (?:your )?password",
    ),
}
_NOT_FREE = re.compile(r"\"isAccessibleForFree\"\s*:\s*\"?false\b", re.IGNORECASE)
_CONSENT_HOSTS = re.compile(r"^(?:consent|guce|cmp|myprivacy|privacy-?gate)\.", re.IGNORECASE)
_LOGIN_PATHS = re.compile(r"/(?:log-?in|sign-?in|subscribe|paywall)(?:[/?.]|$)", re.IGNORECASE)
_SCRIPTS = re.compile(r"<(?:script|style)\b[^<]*", re.IGNORECASE)
_TAGS = re.compile(r"<[^<>]*>")


def judge_page(markup: str, text: str, url: str) -> str | None:
    """Say what stands in the article's place; None where it is the article, for all one can tell.

    text: what was found in the page. url: where it came from, after redirects.
    """
    parts = urlsplit(url)
    if _CONSENT_HOSTS.search(parts.hostname or ""):
        return "a consent page"
    if len(text) >= LITTLE_CHARS:
        return None
    if _LOGIN_PATHS.search(parts.path):
        return "a page to log in"
    if _NOT_FREE.search(markup[:MAX_MARKUP_CHARS]):
        return "a paywall"
    start = _TAGS.sub(" ", _SCRIPTS.sub(" ", markup[:START_CHARS]))
    told = " ".join(f"{text} {start}".split())
    return next((what for what, signs in SIGNS.items() if signs.search(told)), None)
