"""The ways from a corpus's topics, addresses or words to the categories of the editorial lens.

A topic that names no subject (`media_bias`, `general_news`) or that straddles two categories
maps to nothing: such articles train the language model, not the category. Words are silver: they
only decide headlines about the four subjects that political news seldom has.
"""

import re
from pathlib import PurePosixPath
from urllib.parse import urlsplit

_TOPICS: dict[str, str] = {
    "Politics": """elections politics white_house supreme_court us_senate us_house us_congress
        republican_party democratic_party polarization impeachment tea_party campaign_finance
        campaign_rhetoric voting_rights_and_voter_fraud us_constitution role_of_government
        state_department federal_budget fiscal_cliff domestic_policy bridging_divides""",
    "World": """world middle_east north_korea foreign_policy russia great_britain isis china europe
        israel mexico asia palestine africa south_korea nuclear_weapons""",
    "Business": """economy_and_jobs taxes trade banking_and_finance economic_policy labor business
        treasury""",
    "Technology": "technology cybersecurity privacy",
    "Science": "science",
    "Health": """healthcare coronavirus ebola opioid_crisis public_health fda
        obesity_and_malnutrition""",
    "Environment": "environment energy epa animal_welfare",
    "Education": "education",
    "Crime": """violence_in_america terrorism criminal_justice dea death_penalty
        capital_punishment_and_death_penalty""",
    "Sports": "sports",
    "Entertainment": "arts_and_entertainment",
    "Society": """race_and_racism lgbt_rights abortion culture religion_and_faith civil_rights
        women's_issues inequality family_and_marriage holidays housing_and_homelessness welfare""",
}
_CATEGORY_OF = {topic: name for name, topics in _TOPICS.items() for topic in topics.split()}
# A publisher's own section, where it names a category that topics seldom do.
_SECTIONS: dict[str, str] = {
    **dict.fromkeys(("sports", "sport", "football", "nfl", "nba"), "Sports"),
    **dict.fromkeys(("entertainment", "movies", "music", "tv", "hollywood"), "Entertainment"),
    **dict.fromkeys(("science", "space"), "Science"),
}


def category_of(topic: str, url: str) -> str | None:
    """Give the category by the section in the address, else by the topic; None: neither says."""
    path = PurePosixPath(urlsplit(url).path).parts
    sections = (_SECTIONS[part] for part in path if part in _SECTIONS)
    return next(sections, None) or _CATEGORY_OF.get(topic)


_WORDS: dict[str, str] = {
    "Sports": r"""cup|league|championships?|football|soccer|cricket|tennis|olympics?|coach|
        quarterback|nfl|nba|mlb|rugby|formula one|grand prix|medals?|wimbledon|batsman|playoffs?|
        world series|golf|striker|boxer|hockey|baseball|basketball|tournament|semi-?finals?|
        defeats?|beats?|athletes?|marathon|knicks|yankees|mets""",
    "Entertainment": r"""films?|movies?|actors?|actress|singer|albums?|band|songs?|oscars?|emmys?|
        grammys?|celebrit(?:y|ies)|celebs?|hollywood|bollywood|netflix|concert|music|musical|
        theat(?:er|re)|comedian|box office|disney|star wars|game of thrones|harry potter|
        kardashians?|beyoncé|taylor swift|sitcom|rapper""",
    "Science": r"""scientists?|nasa|astronom\w+|telescope|space (?:shuttle|station)|satellites?|
        fossils?|physic(?:s|ists?)|genomes?|dna|asteroid|comet|planets?|biolog\w+|archaeolog\w+|
        dinosaurs?""",
    "Technology": r"""google|microsoft|apple|facebook|twitter|software|iphone|ipad|android|internet|
        computers?|hack(?:ers?|ed)|chip|intel|yahoo|robots?|linux|smartphones?|browser|broadband""",
}
_LINE_BREAK = re.compile(r"\s*\n\s*")
_WORD_PATTERNS = {
    name: re.compile(rf"\b(?:{_LINE_BREAK.sub('', words)})\b", re.IGNORECASE)
    for name, words in _WORDS.items()
}


def category_of_headline(headline: str) -> str | None:
    """Give the only one of four seldom categories whose words a headline holds, else None."""
    found = [name for name, pattern in _WORD_PATTERNS.items() if pattern.search(headline)]
    return found[0] if len(found) == 1 else None
