"""Realistic texts and what each shipped lens does with them, with a reason for every row.

A text is a title, a line end and the beginning of the body, as the rules see it.
"""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """One row: what the lens decides on a text, by which rule (None: its default), and why."""

    text: str
    decision: str
    rule_id: str | None
    why: str


EDITORIAL = [
    Case(
        "Cabinet reshuffle after budget defeat\nThe prime minister dismissed two ministers.",
        "keep",
        "government-parliament",
        "plain politics",
    ),
    Case(
        "Bondscoach boos\nHet kabinet trekt de wet op de kansspelen in.",
        "keep",
        "government-nl-de-fr-es",
        "Dutch politics is known by its words, whatever the title says",
    ),
    Case(
        "Après la crue\nLe gouvernement débloque dix millions.",
        "keep",
        "government-nl-de-fr-es",
        "accents beside a boundary must not hide a word",
    ),
    Case(
        "Seventeen people were killed when a ferry capsized off the cape",
        "keep",
        "casualties",
        "begins with a number but is no list",
    ),
    Case(
        "17 ways to survive a ferry trip",
        "drop",
        "listicle",
        "begins with a number and is a list",
    ),
    Case(
        "Striker arrested on bribery charge\nPolice arrested the forward after training.",
        "keep",
        "crime-police",
        "hard news about sport is news: the block of kept news stands before sport",
    ),
    Case(
        "United beat Rovers 2-1\nThe goalkeeper saved twice.",
        "drop",
        "sports-score",
        "a result and nothing else",
    ),
    Case(
        "Senate passes budget by 52 votes to 48",
        "keep",
        "government-parliament",
        "a vote is no score",
    ),
    Case(
        "Zero-coupon bonds find buyers\nThe central bank held its rate.",
        "keep",
        "macro-economy",
        "a bond's coupon is no shopping coupon",
    ),
    Case(
        "Your horoscope: Aries meets a minister",
        "drop",
        "horoscope",
        "noise wins over a keyword, since it stands first",
    ),
    Case(
        "A novel coronavirus spreads\nDoctors said 40 patients have pneumonia.",
        "keep",
        "public-health",
        "novel is an adjective here, not a book",
    ),
    Case(
        "Recipe for disaster\nThe finance ministry warned of a second bank failure.",
        "keep",
        "government-parliament",
        "a figure of speech, not cooking",
    ),
    Case(
        "Prime Day: the best deals on vacuums",
        "drop",
        "deal-price",
        "shopping",
    ),
    Case(
        "Bexley Foods raises guidance\nLONDON (BUSINESS WIRE) Bexley Foods said net sales rose.",
        "drop",
        "press-wire",
        "the company speaks, nobody asks",
    ),
    Case(
        "The wool shop on Canal Street turns fifty\nThe owner still knits.",
        "drop",
        None,
        "nice, and no news: no rule matches, the default drops",
    ),
    Case(
        "Волонтёры восстановили трамвай\nВ депо закончили ремонт.",
        "drop",
        None,
        "a language without rules falls to the default, with no rule to blame",
    ),
]

NEWSLETTER = [
    Case(
        "Postgres 21 Released\nThe new version of the database skips index pages.",
        "keep",
        "software-engineering",
        "what engineers read newsletters for",
    ),
    Case(
        "Faster builds with Kilnworks (Sponsor)\nYour compiler is slow. Ours is not.",
        "drop",
        "sponsored",
        "marked as paid, although it speaks of compilers",
    ),
    Case(
        "Signal 88: a new model\nA model by OpenAI. (Sponsor) Buy servers. More news below.",
        "keep",
        "ai-models",
        "a whole mail is not dropped for the advertisement inside it",
    ),
    Case(
        "Pebble (GitHub Repo)\nA small queue.",
        "keep",
        "item-marks",
        "newsletters mark what they recommend",
    ),
    Case(
        "Refer your friends and win socks",
        "drop",
        "subscription",
        "housekeeping",
    ),
    Case(
        "Attackers exploit zero-day in file transfer tool",
        "keep",
        "security",
        "security",
    ),
    Case(
        "How I got promoted to staff engineer",
        "drop",
        "self-help",
        "career advice dates and ages badly",
    ),
    Case(
        "How two researchers broke the ticket machines\nThe vulnerability was ten years old.",
        "keep",
        "security",
        "begins with how and is a report",
    ),
    Case(
        "Soybean rust spreads\nThe fungus cuts yields.",
        "drop",
        None,
        "rust the fungus, not the language",
    ),
    Case(
        "Spotify raises prices\nFamilies pay more from May.",
        "drop",
        None,
        "a brand alone is not enough: consumer prices are no technology news",
    ),
    Case(
        "Google must share its index, court rules",
        "keep",
        "big-tech",
        "a brand with an act",
    ),
    Case(
        "Bitcoin slumps below support near 60,000",
        "drop",
        "share-tip",
        "price chatter",
    ),
    Case(
        "Künstliche Intelligenz im Rathaus\nDie Stadt testet einen Assistenten.",
        "keep",
        "ai-other-languages",
        "German, with an umlaut before the boundary",
    ),
]

AI_INDUSTRY = [
    Case(
        "Anthropic and the ministry sign an agreement on model tests",
        "keep",
        "anthropic",
        "actor and subject",
    ),
    Case(
        "Air India orders forty jets\nThe airline (AI) wants to grow.",
        "drop",
        "abbreviation-ai",
        "AI is an airline's code here",
    ),
    Case(
        "Jean-Claude wins the regatta",
        "drop",
        "namesakes",
        "a person, not a model",
    ),
    Case(
        "Pilot and co-pilot praised after landing",
        "drop",
        "namesakes",
        "a cockpit, not an assistant",
    ),
    Case(
        "Three AI stocks to buy now",
        "drop",
        "share-tip",
        "a tip about shares, not news of the industry",
    ),
    Case(
        "Chip maker halts dividend to pay for memory plant\nHigh-bandwidth memory is scarce.",
        "keep",
        "chips",
        "a dividend as a fact is no share tip",
    ),
    Case(
        "L'IA lit les plaques\nLa ville teste des caméras.",
        "keep",
        "other-languages",
        "French writes IA, behind an apostrophe",
    ),
    Case(
        "Ho parlato ai miei amici\nUna serata al mare.",
        "drop",
        None,
        "ai is an Italian preposition: the abbreviation is matched in capitals only",
    ),
    Case(
        "Verbatim recall in language models\nIn this paper, we study memorisation.",
        "drop",
        "paper-abstract",
        "an abstract, with no actor of the industry",
    ),
    Case(
        "The lab that published the paper sells the model\nIts language model costs a cent.",
        "keep",
        "language-models",
        "reporting on a paper is not the paper",
    ),
    Case(
        "Local models on 12 GB?\nWhich one? submitted by /u/quietfox [link] [comments]",
        "drop",
        "forum-post",
        "a question, not a report",
    ),
    Case(
        "Court: training on novels needs a licence\nThe judges found that the model recites.",
        "drop",
        None,
        "a known miss: without AI or model maker in the first words no rule can tell",
    ),
    Case(
        "Authors win against maker of chatbot\nThe court forbade copying.",
        "keep",
        "language-models",
        "the same news with the usual words",
    ),
    Case(
        "Klarna's agents replace 700 people\nThe firm says AI agents take the calls.",
        "keep",
        "ai-companies",
        "buyers of AI belong to the industry, too",
    ),
    Case(
        "Robot vacuum with AI is 30% off",
        "drop",
        "shopping",
        "an offer",
    ),
]

SUSTAINABILITY_TECH = [
    Case(
        "Battery replaces gas turbines\nThe 240-megawatt battery was commissioned a year ago.",
        "keep",
        "technology-in-operation",
        "it runs",
    ),
    Case(
        "Town heated by mine\nSince March the utility operates 14 heat pumps. It plans 30 by 2035.",
        "keep",
        "operation-of-technology",
        "a plan beside something that runs does not drop the article",
    ),
    Case(
        "Airport to be climate-neutral by 2045",
        "drop",
        "future-only",
        "a target for a distant year and nothing else",
    ),
    Case(
        "Start-up out of stealth with solid-state battery\nPre-orders open on Monday.",
        "drop",
        "vaporware",
        "a claim and an order form",
    ),
    Case(
        "New cathode survives 900 cycles\nIn laboratory tests a coin cell kept its capacity.",
        "drop",
        "lab-only",
        "nothing outside the laboratory",
    ),
    Case(
        "Utility mulls floating wind farm",
        "drop",
        "planning-stage",
        "a thought",
    ),
    Case(
        "Retailer publishes ESG report\nIt names net-zero goals.",
        "drop",
        "pledge-and-report",
        "paper",
    ),
    Case(
        "Solar eclipse draws thousands to the islands",
        "drop",
        "weather-space-solar",
        "solar, and no energy",
    ),
    Case(
        "Man held for assault and battery",
        "drop",
        "military-and-law",
        "a battery that stores nothing",
    ),
    Case(
        "Bus line 9 goes electric\nElectric buses run there; the battery charges at the terminus.",
        "keep",
        "electric-vehicles",
        "a battery that charges is no criminal charge",
    ),
    Case(
        "Phone with 6,000 mAh battery and solar case",
        "drop",
        "gadget-battery",
        "consumer electronics",
    ),
    Case(
        "Scheduling for federated learning with renewable energy",
        "drop",
        "machine-learning",
        "a computing paper that borrows the words",
    ),
    Case(
        "Wärmepumpen überholen Gaskessel\nDer Absatz stieg um ein Drittel.",
        "keep",
        "heat-and-buildings",
        "German, with umlauts inside and before the words",
    ),
    Case(
        "Zonnepanelen op elk schooldak\nDe gemeente is klaar.",
        "keep",
        "solar",
        "Dutch",
    ),
    Case(
        "Car maker trades at low EV/EBITDA\nThe share is cheap.",
        "drop",
        None,
        "EV is enterprise value here",
    ),
    Case(
        "Parliament passes water law\nRivers get a minimum flow.",
        "drop",
        None,
        "an environment story without a technology",
    ),
]

CASES = {
    "editorial": EDITORIAL,
    "newsletter": NEWSLETTER,
    "ai_industry": AI_INDUSTRY,
    "sustainability_tech": SUSTAINABILITY_TECH,
}
