"""Articles per second through signatures and the search for stories, and what is found.

Made-up articles, retold with known edits: words changed, sentences cut, an outlet's own opening
and end; and reports of one template about different firms, which are no story. First on the CPU
alone, then with the rows in an embedded Postgres, batch by batch as ingest stores them.

    python -m bench.stories [--articles 10000]
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psutil

from bench.corpus import make_articles
from bench.pipeline import temporary_home
from bench.reports import Measure, report
from ingest.identity import text_key
from ingest.minhash import list_keys
from ingest.stories import sign_article
from newsmill.workplace import open_workplace
from schemas.articles import ArticleDraft
from schemas.settings import load_settings
from store import articles, sources
from store.database import Database
from store.statements import execute
from workers.clustering import place_in_stories, sign_drafts

GOAL_ARTICLES_PER_S = 2_000
RETOLD_SHARE = 0.15
TEMPLATE_SHARE = 0.05
BATCH = 500
WINDOW = timedelta(days=3)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
FIRMS = "Veridia Kolmar Tessuto Brandvik Oculon Petrany Sandholm Wexlaw Quorra Indigel".split()


@dataclass(frozen=True)
class Made:
    """An article and the number of the story that it truly tells."""

    story: int
    title: str
    text: str
    edit: str
    """Empty for a first telling."""


@dataclass(frozen=True)
class Passage:
    """What it took to store all articles."""

    seconds: float
    cpu_s: float


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description="Articles per second into stories.")
    parser.add_argument("--articles", type=int, default=10_000, help="made-up articles")
    arguments = parser.parse_args()
    made = make_tellings(arguments.articles, seed=1)
    sign_us, key_us = time_signing(made)
    settings = load_settings()
    with temporary_home() as home:
        own = {"home": home, "database_url": None, "redis_url": None}
        with open_workplace(settings.model_copy(update=own)) as place:
            plain = store_all(place.database, made, with_stories=False)
            told = store_all(place.database, made, with_stories=True)
            story_of = read_stories(place.database)
    added_us = (told.cpu_s - plain.cpu_s) / len(made) * 1e6
    measures = [
        Measure("signature and keys, CPU", 1e6 / sign_us, "articles/s"),
        Measure("key of title and text, CPU", 1e6 / key_us, "articles/s"),
        Measure("stories, CPU of ours and Postgres", added_us, "µs/article"),
        Measure("insert alone, CPU of both", plain.cpu_s / len(made) * 1e6, "µs/article"),
        Measure("stories, on a core", 1e6 / added_us, "articles/s", at_least=GOAL_ARTICLES_PER_S),
        Measure("insert and stories, by the clock", len(made) / told.seconds, "articles/s"),
        Measure("insert alone, by the clock", len(made) / plain.seconds, "articles/s"),
        *judge(made, story_of),
    ]
    report("stories", measures, {"articles": len(made), "batch": BATCH})


def make_tellings(count: int, seed: int) -> list[Made]:
    """Make articles, some of them retold later, some of them of one template."""
    chance = random.Random(seed)
    firsts = [
        Made(story, article["title"], article["content"], "")
        for story, article in enumerate(make_articles(count, ["Nothing of note."], seed))
    ]
    told = firsts[: int(count * (1 - RETOLD_SHARE - TEMPLATE_SHARE))]
    retold = [retell(chance, chance.choice(told)) for _ in range(int(count * RETOLD_SHARE))]
    templates = list(make_reports(chance, count - len(told) - len(retold), first_story=count))
    both = told + templates
    chance.shuffle(both)
    return both + retold


def retell(chance: random.Random, first: Made) -> Made:
    """Tell an article again as another outlet would, by an edit that has a name."""
    words = first.text.split(" ")
    sentences = first.text.split(". ")
    edits = {
        "1 word in 50 changed": lambda: " ".join(change(chance, words, 0.02)),
        "1 word in 20 changed": lambda: " ".join(change(chance, words, 0.05)),
        "last third cut": lambda: ". ".join(sentences[: max(1, len(sentences) * 2 // 3)]),
        "own opening and end": lambda: f"By our own staff, with agencies. {first.text} Read on.",
        "sentences swapped": lambda: ". ".join(swap(chance, sentences)),
    }
    name = chance.choice(list(edits))
    return Made(first.story, f"{first.title} again", edits[name](), name)


def change(chance: random.Random, words: Sequence[str], share: float) -> list[str]:
    """Put other words of the same text in the place of some."""
    return [chance.choice(words) if chance.random() < share else word for word in words]


def swap(chance: random.Random, sentences: Sequence[str]) -> list[str]:
    """Let two neighbours in every ten sentences change places."""
    swapped = list(sentences)
    for at in range(0, len(swapped) - 1, 10):
        place = min(at + chance.randrange(9), len(swapped) - 2)
        swapped[place], swapped[place + 1] = swapped[place + 1], swapped[place]
    return swapped


def make_reports(chance: random.Random, count: int, first_story: int) -> Iterator[Made]:
    """Make reports that differ in their firm and their numbers only: each is its own story."""
    for number in range(count):
        firm = f"{chance.choice(FIRMS)}{number}"
        growth = chance.randrange(100, 999)
        yield Made(
            first_story + number,
            f"{firm} Earnings Expected to Grow: Should You Buy?",
            f"{firm} does not possess the right combination of the two key ingredients for a "
            "likely earnings beat in its upcoming report. Get prepared with the key expectations. "
            f"The market expects {firm} to deliver a yearly increase in earnings of {growth} on "
            "higher revenues when it reports results for the last quarter. This widely known "
            "outlook is important in assessing the picture of the earnings of a company.",
            "",
        )


def time_signing(made: Sequence[Made]) -> tuple[float, float]:
    """Microseconds of CPU for signature and keys, and for the key of title and text."""
    began = time.process_time()
    for each in made:
        signature = sign_article(each.title, each.text)
        if signature:
            list_keys(signature)
    signed = time.process_time()
    for each in made:
        text_key(each.title, each.text)
    keyed = time.process_time()
    return (signed - began) / len(made) * 1e6, (keyed - signed) / len(made) * 1e6


def store_all(database: Database, made: Sequence[Made], *, with_stories: bool) -> Passage:
    """Store all articles, batch by batch as ingest does."""
    kind = "told" if with_stories else "plain"
    all_drafts = [make_draft(number, each, kind) for number, each in enumerate(made)]
    with database.begin() as session:
        source_id = sources.upsert(session, kind="jsonl", location="/made.jsonl")
    cpu_before, began = read_cpu_s(), time.monotonic()
    for at in range(0, len(all_drafts), BATCH):
        drafts = all_drafts[at : at + BATCH]
        signed = sign_drafts(drafts) if with_stories else {}
        with database.begin() as session:
            article_ids = articles.insert_new(session, source_id, drafts)
            place_in_stories(session, article_ids, signed, WINDOW)
    return Passage(time.monotonic() - began, read_cpu_s() - cpu_before)


def read_cpu_s() -> float:
    """CPU seconds so far of this process and its servers; neighbours bear little on them."""
    process = psutil.Process()
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def make_draft(number: int, made: Made, kind: str) -> ArticleDraft:
    """Make a draft that is known by its number."""
    key = f"{kind}-{number}"
    return ArticleDraft(
        external_id=key, title=made.title, text=made.text, content_key=key, published_at=NOW
    )


def read_stories(database: Database) -> dict[int, int]:
    """Read the story of each article that has one, by its number."""
    statement = "SELECT external_id, story_id FROM article WHERE story_id IS NOT NULL"
    with database.begin() as session:
        return {int(key.partition("-")[2]): story for key, story in execute(session, statement)}


def judge(made: Sequence[Made], story_of: dict[int, int]) -> list[Measure]:
    """Compare the stories found with the true ones, pair by pair; recall also by edit."""
    true, found = pair_up(enumerate(each.story for each in made)), pair_up(story_of.items())
    right = true & found
    firsts = {each.story: number for number, each in enumerate(made) if not each.edit}
    recalls = {}
    for edit in sorted({each.edit for each in made if each.edit}):
        retold = [(number, each) for number, each in enumerate(made) if each.edit == edit]
        hits = [
            number
            for number, each in retold
            if number in story_of and story_of[number] == story_of.get(firsts[each.story])
        ]
        recalls[edit] = len(hits) / len(retold)
    return [
        Measure("precision of pairs", len(right) / max(1, len(found)), ""),
        Measure("recall of pairs", len(right) / max(1, len(true)), ""),
        *(Measure(f"recall: {edit}", recall, "") for edit, recall in recalls.items()),
    ]


def pair_up(members: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Give all pairs of articles that are in one story."""
    by_story: dict[int, list[int]] = {}
    for number, story in members:
        by_story.setdefault(story, []).append(number)
    return {
        (one, other)
        for numbers in by_story.values()
        for at, one in enumerate(sorted(numbers))
        for other in sorted(numbers)[at + 1 :]
    }


if __name__ == "__main__":
    main()
