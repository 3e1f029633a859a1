"""What the stages leave behind, stored once, however often it is stored."""

from __future__ import annotations

import pytest

from schemas.effort import EFFORTS, Effort
from schemas.errors import ConfigError
from store import analyses, builds, completions, screenings
from store.database import Database
from tests.integration.store.rows import Decision, add_articles, make_completion, make_rebuilt, read


def test_screenings_of_many_articles_and_lenses_are_stored(
    database: Database, source_id: int
) -> None:
    ids = add_articles(database, source_id, 50)
    lenses = ("editorial", "newsletter", "ai_industry", "sustainability_tech")
    decided = [(article_id, Decision(lens=lens)) for article_id in ids for lens in lenses]
    for _ in range(2):
        with database.begin() as session:
            screenings.save(session, decided)
    assert read(database, "SELECT count(*) FROM screening") == [(200,)]


def test_later_decision_replaces_the_earlier_one(database: Database, source_id: int) -> None:
    (article_id,) = add_articles(database, source_id, 1)
    by_default = Decision(decision="drop", rule_id=None, span=None, matched_text=None, audit=True)
    for decision in (Decision(matched_text="a\x00b"), by_default):
        with database.begin() as session:
            screenings.save(session, [(article_id, decision)])
    columns = "decision, rule_id, span_start, span_end, matched, audit"
    assert read(database, f"SELECT {columns} FROM screening") == [
        ("drop", None, None, None, None, True)
    ]


def test_completion_comes_back_as_it_was(database: Database, source_id: int) -> None:
    (article_id,) = add_articles(database, source_id, 1)
    given = make_completion(
        left_out=("summary", 'odd, "name"'), effort=Effort.CLOSED, postponed=("summary",)
    )
    with database.begin() as session:
        (completion_id,) = completions.save(session, [(article_id, given)])
    with database.begin() as session:
        (stored,) = completions.load(session, [completion_id])
    assert (stored.article_id, stored.completion) == (article_id, given)


def test_same_build_answering_again_replaces_its_completion(
    database: Database, source_id: int
) -> None:
    (article_id,) = add_articles(database, source_id, 1)
    with database.begin() as session:
        first = completions.save(session, [(article_id, make_completion())])
        again = completions.save(session, [(article_id, make_completion(stream="Sports\x00"))])
        other = completions.save(session, [(article_id, make_completion(build="other"))])
    assert first == again != other
    assert read(database, "SELECT stream FROM completion ORDER BY id") == [
        ("Sports",),
        ("Politics ||| 4",),
    ]


@pytest.mark.parametrize("before", EFFORTS)
@pytest.mark.parametrize("after", EFFORTS)
def test_completion_is_never_replaced_by_one_of_less_effort(
    database: Database, source_id: int, before: Effort, after: Effort
) -> None:
    (article_id,) = add_articles(database, source_id, 1)
    saved = []
    for effort in (before, after):
        given = make_completion(effort=effort, stream=f"read at {effort}")
        with database.begin() as session:
            saved.append(completions.save(session, [(article_id, given)]))
    better = EFFORTS.index(after) <= EFFORTS.index(before)
    assert saved[1] == (saved[0] if better else [])
    kept = after if better else before
    assert read(database, "SELECT effort, stream FROM completion") == [(kept, f"read at {kept}")]


def test_unfinished_is_what_is_stored_below_full_effort_whatever_was_read_last(
    database: Database, source_id: int
) -> None:
    whole, hasty, unseen = add_articles(database, source_id, 3)
    given = [(whole, make_completion()), (hasty, make_completion(effort=Effort.SHORT))]
    now = [(key, make_completion(effort=Effort.GATE)) for key in (whole, hasty, unseen)]
    with database.begin() as session:
        completions.save(session, given)
        assert completions.list_unfinished(session, now) == [(hasty, "editorial")]
        assert completions.list_unfinished(session, given[:1]) == []


def test_history_is_the_last_completion_of_each_article_and_lens(
    database: Database, source_id: int
) -> None:
    one, two = add_articles(database, source_id, 2)
    saved = []
    for article_id, changes in (
        (one, {"build": "old"}),
        (one, {"build": "new"}),
        (one, {"lens": "newsletter"}),
        (two, {}),
    ):
        with database.begin() as session:
            saved += completions.save(session, [(article_id, make_completion(**changes))])
    with database.begin() as session:
        assert sorted(completions.list_latest(session)) == saved[1:]
        assert completions.list_latest(session, lens="newsletter") == [saved[2]]


def test_analysis_is_replaced_and_shown_with_its_article(
    database: Database, source_id: int
) -> None:
    (article_id,) = add_articles(database, source_id, 1)
    with database.begin() as session:
        (completion_id,) = completions.save(session, [(article_id, make_completion())])
    rejected = make_rebuilt(article_id, completion_id, status="rejected", reason="empty")
    complete = make_rebuilt(
        article_id,
        completion_id,
        values={"category": "Politics\x00", "sentiment": 4},
        confidences={"category": 0.9},
        notes={"sentiment": "cut"},
        score=4.0,
        tier="balanced",
        effort=Effort.CLOSED,
        postponed=("summary",),
    )
    for rebuilt in (rejected, complete):
        with database.begin() as session:
            analyses.save(session, [rebuilt])
    with database.begin() as session:
        (shown,) = analyses.list_latest(session, lens="editorial")
        assert analyses.list_latest(session, lens="newsletter") == []
    assert (shown.title, shown.build, shown.status) == ("Title 0", "starter", "complete")
    assert (shown.values, shown.reason) == ({"category": "Politics", "sentiment": 4}, None)
    assert (shown.effort, shown.postponed) == ("closed", ("summary",))
    assert (shown.score, shown.tier, shown.confidences) == (4.0, "balanced", {"category": 0.9})


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_analysis_of_an_earlier_completion_does_not_replace_that_of_a_later_one(
    database: Database, source_id: int, in_one_batch: bool
) -> None:
    (article_id,) = add_articles(database, source_id, 1)
    # The build that reads last has read once before, so that its completion has the lower id.
    for build in ("new", "old", "new"):
        with database.begin() as session:
            completions.save(session, [(article_id, make_completion(build=build))])
    with database.begin() as session:
        ids = [row[0] for row in read(database, "SELECT id FROM completion ORDER BY id")]
        new, old = (
            make_rebuilt(article_id, each.completion_id, read_at=each.read_at)
            for each in completions.load(session, ids)
        )
    for batch in [[new, old]] if in_one_batch else [[new], [old]]:
        with database.begin() as session:
            analyses.save(session, batch)
    assert read(database, "SELECT completion_id FROM analysis") == [(new.completion_id,)]


def test_analysis_of_an_answer_that_was_replaced_meanwhile_is_not_stored(
    database: Database, source_id: int
) -> None:
    (article_id,) = add_articles(database, source_id, 1)
    given = []
    for _ in range(2):
        with database.begin() as session:
            completion_ids = completions.save(session, [(article_id, make_completion())])
        with database.begin() as session:
            (stored,) = completions.load(session, completion_ids)
        given.append(make_rebuilt(article_id, stored.completion_id, read_at=stored.read_at))
    stale, fresh = given
    for rebuilt, stored_now in ((stale, []), (fresh, [(article_id,)])):
        with database.begin() as session:
            analyses.save(session, [rebuilt])
        assert read(database, "SELECT article_id FROM analysis") == stored_now


def test_one_build_is_live(database: Database) -> None:
    with database.begin() as session:
        assert builds.find_live(session) is None
        builds.register(session, "a", "00", {"base": "gemma"})
        builds.register(session, "a", "01", {"base": "gemma"})
        builds.register(session, "b", "02", {})
    for name in ("b", "a", "a"):
        with database.begin() as session:
            builds.set_live(session, name)
            live = builds.find_live(session)
            assert live is not None
            assert live.name == name
    assert read(database, "SELECT name, sha256, live FROM build ORDER BY name") == [
        ("a", "01", True),
        ("b", "02", False),
    ]


def test_unknown_build_does_not_go_live(database: Database) -> None:
    with (
        pytest.raises(ConfigError, match="no build 'x' in this database; there are: none"),
        database.begin() as session,
    ):
        builds.set_live(session, "x")
