import pytest
from hypothesis import given, strategies as st

from inference.reading import MAX_TITLE_CHARS, estimate_tokens, read_article

LEAD = "The council voted on Monday. The vote was close. Mayor Ann Lee was absent."
FILLER = "People talked about this and that for a while. " * 30
TELLING = "Bridge works by Volta Group cost 12 million euros."


def test_short_article_is_read_whole() -> None:
    reading = read_article("Council votes", LEAD, budget_tokens=400)
    assert reading.title == "Council votes"
    assert reading.text == LEAD
    assert reading.indexes == (0, 1, 2)
    assert reading.total_sentences == 3


def test_lead_stays_and_telling_sentences_are_found_deep_in_the_text() -> None:
    filler = " ".join(f"People talked about this and that, part {'x' * n}." for n in range(1, 40))
    text = f"{LEAD} {filler} {TELLING} {filler.replace('People', 'Others')}"
    reading = read_article("Bridge works: who pays", text, budget_tokens=120)
    assert reading.sentences[:3] == tuple(LEAD.replace(". ", ".|").split("|"))
    assert TELLING in reading.sentences
    assert list(reading.indexes) == sorted(reading.indexes)


def test_sentence_that_comes_twice_is_read_once() -> None:
    reading = read_article("T", FILLER, budget_tokens=400)
    assert reading.sentences == ("People talked about this and that for a while.",)


@pytest.mark.parametrize(
    ("text", "budget", "is_whole"),
    [
        ("It rained. The river rose.", 100, True),
        ("It rained. The river rose. It rained.", 100, True),
        ("It rained. The river rose.", 6, False),
        ("rain " * 200, 50, False),
        ("雨" * 200, 50, False),
        ("", 50, True),
    ],
)
def test_reading_tells_whether_anything_was_left_out(
    text: str, budget: int, is_whole: bool
) -> None:
    assert read_article("Rain", text, budget_tokens=budget).is_whole is is_whole


def test_boilerplate_gives_way_to_text() -> None:
    text = f"{LEAD} Subscribe to our newsletter for 3 euros today. The bridge stays closed. Enough."
    budget = estimate_tokens(LEAD) + 15
    reading = read_article("", text, budget_tokens=budget)
    assert "The bridge stays closed." in reading.sentences
    assert not any("newsletter" in sentence for sentence in reading.sentences)


def test_first_sentence_over_the_budget_is_cut_after_a_word() -> None:
    reading = read_article("", "word " * 80, budget_tokens=10)
    assert reading.text == " ".join(["word"] * 10)


def test_endless_title_is_cut() -> None:
    reading = read_article("title " * 500, LEAD, budget_tokens=1000)
    assert len(reading.title) <= MAX_TITLE_CHARS
    assert reading.title.endswith("title")


@pytest.mark.parametrize("text", ["", " ", "\x00", "\n\n\n"])
def test_article_without_words_gives_an_empty_reading(text: str) -> None:
    reading = read_article(text, text, budget_tokens=100)
    assert (reading.title, reading.sentences) == ("", ())


@given(st.text(max_size=200), st.text(max_size=2000), st.integers(16, 300))
def test_any_article_is_read_within_the_budget(title: str, text: str, budget: int) -> None:
    reading = read_article(title, text, budget_tokens=budget)
    assert reading == read_article(title, text, budget_tokens=budget)
    text_tokens = sum(map(estimate_tokens, reading.sentences))
    assert text_tokens <= max(budget - estimate_tokens(reading.title), 8)
    assert len(reading.sentences) == len(reading.indexes) <= reading.total_sentences


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("word", 1), ("everything", 2), ("2026", 4), ("yes!", 2), ("公园里", 3)],
)
def test_tokens_are_estimated_without_a_tokeniser(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens
