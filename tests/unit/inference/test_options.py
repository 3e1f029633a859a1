import numpy as np
import pytest

from inference.options import TRY_FLOOR, Trie, choose_option, choose_options, score_options
from inference.spelling import Spelling
from inference.tape import Decoding, Logits, Step, Tape
from tests.toys import Run, ToyVocabulary, dicing, drive, wanting

VOCABULARY = ToyVocabulary()
SPELLING = Spelling.learn(VOCABULARY)
END = SPELLING.end
DIGITS = {str(number): tuple(VOCABULARY.encode_untrusted(str(number))) for number in range(1, 11)}
ONE, ZERO = DIGITS["10"]


def begin(row: Logits, room: int = 100) -> Tape:
    return Tape(row, room)


def score(first: dict[int, float], after_one: dict[int, float]) -> tuple[dict[str, float], Run]:
    """Score 1 to 10 with given logits at the start, and after the token `1`."""

    def think(tokens: list[int]) -> Logits:
        row = np.zeros(VOCABULARY.size, dtype=np.float32)
        for token, value in (after_one if tokens else first).items():
            row[token] = value
        return row

    run = Run()
    tape = begin(think([]))
    return drive(score_options(tape, Trie(DIGITS, [END])), think, run), run


def test_probabilities_sum_to_one_and_follow_the_logits() -> None:
    shares, _ = score({DIGITS["7"][0]: 5.0}, {})
    assert sum(shares.values()) == pytest.approx(1.0)
    assert max(shares, key=lambda option: shares[option]) == "7"
    assert shares["2"] == pytest.approx(1 / (np.exp(5.0) + 8))


def test_option_that_begins_another_is_told_apart_by_what_follows() -> None:
    shares, run = score({ONE: 4.0}, {ZERO: 2.0, END: 1.0})
    mass = np.exp(4.0) / (np.exp(4.0) + 8)
    assert shares["10"] == pytest.approx(mass * np.exp(2.0) / (np.exp(2.0) + np.exp(1.0)))
    assert shares["1"] + shares["10"] == pytest.approx(mass)
    assert run.listened == 1, "one token is tried out"


def test_unlikely_fork_costs_nothing_and_is_shared_evenly() -> None:
    shares, run = score({DIGITS["7"][0]: 9.0}, {ZERO: 9.0})
    assert shares["1"] == shares["10"] < TRY_FLOOR / 2
    assert run.listened == 0


def test_what_was_tried_out_is_taken_back_before_the_option_is_written() -> None:
    def think(tokens: list[int]) -> Logits:
        row = np.zeros(VOCABULARY.size, dtype=np.float32)
        row[[ONE, DIGITS["3"][0]]] = 3.0, 4.0
        return row

    def decide(tape: Tape) -> Decoding[str]:
        best, _ = yield from choose_option(tape, Trie(DIGITS, [END]))
        tape.force([END])
        yield from tape.listen()
        return best

    run = Run()
    assert drive(decide(begin(think([]))), think, run) == "3"
    assert run.tokens == [*DIGITS["3"], END]
    assert run.tried == 1


def test_single_option_is_certain_without_listening() -> None:
    trie = Trie({"only": [7, 8]}, [END])
    run = Run()
    decoding = score_options(begin(np.zeros(VOCABULARY.size, np.float32)), trie)
    assert drive(decoding, wanting(VOCABULARY, []), run) == {"only": 1.0}
    assert run.listened == 0


def choose(answer: str, max_items: int) -> tuple[list[str], list[float]]:
    options = ("Models", "Research", "Funding")
    tokens = [*VOCABULARY.encode_untrusted(answer), END]
    think = wanting(VOCABULARY, tokens)
    decoding = choose_options(begin(think([])), SPELLING, options, max_items=max_items, follow=END)
    return drive(decoding, think)


@pytest.mark.parametrize(
    ("answer", "max_items", "chosen"),
    [
        ("Research", 4, ["Research"]),
        ("Research; Models", 4, ["Research", "Models"]),
        ("Research; Models; Funding", 2, ["Research", "Models"]),
        ("none", 4, []),
    ],
)
def test_set_is_read_to_its_end(answer: str, max_items: int, chosen: list[str]) -> None:
    found, certainties = choose(answer, max_items)
    assert found == chosen
    assert all(0 < certainty <= 1 for certainty in certainties)


@pytest.mark.parametrize("seed", range(30))
def test_set_of_any_model_is_different_options_within_the_limit(seed: int) -> None:
    options = ("Models", "Research", "Researchers", "Funding", "Fun")
    think = dicing(VOCABULARY, seed)
    decoding = choose_options(begin(think([])), SPELLING, options, max_items=3, follow=END)
    chosen, _ = drive(decoding, think)
    assert len(chosen) == len(set(chosen)) <= 3
    assert set(chosen) <= set(options)


def test_steps_send_what_was_forced_together_with_the_next_look() -> None:
    tape = begin(np.zeros(4, np.float32))
    tape.force([1, 2])
    tape.force([3])
    assert next(tape.listen()) == Step((1, 2, 3))
