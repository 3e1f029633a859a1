from typing import cast

import numpy as np
import pytest

from inference.spelling import Spelling
from inference.tape import Logits, OutOfRoomError, Tape
from inference.vocabulary import Vocabulary
from inference.writing import NO_REPEAT, join_sentences, point_at, write_text
from tests.toys import ToyVocabulary, dicing, drive, wanting

TOY = ToyVocabulary()
VOCABULARY = cast(Vocabulary, TOY)
SPELLING = Spelling.learn(TOY)
FOLLOW = SPELLING.delimiter[0]


def write(
    answer: str | None,
    *,
    seed: int = 0,
    min_chars: int = 0,
    max_chars: int = 200,
    max_items: int | None = None,
    max_tokens: int = 60,
) -> str:
    tokens = TOY.encode_untrusted(f"{answer} ||| ")
    think = dicing(TOY, seed) if answer is None else wanting(TOY, tokens)
    decoding = write_text(
        Tape(think([]), 1000),
        VOCABULARY,
        min_chars=min_chars,
        max_chars=max_chars,
        max_items=max_items,
        max_tokens=max_tokens,
        follow=FOLLOW,
    )
    text, certainties = drive(decoding, think)
    assert all(0 < certainty <= 1 for certainty in certainties)
    return text


def test_text_ends_at_the_delimiter() -> None:
    assert write("It rained.") == "It rained."


def test_text_that_ends_at_once_is_empty() -> None:
    assert write("") == ""


def test_text_does_not_end_below_its_minimum() -> None:
    assert len(write("Hi.", min_chars=10)) >= 10


def test_text_over_its_limit_is_cut_at_the_last_sentence() -> None:
    assert write("One came. Two came. Three came too.", max_chars=22) == "One came. Two came."


def test_text_over_its_tokens_ends_with_a_whole_word() -> None:
    assert write("seven bright birds were singing", max_tokens=20) == "seven bright birds"


def test_text_stops_at_a_sentence_near_its_limit() -> None:
    assert write("It rained all day. It snowed.", max_tokens=20) == "It rained all day."


def test_list_stops_at_its_last_item() -> None:
    assert write("a; b; c; d", max_items=2) == "a; b;"
    assert write("a; b; c; d", max_items=1) == "a;"


def test_semicolon_does_not_end_a_text() -> None:
    assert write("It rained; we stayed.") == "It rained; we stayed."


@pytest.mark.parametrize("seed", range(40))
def test_text_of_any_model_holds_nothing_that_steers(seed: int) -> None:
    text = write(None, seed=seed, max_chars=50)
    assert "|" not in text
    assert "\n" not in text
    assert "<" not in text or "<end_of_turn>" not in text
    assert len(text) <= 50


def test_model_that_goes_in_circles_is_led_out() -> None:
    wished = TOY.encode_untrusted("ab")

    def think(tokens: list[int]) -> Logits:
        row = np.zeros(TOY.size, dtype=np.float32)
        row[wished[len(tokens) % 2]] = 9.0
        return row

    decoding = write_text(
        Tape(think([]), 1000),
        VOCABULARY,
        min_chars=0,
        max_chars=500,
        max_items=None,
        max_tokens=40,
        follow=FOLLOW,
    )
    text, _ = drive(decoding, think)
    tokens = TOY.encode_untrusted(text)
    places = range(len(tokens) - NO_REPEAT + 1)
    runs = [tuple(tokens[place : place + NO_REPEAT]) for place in places]
    assert len(set(runs)) == len(runs)


def point(
    answer: list[int], count: int, *, max_items: int = 3, may_be_empty: bool = True
) -> list[int]:
    think = wanting(TOY, answer)
    decoding = point_at(
        Tape(think([]), 100),
        SPELLING,
        count,
        max_items=max_items,
        may_be_empty=may_be_empty,
        follow=FOLLOW,
    )
    places, _ = drive(decoding, think)
    return places


def marks(*numbers: int) -> list[int]:
    return [*SPELLING.pointers(numbers), FOLLOW]


@pytest.mark.parametrize(
    ("answer", "places"),
    [
        (marks(2), [1]),
        (marks(3, 1), [0, 2]),
        (marks(1, 2, 3, 4), [0, 1, 2]),
        (SPELLING.value("none"), []),
    ],
)
def test_sentences_are_pointed_at(answer: list[int], places: list[int]) -> None:
    assert point(answer, 5) == places


def test_no_sentence_is_pointed_at_twice() -> None:
    assert len(point(marks(2, 2), 5, max_items=2)) == 2


def test_pointer_beyond_the_article_is_impossible() -> None:
    assert point(marks(9), 2, max_items=1) == [0]


def test_article_without_sentences_gives_none() -> None:
    assert point(marks(1), 0, may_be_empty=False) == []


def test_text_that_must_not_be_empty_points_somewhere() -> None:
    assert point(SPELLING.value("none"), 3, may_be_empty=False) != []


@pytest.mark.parametrize(
    ("sentences", "text"),
    [
        (["One came.", "Two came."], "One came. Two came."),
        (["One came.", "Twenty-two more came after that."], "One came."),
        (["Nobody knew how many would come in the end."], "Nobody knew how many…"),
        (["Nobodyknewhowmanywouldcome."], "Nobodyknewhowmanywou…"),
        (["The town of Quetta, Mr. Lee said, is old."], "The town of Quetta…"),
        ([], ""),
    ],
)
def test_sentences_are_joined_while_they_fit(sentences: list[str], text: str) -> None:
    assert join_sentences(sentences, 21) == text


def test_answer_longer_than_its_room_is_stopped() -> None:
    tape = Tape(np.zeros(4, np.float32), 3)
    tape.force([1, 2])
    with pytest.raises(OutOfRoomError):
        tape.force([3, 4])
