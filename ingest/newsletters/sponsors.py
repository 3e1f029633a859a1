"""Paid items: what newsletters write on them, and where.

A label stands on a line of its own above the item (or is the section's name), in its title, or at
the end of its text. Each row has an example and, where it is near to news, a counter-example.
Languages other than those here are told only by `rel="sponsored"` and paid link parameters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

MAX_LABEL_CHARS = 90

Place = Literal["label", "title", "text"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One row: where a mark stands, its pattern, a text that it must match and one it must not."""

    place: Place
    pattern: str
    example: str
    counter_example: str = ""


_WHO = r"(?P<{}>[^\s!?,]{{1,30}}(?: [^\s!?,]{{1,30}}){{0,3}})"
"""A sponsor's name: up to four words, which begin with a capital (see `read_label`)."""
MARKS: tuple[Mark, ...] = (
    # --- a line of its own ---
    Mark(
        "label",
        r"(?:proudly )?(?:sponsored|presented|powered|supported|paid for) by\W+" + _WHO.format("a"),
        "Presented by Acme Cloud",
        "Supported by voters, the mayor wins. The vote was close.",
    ),
    Mark("label", r"brought to you by\W+" + _WHO.format("b"), "Brought to you by Acme"),
    Mark(
        "label",
        r"(?:together|in partnership|in collaboration|in association|in cooperation) with\W+"
        + _WHO.format("c"),
        "Together with Acme",
        "Together with neighbours, she built a dam. It held.",
    ),
    Mark(
        "label",
        r"a (?:message|word|note) from\W+" + _WHO.format("d"),
        "A message from Acme",
        "A message from space",
    ),
    Mark(
        "label",
        r"(?:today's|this week's|our|featured|a word from (?:our|today's)|from our|thanks to "
        r"our)? ?(?:sponsor|partner)s?(?: (?:message|content|post|spotlight|deals?|offers?|"
        r"picks?|links?))?",
        "From our partners",
        "Partners in crime",
    ),
    Mark(
        "label",
        r"(?:sponsored|promoted|paid)(?: (?:content|post|message|story|stories|links?|"
        r"partnership|partner content))?",
        "Sponsored content",
        "Paid leave",
    ),
    Mark(
        "label",
        r"ads?|advert|advertisement|advertorial|advertising|promotion|partner content|"
        r"classifieds",
        "Advertisement",
        "Ads for tobacco banned",
    ),
    Mark(
        "label",
        r"(?:-+ ?)?(?:anzeige|werbung|gesponsert|advertorial|bezahlte anzeige|"
        r"partnerinhalt)(?: ?-+)?",
        "Anzeige",
        "Anzeige gegen Bürgermeister",
    ),
    Mark(
        "label",
        r"(?:präsentiert|gesponsert|unterstützt) von\W+" + _WHO.format("e"),
        "Präsentiert von Beispielbank",
    ),
    Mark(
        "label",
        r"(?:in (?:zusammenarbeit|kooperation) mit)\W+" + _WHO.format("f"),
        "In Zusammenarbeit mit Beispielbank",
    ),
    Mark(
        "label",
        r"publicité|contenu (?:sponsorisé|partenaire)|sponsorisé|communiqué|publirédactionnel",
        "Contenu sponsorisé",
        "Publicité : le parlement vote",
    ),
    Mark(
        "label",
        r"(?:présenté par|sponsorisé par|en partenariat avec|offert par)\W+" + _WHO.format("g"),
        "En partenariat avec Acme",
    ),
    Mark("label", r"publicidad|patrocinado|contenido patrocinado", "Contenido patrocinado"),
    Mark("label", r"(?:patrocinado|presentado) por\W+" + _WHO.format("h"), "Patrocinado por Acme"),
    Mark("label", r"pubblicità|sponsorizzato|contenuto sponsorizzato", "Contenuto sponsorizzato"),
    Mark("label", r"publicidade|conteúdo patrocinado", "Publicidade"),
    Mark("label", r"advertentie|gesponsord|gesponsorde inhoud|partnerbijdrage", "Advertentie"),
    Mark(
        "label",
        r"(?:aangeboden|mede mogelijk gemaakt) door\W+" + _WHO.format("i"),
        "Aangeboden door Acme",
    ),
    Mark(
        "label",
        r"annons|annonse|annonce|reklame|reklam|sponsrat innehåll|annonssamarbete",
        "Annons",
    ),
    Mark("label", r"реклама|на правах рекламы", "Реклама"),
    # --- in the title ---
    Mark(
        "title",
        r"[(\[](?:sponsor|sponsored|sponsored (?:post|content)|ad|advertisement|promoted|"
        r"partner|paid|anzeige|werbung|sponsorisé|publicité|patrocinado|gesponsord|"
        r"advertentie)[)\]]\W*$",
        "Ship faster with Acme (Sponsor)",
        "How an ad is made (and sold)",
    ),
    Mark(
        "title",
        r"^\W*[(\[](?:sponsor|sponsored|ad|promoted|anzeige|werbung|publicité)[)\]]",
        "[Ad] Ship faster",
    ),
    Mark(
        "title",
        r"^\W*(?:sponsored|sponsor|ad|advertisement|promoted|partner|anzeige|werbung|"
        r"publicité|publicidad|advertentie|annons)\s*[:|·–—]\s",
        "Anzeige: Strom vom Dach",
        "Ad agencies: who owns them",
    ),
    Mark("title", r"#(?:ad|sponsored|anzeige|werbung)\b", "Ship faster #ad"),
    Mark(
        "title",
        r"[|·–—*]\s*(?:sponsored|sponsor|ad|anzeige|publicité)\W*$",
        "Acme Cloud | Sponsored",
    ),
    # --- in the first or last lines of the text ---
    Mark(
        "text",
        r"^\W*(?:this (?:section|item|content|post|message|issue|article|story) (?:is|was) "
        r"(?:sponsored|paid|brought to you)|sponsored by|paid (?:for by|post|content|"
        r"partnership)|brought to you by)\b",
        "This section is sponsored by Acme.",
        "The sponsored team lost",
    ),
    Mark(
        "text",
        r"\W(?:sponsored|ad|anzeige|werbung|publicité)\W*$(?<=[)\]*])",
        "Get 20 % off today. (Ad)",
        "They ran an ad",
    ),
)


def _compile(place: Place) -> re.Pattern[str]:
    joined = "|".join(f"(?:{mark.pattern})" for mark in MARKS if mark.place == place)
    return re.compile(rf"\W*(?:{joined})\W*" if place == "label" else joined, re.IGNORECASE)


_LABEL, _TITLE, _TEXT = _compile("label"), _compile("title"), _compile("text")


@dataclass(frozen=True, slots=True)
class Label:
    """A line that says that something is paid for, and by whom if it says so."""

    sponsor: str = ""


def read_label(text: str) -> Label | None:
    """Read a line of its own as a label; None if it is none."""
    if len(text) > MAX_LABEL_CHARS:
        return None
    match = _LABEL.fullmatch(text.strip())
    if match is None:
        return None
    names = (name.strip(" \t:*·|–—-") for name in match.groupdict().values() if name)
    sponsor = next(names, "")
    return None if sponsor[:1].islower() else Label(sponsor)


def is_bare_label(text: str) -> bool:
    """Tell whether a line says "sponsored" and nothing else."""
    label = read_label(text)
    return label is not None and not label.sponsor


def is_marked_title(title: str) -> bool:
    """Tell whether a title says that its item is paid for."""
    return _TITLE.search(title) is not None or read_label(title) is not None


def is_marked_text(line: str) -> bool:
    """Tell whether a first or last line of an item says that it is paid for."""
    return len(line) <= 4 * MAX_LABEL_CHARS and _TEXT.search(line) is not None


def strip_mark(title: str) -> str:
    """Take the mark out of a title; a title that is nothing else stays."""
    stripped = " ".join(_TITLE.sub(" ", title).split()).strip(" |·–—:")
    return stripped or title
