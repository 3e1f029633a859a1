"""What stands in every issue and is no news: footers, referral programmes, calls to click.

A table, one row a phrase, each with an example that must match and, where the phrase is near to
a headline, one that must not. Short blocks and link texts are held against it, never long text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

MAX_PHRASE_CHARS = 320
"""Longer blocks are somebody's words."""

Purpose = Literal["footer", "frame", "call", "farewell"]
"""footer: from here on nothing comes · frame: around the news · call: "read more" · farewell."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """One row: a pattern, a text that it must match, one that it must not."""

    purpose: Purpose
    pattern: str
    example: str
    counter_example: str = ""


PHRASES: tuple[Phrase, ...] = (
    # --- footers ---
    Phrase(
        "footer",
        r"^(?:click here to |to |you can )?unsubscribe(?: here| at any time| instantly| in "
        r"one click)?(?:$|\W+$|\s*[|·•,/]| from (?:this|these|our|all|future|the) (?:e-?mail|"
        r"list|mail|newsletter))",
        "Unsubscribe from this list",
        "Unsubscribe rates fall as prices rise",
    ),
    Phrase(
        "footer",
        r"[|·•,/–] *unsubscribe\b|\bunsubscribe *(?:here|[|·•])|\bunsubscribe[.!]?$",
        "Manage preferences | Unsubscribe",
        "Why readers unsubscribe from streaming services",
    ),
    Phrase(
        "footer",
        r"\b(?:you|you're|you are) (?:get|getting|are receiving|receive|received|receiving|"
        r"have received) (?:this|our|these)\b.{0,40}\b(?:because|as you|since you)\b",
        "You are receiving this email because you signed up on our website.",
        "You are receiving less rain because of the mountains",
    ),
    Phrase(
        "footer",
        r"^this (?:e-?mail|message|mail|summary|digest) (?:was|is) sent (?:to|by|from)\b",
        "This email was sent to a@b.example",
    ),
    Phrase(
        "footer",
        r"^(?:copyright )?(?:©|\(c\)|copyright\b)\W{0,3}(?:\d{4}|\w+ \d{4}|.{0,60}all rights "
        r"reserved)",
        "Copyright © 2026 Paper Kite Media. All rights reserved.",
        "Copyright battle over novels reaches the court",
    ),
    Phrase(
        "footer",
        r"^our (?:mailing|postal) address is\b",
        "Our mailing address is: 1 Quay, Aldery",
    ),
    Phrase(
        "footer",
        r"^(?:manage|update|change|edit)(?: your| my)? (?:e-?mail |mail |newsletter |"
        r"subscription )?(?:preferences|settings|subscriptions?|profile)\b.{0,80}$",
        "Update your preferences",
        "Change of settings in the ministry",
    ),
    Phrase(
        "footer",
        r"^(?:e-?mail |mail )?preferences\b\W*(?:$|[|·•])",
        "Preferences",
        "Preferences of voters",
    ),
    Phrase(
        "footer",
        r"\b(?:newsletter|mail)s?,? .{0,30}\babbestell\w*|^(?:hier |newsletter )?(?:abmelden|"
        r"abbestellen)\b|^abbestellen",
        "Newsletter abbestellen",
        "Haushalte melden sich ab",
    ),
    Phrase(
        "footer",
        r"^(?:sie|du) (?:erhalten|erhältst|bekommen|bekommst) (?:diese[nrs]?|"
        r"unsere[nr]?)\b.{0,80}\b(?:weil|da)\b",
        "Sie erhalten diese E-Mail, weil Sie sich angemeldet haben.",
    ),
    Phrase("footer", r"^impressum\b.{0,80}$", "Impressum | Datenschutz"),
    Phrase(
        "footer",
        r"\bse d[ée]sabonner\b|^(?:se )?d[ée]sinscri(?:re|ption)\b|^d[ée]sabonnement",
        "Se désabonner",
        "Les lecteurs se lassent",
    ),
    Phrase(
        "footer",
        r"^vous recevez (?:cet?|cette|notre)\b",
        "Vous recevez ce message car vous êtes abonné.",
    ),
    Phrase("footer", r"\bdarse de baja\b|^cancelar (?:la )?suscripci[óo]n", "Darse de baja"),
    Phrase("footer", r"^(?:hier )?(?:afmelden|uitschrijven)\b", "Afmelden voor deze nieuwsbrief"),
    Phrase("footer", r"\bannulla(?:re)? (?:l')?iscrizione\b|^disiscriviti", "Annulla iscrizione"),
    Phrase("footer", r"^cancelar (?:a )?(?:inscri[çc][ãa]o|assinatura)", "Cancelar inscrição"),
    Phrase(
        "footer",
        r"^to unsubscribe\b.{0,200}$|^to (?:be removed|stop receiving|opt out|"
        r"leave)\b.{0,120}\b(?:list|mails?|e-?mails?|newsletter)\b",
        "To be removed from this list, write to press@port.example.",
        "To leave the union, two thirds must agree",
    ),
    Phrase(
        "footer",
        r"^you(?:'re| are) (?:receiving|getting|subscribed to) .{0,60}\b(?:e-?mails?|"
        r"newsletters?|alerts?|list)\b.{0,80}$",
        "You are receiving Job Alert emails.",
        "You are getting older",
    ),
    # --- around the news ---
    Phrase(
        "frame",
        r"^you(?:'re| are) (?:currently )?(?:a |an )?(?:free |paid )?subscriber\b.{0,200}$",
        "You're currently a free subscriber to Paper Kite.",
        "You are what you subscribe to",
    ),
    Phrase(
        "frame",
        r"^(?:see|view|show|browse) (?:all|more)\b.{0,40}$",
        "See all jobs",
        "See all of Europe by train, the ministry says in its new plan for night lines",
    ),
    Phrase(
        "frame",
        r"^(?:just )?(?:hit reply|reply (?:to this|and (?:tell|let)))\b.{0,120}$",
        "Reply and tell us what we missed.",
        "Reply of the minister",
    ),
    Phrase(
        "frame",
        r"^(?:click here to )?(?:view|read|open|see)(?: this| it| the)?(?: e-?mail| issue| "
        r"newsletter| mail| message)? (?:in (?:your |a |the )?(?:web )?browser|online|on the "
        r"web|in (?:the )?app)\b",
        "View this email in your browser",
        "View from the harbour",
    ),
    Phrase(
        "frame",
        r"^(?:trouble|problems?|having trouble) (?:reading|viewing)\b",
        "Trouble viewing this email?",
    ),
    Phrase(
        "frame",
        r"^(?:newsletter |diese e-?mail |mail )?im browser (?:an(?:sehen|zeigen)|öffnen|"
        r"lesen)|^online(?:-?version| lesen| ansehen)",
        "Im Browser ansehen",
    ),
    Phrase(
        "frame",
        r"^(?:voir|lire|afficher) .{0,30}(?:en ligne|navigateur)",
        "Voir dans le navigateur",
    ),
    Phrase(
        "frame",
        r"^(?:was (?:this|it)|got this|did someone)\b.{0,40}\bforward(?:ed)?\b|^forwarded "
        r"this\b",
        "Was this email forwarded to you? Sign up here.",
    ),
    Phrase(
        "frame",
        r"^(?:sign up|subscribe)(?: here| now| for free| free| to get| to our "
        r"newsletter)?\W*(?:$|[|·•])",
        "Subscribe now",
        "Subscribe to nothing: a year without contracts",
    ),
    Phrase(
        "frame",
        r"^(?:upgrade to paid|become a (?:paid )?(?:member|subscriber|supporter)|get the app|"
        r"download (?:the|our) app|log ?in|manage account)\b.{0,60}$",
        "Upgrade to paid",
    ),
    Phrase(
        "frame",
        r"^(?:jetzt )?(?:anmelden|abonnieren|weiterempfehlen|weiterleiten)\b.{0,40}$",
        "Jetzt abonnieren",
    ),
    Phrase(
        "frame",
        r"^(?:advertise|advertise with us|want to advertise|interested in advertising|sponsor "
        r"us|media kit)\b.{0,120}$",
        "Want to advertise in this newsletter?",
    ),
    Phrase(
        "frame",
        r"^(?:please )?(?:share|forward|refer|tell|invite|recommend)(?: (?:this|it|us|the|our|"
        r"your|a|an|with|to|about|issue|newsletter|e-?mail|mail|story|post|article|link|"
        r"friends?|colleagues?|someone|below)){0,8}(?:$|\W+$| and (?:earn|get|win)\b.{0,120}$)",
        "Share this newsletter with a friend and earn rewards",
        "Share prices fall",
    ),
    Phrase(
        "frame",
        r"\b(?:your |unique |personal )?referral (?:link|code|programme|program|count)\b|"
        r"\byou(?:'ve| have| currently have) (?:made )?\d{1,4} referrals?\b|^\d{1,4} "
        r"referrals?\b",
        "Your referral link: https://a.example/r/1",
    ),
    Phrase(
        "footer",
        r"^(?:cancel|list|edit) (?:this |your )?alerts?$",
        "Cancel alert",
        "Cancel culture alert",
    ),
    Phrase(
        "frame",
        r"\b(?:tell|share|refer)\b.{0,40}\b(?:friends?|colleagues?)\b.{0,60}\b(?:rewards?|"
        r"free|earn|win|mug|gift)\b",
        "Love it? Tell your friends and get rewards!",
        "Tell me who your friends are",
    ),
    Phrase("frame", r"\badvertise with us\b", "You may want to advertise with us."),
    Phrase(
        "frame",
        r"^(?:if you have|got|any) .{0,40}(?:comments|feedback|questions|"
        r"tips)\b.{0,80}\b(?:reply|respond|write|e-?mail)",
        "If you have any feedback, just respond to this email!",
    ),
    Phrase("frame", r"^(?:follow|find|join) us(?: on)?\b.{0,100}$", "Follow us on Mastodon"),
    Phrase(
        "frame",
        r"^(?:facebook|twitter|x|linkedin|instagram|mastodon|bluesky|youtube|tiktok|threads|"
        r"rss|website|e-?mail|like|comment|restack|tweet|share)(?: *[|·•,/] *\w{1,12}){0,8}$",
        "Twitter | LinkedIn",
        "Twitter outage",
    ),
    Phrase(
        "frame",
        r"^(?:leave a comment|\d{1,5} (?:comments?|likes?|kommentare))\b.{0,20}$",
        "Leave a comment",
    ),
    Phrase(
        "frame",
        r"^(?:how (?:did|do) (?:you|we) (?:like|do|feel|enjoy|rate)|what did you think|rate "
        r"(?:this|today)|did you (?:like|enjoy)|love it|loved it|hated it|was this (?:useful|"
        r"helpful))\b.{0,100}$",
        "How did you like today's issue?",
        "How do you test a backup?",
    ),
    Phrase(
        "frame",
        r"^(?:privacy(?: policy| notice)?|terms(?: of (?:use|service))?|contact(?: us)?|"
        r"archive|about us|faq|help|datenschutz|kontakt)\b(?: *[|·•,/&] *.{0,80})?$",
        "Privacy Policy | Terms",
        "Contact lenses recalled",
    ),
    Phrase(
        "frame",
        r"^(?:add|whitelist|move) (?:us|this|our|.{3,60}@\S+) to (?:your )?(?:address book|"
        r"contacts|safe senders|primary)",
        "Add us to your address book",
    ),
    Phrase(
        "frame",
        r"^(?:in (?:this|today's) (?:issue|edition|newsletter|e-?mail)|table of contents|"
        r"contents|in dieser ausgabe|inhalt|dans ce numéro)\W*$",
        "In this issue:",
        "In this issue of trust",
    ),
    Phrase(
        "frame",
        r"^(?:powered by|built with|sent with|start writing|start your own|publish "
        r"on)\b.{0,20}(?:beehiiv|mailchimp|substack|ghost|convertkit|kit|buttondown|"
        r"newsletter)\b.{0,30}$",
        "Powered by beehiiv",
        "Powered by wind",
    ),
    # --- calls to click ---
    Phrase(
        "call",
        r"^\W*(?:(?:continue |keep )?read(?:ing)?(?: on| more| the (?:full|whole) (?:story|"
        r"article|post|piece|report)| the (?:story|article|post|report|rest)| it here| full "
        r"story| article| story| here| now| full article)?|more|full (?:story|article|text)|"
        r"learn more|find out more|see more|view (?:article|story|more|discussion|topic|paper|"
        r"pdf)|go deeper|the (?:story|details|report|study|paper)|details|visit topic|"
        r"watch(?: now| the video)?|listen(?: now)?|get it here|try it(?: free)?|start (?:a "
        r")?free trial|book a demo|shop now|register(?: now)?|open|link|pdf|click here|"
        r"here)\W*$",
        "Read the full story →",
        "Read this before you buy a battery",
    ),
    Phrase(
        "call",
        r"^\W*(?:weiterlesen|mehr(?: lesen| erfahren| dazu)?|zum (?:artikel|beitrag|bericht)|"
        r"artikel lesen|jetzt (?:lesen|testen|kaufen|sichern)|ganzen artikel lesen|hier "
        r"lesen)\W*$",
        "Weiterlesen",
        "Mehr Wind",
    ),
    Phrase(
        "call",
        r"^\W*(?:lire (?:la suite|plus|l'article)|en savoir plus|leer más|seguir leyendo|"
        r"saber más|lees (?:meer|verder)|leggi(?: di più| tutto)|continua a leggere|ler mais|"
        r"saiba mais|läs mer|læs mere|les mer)\W*$",
        "Lire la suite",
        "Lire aujourd'hui",
    ),
    # --- farewells ---
    Phrase(
        "farewell",
        r"^(?:until (?:next|tomorrow|then)|see you|that's (?:all|it)|thanks for reading|thank "
        r"you for reading|have a (?:good|great|nice|lovely)|cheers|best(?: regards| wishes)?,|"
        r"kind regards|warmly|regards|yours|sincerely|happy \w+day)\b.{0,160}$",
        "Until next Friday,\nIfeoma and Lars",
        "Untilled fields bring more birds",
    ),
    Phrase(
        "farewell",
        r"^(?:bis (?:nächste|morgen|bald|zum)|viele grüße|herzliche grüße|beste grüße|mit "
        r"freundlichen|schönes wochenende|à (?:bientôt|demain|la semaine)|bonne (?:journée|"
        r"semaine|lecture|fin)|hasta (?:mañana|la próxima)|tot (?:morgen|volgende))\b.{0,160}$",
        "Viele Grüße\nIhre Redaktion",
    ),
)

SHARE_PAGES = re.compile(
    r"(?:facebook\.com/sharer|twitter\.com/(?:intent|share)|x\.com/intent|linkedin\.com/share"
    r"|t\.me/share|wa\.me/|api\.whatsapp\.com|news\.ycombinator\.com/submitlink|getpocket\.com/save"
    r"|reddit\.com/submit|mailto:)",
    re.IGNORECASE,
)


def _compile(purposes: Iterable[Purpose]) -> re.Pattern[str]:
    wanted = set(purposes)
    patterns = [row.pattern for row in PHRASES if row.purpose in wanted]
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE | re.DOTALL)


_PATTERNS = {purpose: _compile([purpose]) for purpose in ("footer", "frame", "call", "farewell")}


@lru_cache(maxsize=4_096)
def is_phrase(text: str, purpose: Purpose) -> bool:
    """Tell whether a short text serves a purpose; a long one serves none."""
    text = text.strip().lstrip("*_>→•-–— \n")
    return 0 < len(text) <= MAX_PHRASE_CHARS and _PATTERNS[purpose].search(text) is not None


def is_boilerplate(text: str) -> bool:
    """Tell whether a short text belongs to the frame or the footer."""
    return is_phrase(text, "footer") or is_phrase(text, "frame")


def is_share_link(url: str) -> bool:
    """Tell whether an address is a button to share something."""
    return SHARE_PAGES.search(url) is not None
