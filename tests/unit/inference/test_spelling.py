import pytest

from inference.spelling import Spelling
from schemas.contract import DELIMITER
from schemas.errors import ConfigError
from tests.toys import ToyVocabulary

STARTER = ToyVocabulary()
GEMMA = ToyVocabulary((" |||", " yes", " no", "yes", "no", ";"))
"""Like Gemma's: the blank after a delimiter belongs to the next word."""


@pytest.mark.parametrize("vocabulary", [STARTER, GEMMA], ids=["starter", "gemma"])
def test_forced_pieces_spell_the_stream(vocabulary: ToyVocabulary) -> None:
    spelling = Spelling.learn(vocabulary)
    tokens = [
        *spelling.value("yes", is_first=True),
        *spelling.delimiter,
        *spelling.value("no", is_first=False),
        *spelling.separator,
        *spelling.next_item("yes"),
    ]
    assert vocabulary.decode(tokens) == f"yes{DELIMITER}no; yes"
    assert tokens == vocabulary.encode_untrusted(f"yes{DELIMITER}no; yes")


def test_blank_after_the_delimiter_goes_where_the_vocabulary_puts_it() -> None:
    assert (Spelling.learn(STARTER).lead, Spelling.learn(GEMMA).lead) == ("", " ")
    assert len(Spelling.learn(STARTER).delimiter) == len(Spelling.learn(GEMMA).delimiter) == 1


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
