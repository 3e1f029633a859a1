import pytest

from inference.spelling import Spelling
from schemas.contract import DELIMITER
from schemas.errors import ConfigError
from tests.toys import ToyVocabulary

STARTER = ToyVocabulary()
GEMMA = ToyVocabulary((" ||", "|", " yes", " no", "yes", "no", ";", "\n"))
"""Like Gemma's: two tokens for the bars, and the blank behind them belongs to the next word."""


@pytest.mark.parametrize(
    ("vocabulary", "between"), [(STARTER, DELIMITER), (GEMMA, "\n")], ids=["starter", "gemma"]
)
def test_forced_pieces_spell_the_answer(vocabulary: ToyVocabulary, between: str) -> None:
    spelling = Spelling.learn(vocabulary)
    tokens = [
        *spelling.value("yes"),
        *spelling.delimiter,
        *spelling.value("no"),
        *spelling.separator,
        *spelling.next_item("yes"),
    ]
    assert vocabulary.decode(tokens) == f"yes{between}no; yes"
    assert tokens == vocabulary.encode_untrusted(f"yes{between}no; yes")
    assert len(spelling.delimiter) == 1


def test_sentences_are_numbered_from_one() -> None:
    spelling = Spelling.learn(STARTER)
    assert spelling.pointers((1, 48)) == [
        STARTER.control_id("<s1>"),
        STARTER.control_id("<s48>"),
    ]


def test_model_without_turns_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(STARTER, "control_id", lambda name: None)
    with pytest.raises(ConfigError, match="it is no Gemma 3 kind"):
        Spelling.learn(STARTER)
