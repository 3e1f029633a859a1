"""Silver labels: values that a stated rule finds where no corpus has a label.

They give the model a sensible habit for fields nobody labelled (which sentences sum an article up,
who is named in it), train with a small weight and are never scored. Knows title and sentences;
knows no tokens.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from training.corpora import Pointers

MAX_POINTERS = 3
SUMMARY_CHARS = 560  # Inside the tightest limit of a summary, 600 characters.
_WORD = re.compile(r"[^\W\d_]{4,}")
_NAME = re.compile(
    r"(?<=[^\W_][ ,] )?\b(?:[A-Z][\w&'’-]+|[A-Z]{2,})(?: (?:of |the )?[A-Z][\w&'’-]+)*"
)
_ACTION = re.compile(
    r"\b(sign up|register|apply|join us|try it|update now|install|upgrade|submit|deadline|"
    r"rsvp|download|you (?:should|must|need to|can now)|don[’']t miss|"
    r"by (?:mon|tues|wednes|thurs|fri)day)\b",
    re.IGNORECASE,
)
_URGENT = re.compile(
    r"\b(breaking|urgent|immediately|emergency|outage|recall|zero-day|actively exploited|"
    r"deadline|today|tonight|within hours)\b",
    re.IGNORECASE,
)
_CATEGORY_WORDS: Mapping[str, str] = {
    "Models": r"model|llm|gpt|gemini|claude|llama|mistral|openai o\d",
    "Research": r"research|paper|study|scientist|university|benchmark",
    "Products": r"launch|release|feature|app|product|unveil|rolls? out|announc",
    "Business": r"revenue|profit|market|sales|acqui|company|customers|ceo",
    "Funding": r"funding|raises?|series [a-e]|valuation|investors?|venture|ipo",
    "Policy": r"regulat|law|government|court|senate|congress|policy|antitrust|ban(?:ned|s)?",
    "Security": r"security|hack|breach|vulnerab|malware|ransom|exploit|cyber",
    "Hardware": r"chips?|gpu|nvidia|hardware|robot|device|processor|semiconductor|data ?cent",
    "Engineering": r"engineer|developer|code|coding|programming|api|database|software|framework",
    "Open source": r"open[- ]source|github|apache licen|mit licen",
    "Society": r"workers?|jobs|school|health|privacy|people|climate|ethic",
    "Events": r"conference|summit|event|keynote|webinar|hackathon",
}
_CATEGORY_PATTERNS = {
    name: re.compile(rf"\b(?:{words})", re.IGNORECASE) for name, words in _CATEGORY_WORDS.items()
}
_STARTERS = frozenset(
    """the a an this that these those it its he she they we you i in on at by for from with and but
    or if as when while after before since there here what who how why his her their our your my
    not no so some many most all is are was were mr mrs ms dr monday tuesday wednesday thursday
    friday saturday sunday""".split()
)


def point_at_summary(title: str, sentences: Sequence[str]) -> Pointers:
    """Point at up to three sentences that together cover most of title and content words.

    Greedy: each next sentence adds the most weight of words not yet covered. A word weighs what it
    occurs, three times more in the title; earlier sentences win ties.
    """
    weights = Counter(word for sentence in sentences for word in _words(sentence))
    weights.update(dict.fromkeys(_words(title), 3))
    chosen: list[int] = []
    covered: set[str] = set()
    room = SUMMARY_CHARS
    while len(chosen) < MAX_POINTERS:
        gains = {
            place: _gain(sentence, weights, covered) / (1 + 0.05 * place)
            for place, sentence in enumerate(sentences)
            if place not in chosen and len(sentence) < room
        }
        best = max(gains, key=lambda place: gains[place], default=None)
        if best is None or (chosen and gains[best] < 3):
            break
        chosen.append(best)
        covered |= _words(sentences[best])
        room -= len(sentences[best]) + 1
    return Pointers(tuple(sorted(place + 1 for place in chosen)))


def point_at_actions(_title: str, sentences: Sequence[str]) -> Pointers:
    """Point at sentences that ask the reader to do something; mostly there is none."""
    found = [place + 1 for place, text in enumerate(sentences) if _ACTION.search(text)]
    return Pointers(tuple(found[:MAX_POINTERS]))


def find_names(_title: str, sentences: Sequence[str]) -> list[str]:
    """Find the four commonest capitalised phrases, in text order; no lone first word of a line."""
    counts: Counter[str] = Counter()
    for text in sentences:
        for match in _NAME.finditer(text):
            name = match[0].strip("'’-")
            is_opening = match.start() == 0 and " " not in name
            if len(name) > 2 and not is_opening and name.split()[0].casefold() not in _STARTERS:
                counts[name] += 1
    commonest = dict(counts.most_common(4))
    return [name for name in counts if name in commonest]


def find_categories(title: str, sentences: Sequence[str]) -> list[str]:
    """Find the two newsletter categories whose words occur most, those of the title thrice."""
    text = " ".join([title, title, title, *sentences])
    counts = {name: len(pattern.findall(text)) for name, pattern in _CATEGORY_PATTERNS.items()}
    best = sorted((name for name in counts if counts[name] > 1), key=lambda name: -counts[name])
    return best[:2]


def judge_urgency(title: str, sentences: Sequence[str]) -> str:
    """Call it high with two urgent words, medium with one or a call to act, else low."""
    text = " ".join([title, *sentences])
    hits = len(_URGENT.findall(text))
    return "high" if hits > 1 else "medium" if hits or _ACTION.search(text) else "low"


Rule = Callable[[str, Sequence[str]], Any]

RULES: Mapping[tuple[str, str], Rule] = {
    ("editorial", "summary"): point_at_summary,
    ("newsletter", "urgency_level"): judge_urgency,
    ("newsletter", "categories"): find_categories,
    ("newsletter", "entities"): find_names,
    ("newsletter", "key_topics"): point_at_summary,
    ("newsletter", "summary"): point_at_summary,
    ("newsletter", "action_items"): point_at_actions,
    ("ai_industry", "key_insights"): point_at_summary,
    ("ai_industry", "summary"): point_at_summary,
    ("sustainability_tech", "reasoning"): point_at_summary,
}


def _words(text: str) -> set[str]:
    return {word.casefold() for word in _WORD.findall(text)}


def _gain(sentence: str, weights: Mapping[str, int], covered: set[str]) -> float:
    return float(sum(weights[word] for word in _words(sentence) - covered))
