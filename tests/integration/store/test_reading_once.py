"""Copies of completions: of the same text only, never worse than what is there."""

from __future__ import annotations

import pytest

from schemas.effort import EFFORTS, Effort
from store import completions
from store.completions import Copied, Wanted
from store.database import Database
from tests.integration.store.rows import add_articles, make_completion, read

LENS, VERSION = "editorial", "0a1b2c3d"


def save(
    database: Database, article_id: int, text_key: str, effort: Effort = Effort.FULL
) -> list[int]:
    stream, postponed = f"read at {effort}", () if effort is Effort.FULL else ("summary",)
    given = make_completion(cpu_s=2.5, stream=stream, effort=effort, postponed=postponed)
    with database.begin() as session:
        return completions.save(session, [(article_id, given)], {(article_id, LENS): text_key})


def copy(
    database: Database, article_id: int, text_key: str, least: Effort = Effort.FULL
) -> Copied | None:
    wanted = [Wanted(article_id, LENS, VERSION, text_key)]
    with database.begin() as session:
        assert completions.copy_read(session, wanted, "another build", least=Effort.GATE) == {}
        copied = completions.copy_read(session, wanted, "starter", least=least)
    return copied.get((article_id, LENS))


def test_completion_is_copied_to_articles_of_the_same_text_only(
    database: Database, source_id: int
) -> None:
    first, twin, other = add_articles(database, source_id, 3)
    save(database, first, "same")
    assert copy(database, other, "another") is None
    assert copy(database, first, "same") is None
    copied = copy(database, twin, "same")
    assert copied is not None
    with database.begin() as session:
        (stored,) = completions.load(session, [copied.completion_id])
        assert completions.copy_read(session, [], "starter", least=Effort.GATE) == {}
        assert completions.count_savings(session) == completions.Savings(1, 2.5)
    assert (stored.article_id, stored.completion.cpu_s) == (twin, 0)
    assert stored.completion.stream == "read at full"
    assert read(database, "SELECT read_as_article_id FROM completion WHERE cpu_s = 0") == [(first,)]


def test_copy_that_is_read_after_all_is_a_copy_no_more(database: Database, source_id: int) -> None:
    first, second = add_articles(database, source_id, 2)
    save(database, first, "same")
    assert copy(database, second, "same") is not None
    save(database, second, "same")
    with database.begin() as session:
        assert completions.count_savings(session).completions == 0


def test_two_that_are_both_to_be_read_anew_do_not_copy_from_each_other(
    database: Database, source_id: int
) -> None:
    article_ids = add_articles(database, source_id, 2)
    for article_id in article_ids:
        save(database, article_id, "same")
    wanted = [Wanted(article_id, LENS, VERSION, "same") for article_id in article_ids]
    with database.begin() as session:
        assert completions.copy_read(session, wanted, "starter", least=Effort.GATE) == {}


def test_best_of_several_readings_is_copied_with_its_effort(
    database: Database, source_id: int
) -> None:
    hasty, short, asking = add_articles(database, source_id, 3)
    save(database, hasty, "same", Effort.GATE)
    save(database, short, "same", Effort.SHORT)
    assert copy(database, asking, "same", Effort.FULL) is None
    copied = copy(database, asking, "same", Effort.CLOSED)
    assert copied is not None
    assert copied.effort is Effort.SHORT
    rows = read(
        database,
        "SELECT stream, effort, postponed FROM completion WHERE article_id = :id",
        id=asking,
    )
    assert rows == [("read at short", "short", ["summary"])]


@pytest.mark.parametrize("mine", EFFORTS)
@pytest.mark.parametrize("theirs", EFFORTS)
def test_copy_never_replaces_what_was_read_of_the_same_text_with_more_effort(
    database: Database, source_id: int, mine: Effort, theirs: Effort
) -> None:
    one, other = add_articles(database, source_id, 2)
    save(database, one, "same", mine)
    save(database, other, "same", theirs)
    is_better = EFFORTS.index(theirs) <= EFFORTS.index(mine)
    assert (copy(database, one, "same", Effort.GATE) is not None) == is_better
    kept = theirs if is_better else mine
    assert read(database, "SELECT effort FROM completion WHERE article_id = :id", id=one) == [
        (kept,)
    ]


def test_answer_about_an_older_text_never_stays_and_is_never_copied(
    database: Database, source_id: int
) -> None:
    edited, twin = add_articles(database, source_id, 2)
    save(database, edited, "as it was")
    assert copy(database, twin, "as it is") is None
    assert save(database, edited, "as it is", Effort.GATE) != []
    save(database, twin, "as it was")
    copied = copy(database, twin, "as it is", Effort.GATE)
    assert copied is not None
    assert copied.effort is Effort.GATE
    assert read(database, "SELECT DISTINCT effort, text_key FROM completion") == [
        ("gate", "as it is")
    ]
