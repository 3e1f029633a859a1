import pytest
from hypothesis import given, strategies as st

from inference.sentences import MAX_SENTENCE_CHARS, clean_line, split_sentences

CASES = [
    ("It rained. We went in.", ["It rained.", "We went in."]),
    # Abbreviations, initials and figures do not end a sentence.
    ("Dr. J. Smith of Apple Inc. left. He won.", ["Dr. J. Smith of Apple Inc. left.", "He won."]),
    ("U.S. Treasury yields rose 3.5 percent.", ["U.S. Treasury yields rose 3.5 percent."]),
    ("She comes at 5 p.m. on Monday.", ["She comes at 5 p.m. on Monday."]),
    (
        "On Nov. 30 it was No. 5. She said no. He left.",
        ["On Nov. 30 it was No. 5.", "She said no.", "He left."],
    ),
    # A mark before a small letter stands inside a sentence.
    ('"Why?" he asked. Nobody knew.', ['"Why?" he asked.', "Nobody knew."]),
    ("Yahoo! said no. Then yes.", ["Yahoo! said no.", "Then yes."]),
    # Closing quotes and brackets belong to the sentence that they close.
    ("(It was late.) 'Go!' They went.", ["(It was late.)", "'Go!'", "They went."]),
    # Other scripts, other marks; no blank is needed after them.
    ("今天天气很好。我们去公园！", ["今天天气很好。", "我们去公园！"]),
    ("Het is bijv. duur. Dhr. Jansen betaalt.", ["Het is bijv. duur.", "Dhr. Jansen betaalt."]),
    # Blank lines and bullets end a sentence without any mark; a plain line break does not.
    ("A headline\n\nIts text\ngoes on.", ["A headline", "Its text goes on."]),
    ("Bought:\n- milk\n- bread", ["Bought:", "- milk", "- bread"]),
    # An ellipsis may go on.
    ("She won… and stopped.", ["She won… and stopped."]),
    ("", []),
    (" \n\n ", []),
]


@pytest.mark.parametrize(("text", "sentences"), CASES)
def test_text_is_split_where_a_reader_would(text: str, sentences: list[str]) -> None:
    assert [sentence.text for sentence in split_sentences(text)] == sentences


def test_first_sentence_of_a_paragraph_is_known() -> None:
    opens = [sentence.opens_paragraph for sentence in split_sentences("One. Two.\n\nThree.")]
    assert opens == [True, False, True]


def test_endless_sentence_is_cut_at_a_clause_or_a_blank() -> None:
    pieces = split_sentences("word, " * 60 + "and more words " * 60)
    assert len(pieces) > 2
    assert all(len(piece.text) <= MAX_SENTENCE_CHARS for piece in pieces)
    assert pieces[0].text.endswith(",")


def test_endless_word_is_cut_anywhere() -> None:
    pieces = split_sentences("x" * 2000)
    assert "".join(piece.text for piece in pieces) == "x" * 2000


@pytest.mark.parametrize(
    "text",
    [
        "." * 200_000 + "x",
        '."' * 100_000 + "x",
        "x" * 200_000 + ". Y",
        "…" * 200_000,
        "a. " * 70_000,
    ],
    ids=["marks", "quotes", "letters", "ellipses", "initials"],
)
def test_endless_row_is_split_as_fast_as_a_text(text: str) -> None:
    joined = "".join(sentence.text for sentence in split_sentences(text))
    assert joined.replace(" ", "") == text.replace(" ", "")


def test_line_holds_no_delimiter_and_no_control_character() -> None:
    assert clean_line("a |||| b\x00\u200b\n\t c") == "a | b c"


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=3000))
def test_nothing_but_blanks_is_lost(text: str) -> None:
    joined = "".join(sentence.text for sentence in split_sentences(text))
    paragraphs = "".join(clean_line(line) for line in text.split("\n"))
    assert joined.replace(" ", "").count("|") <= paragraphs.count("|")
    without = str.maketrans("", "", "| ")
    assert joined.translate(without) == paragraphs.translate(without)
