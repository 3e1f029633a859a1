"""Is a feed entry's body the article, or only a taste of it? Pure."""

from __future__ import annotations

import re

SHORT_CHARS = 600
"""A shorter body is taken for a teaser: few articles are, and fetching a page costs little."""
CUT_CHARS = 2_000
"""Up to this length a body that says it is cut is believed."""
TAIL_CHARS = 120

_CUT = re.compile(
    r"(?:…|\.\.\.|\[…\]|\[\.\.\.\]|&hellip;|»|→)\W*$"
    r"|\b(?:read more|read on|continue reading|full story|more at|weiterlesen|mehr lesen"
    r"|lire la suite|leer más|lees verder|continua a leggere)\b",
    re.IGNORECASE,
)


def is_teaser(text: str, url: str | None) -> bool:
    """Tell whether the page at `url` is likely to say more than `text` does."""
    if url is None:
        return False
    if len(text) < SHORT_CHARS:
        return True
    return len(text) < CUT_CHARS and _CUT.search(text[-TAIL_CHARS:]) is not None
