"""Links that say nothing of where they lead: redirectors that keep their target to themselves.

Such an address works for whoever clicks on it, but it is no article's: each issue, and with some
senders each reader, has another one for the same article. Pure; asks nobody. Wrappers that carry
their target are opened before: `ingest/addresses.py`, `ingest/newsletters/redirectors.py`.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from ingest.newsletters.redirectors import TRACKER_LABELS, TRACKER_SEGMENTS

_SHORTENERS = """
    aka.ms amzn.to bbc.in bit.ly buff.ly cutt.ly dlvr.it fb.me goo.gl ift.tt is.gd lnkd.in nyti.ms
    on.ft.com ow.ly rb.gy reut.rs shorturl.at t.co t.ly tinyurl.com trib.al wapo.st
"""
_SENDERS = """
    awstrack.me cmail19.com cmail20.com createsend1.com customeriomail.com emltrk.com
    exacttarget.com feedproxy.google.com hubspotlinks.com hubspotlinksstarter.com klclick.com
    klclick1.com klclick2.com klclick3.com list-manage.com mailgun.org mjt.lu mlsend.com
    responsys.net rs6.net sendgrid.net sendibt2.com sendibt3.com
"""
SHORTENERS = frozenset(_SHORTENERS.split())
SENDERS = tuple(f".{name}" for name in _SENDERS.split())
"""Ends of hosts whose links are redirectors, and nothing else."""
_PAGES = ((".mandrillapp.com", "/track/"), (".substack.com", "/redirect/"))
"""Hosts that have redirectors beside pages of their own."""
_TOKEN = re.compile(r"(?=[^/]*\d)[A-Za-z0-9_=~.%-]{8,}")
"""What a sender writes in place of words; an article's address nearly always has some."""


def is_opaque(url: str) -> bool:
    """Tell whether an address is a redirector's that says nothing of its target."""
    parts = _split(url)
    if parts is None:
        return False
    host, path = (parts.hostname or "").lower().removeprefix("www."), parts.path
    # With a dot before it, a host also ends with its own name.
    if host in SHORTENERS or f".{host}".endswith(SENDERS):
        return path.strip("/") != ""
    if any(f".{host}".endswith(end) and path.startswith(start) for end, start in _PAGES):
        return True
    return _is_tracker(host, path, parts.query)


def _is_tracker(host: str, path: str, query: str) -> bool:
    """Tell a sender's redirector under a name of its own: link.paper.example/click/31.2/aHx."""
    if host.partition(".")[0] not in TRACKER_LABELS or host.count(".") < 2:
        return False
    first, *rest = path.strip("/").split("/")
    if first.lower() in TRACKER_SEGMENTS:
        return bool(query or rest)
    return not rest and bool(_TOKEN.fullmatch(first) or (query and not first))


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None
