"""Links out of their wrappers: one table of cases, each with whose wrapper it is."""

from __future__ import annotations

import base64
import json
import zlib
from urllib.parse import quote

import pytest
from hypothesis import given, settings, strategies as st

from ingest.newsletters.redirectors import clean_link, is_paid

TARGET = "https://paper.example/story?id=7"
CODED = quote(TARGET, safe="")


def coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def token(**record: object) -> str:
    return coded(json.dumps(record).encode())


WRAPPED = [
    (f"https://eur01.safelinks.protection.outlook.com/?url={CODED}&data=05", "a mail gateway"),
    (f"https://www.google.com/url?rct=j&sa=t&url={CODED}&ct=ga", "an alert"),
    (f"https://scholar.google.com/scholar_url?url={CODED}&hl=en", "a paper alert"),
    (f"https://l.facebook.com/l.php?u={CODED}&h=AT0", "a social network"),
    (f"https://click.linksynergy.com/deeplink?id=x&murl={CODED}", "an affiliate network"),
    (f"https://tracking.brief.example/CL0/{quote(TARGET, safe=':')}/1/0100/sig=1", "Amazon SES"),
    (f"https://link.note.example/click/123.45/{coded(TARGET.encode())}/ab", "Sailthru"),
    (f"https://click.kit-mail.example/abc/def/{coded(TARGET.encode())}", "Kit"),
    (f"https://substack.com/redirect/2/{token(e=TARGET, p=1)}.sig-1", "Substack"),
    (f"https://flight.hive.example/v2/clicks/{token(alg='x')}.{token(url=TARGET)}.s", "beehiiv"),
    (
        f"https://mandrillapp.com/track/click/1/a?p={token(s='x', p=json.dumps({'url': TARGET}))}",
        "Mandrill, JSON in JSON",
    ),
    (
        f"https://email.mg.example/c/{coded(zlib.compress(f'h=1&l={CODED}'.encode()))}",
        "Mailgun, compressed",
    ),
    (f"https://click.sender.example/?qs=ab&url={CODED}", "a host that is named after its work"),
    ("https://urldefense.com/v3/__https://paper.example/story?id=7__;!!AbC!x$", "Proofpoint v3"),
    (
        "https://urldefense.proofpoint.com/v2/url?u=https-3A__paper.example_story-3Fid-3D7&d=a",
        "Proofpoint v2",
    ),
    (f"{TARGET}&utm_source=x&utm_medium=email&mc_eid=1", "tracking parameters"),
    (f"{TARGET}&publication_id=1&post_id=2&r=ab&token=eyJ", "Substack's parameters"),
    (f"{TARGET}#xtor=EPR-1", "tracking in the fragment"),
]


@pytest.mark.parametrize(("url", "whose"), WRAPPED)
def test_link_leads_to_what_it_wraps(url: str, whose: str) -> None:
    assert clean_link(url) == TARGET, whose


def test_wrapper_in_a_wrapper_is_opened_too() -> None:
    inner = f"https://link.note.example/click/1/{coded(TARGET.encode())}/ab"
    outer = f"https://eur01.safelinks.protection.outlook.com/?url={quote(inner, safe='')}"
    assert clean_link(outer) == TARGET


KEPT = [
    ("https://paper.example/a?b=2&a=1#part", "order and fragment stay"),
    ("https://paper.example.us9.list-manage.com/track/click?u=5f&id=9", "a number at the sender's"),
    (f"https://www.facebook.com/sharer/sharer.php?u={CODED}", "a page to share something on"),
    (f"https://t.me/share/url?url={CODED}", "so is this one"),
    (f"https://web.archive.org/web/2024/{TARGET}", "an archived page is a page"),
    (f"https://translate.example/page?u={CODED}", "a page that works on another"),
    ("https://link.example/c/eJxnothing", "what only looks compressed"),
    ("https://link.example/redirect/eyJub3RoaW5n", "what only looks like a token"),
    ("https://click.example/?url=javascript:alert(1)", "no web address"),
    ("https://[broken/?url=https://a.example", "what cannot be split"),
    ("https://paper.example/?r=5&token=x", "only Substack's marks make these tracking"),
]


@pytest.mark.parametrize(("url", "reason"), KEPT)
def test_link_stays_as_it_is(url: str, reason: str) -> None:
    assert clean_link(url) == url, reason


def test_address_tells_whether_somebody_pays() -> None:
    assert is_paid("https://shop.example/?utm_medium=paid-email")
    assert is_paid(
        f"https://link.note.example/click/1/{coded(b'https://a.example/?utm_medium=cpc')}"
    )
    assert is_paid(f"https://www.awin1.com/cread.php?ued={CODED}")
    assert not is_paid("https://shop.example/paid?utm_medium=email")


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=60)
    | st.tuples(
        st.sampled_from([url for url, _ in WRAPPED]), st.integers(0, 80), st.text(max_size=5)
    ).map(lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + 1 :])
)
def test_any_address_is_cleaned_once_and_for_all(url: str) -> None:
    cleaned = clean_link(url)
    assert clean_link(cleaned) == cleaned
    is_paid(url)
