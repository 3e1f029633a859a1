import re

import pytest
from hypothesis import given, strategies as st

from inference.copying import MAX_LETTERS, MAX_WORDS, Spans, copy_names
from inference.spelling import Spelling
from inference.tape import Tape
from inference.words import find_words, is_run_of_letters
from schemas.fields.base import is_mark
from tests.toys import WORDS, Run, ToyVocabulary, dicing, drive, wanting

VOCABULARY = ToyVocabulary([*WORDS, "北京", " 北京", "京市", "公司", "苹果公"])
SPELLING = Spelling.learn(VOCABULARY)
END = SPELLING.end


def copy(
    texts: list[str],
    answer: str | None = None,
    *,
    seed: int = 0,
    max_items: int = 5,
    max_chars: int = 40,
    run: Run | None = None,
) -> list[str]:
    """Copy names from texts with a model that wants an answer, or anything."""
    tokens = [*VOCABULARY.encode_untrusted(answer or ""), END]
    think = dicing(VOCABULARY, seed) if answer is None else wanting(VOCABULARY, tokens)
    tape = Tape(think([]), 1000)
    spans = Spans(texts, SPELLING, VOCABULARY, max_chars)
    decoding = copy_names(tape, SPELLING, spans, max_items=max_items, follow=END)
    names, certainties = drive(decoding, think, run)
    assert all(0 < certainty <= 1 for certainty in certainties)
    return names


@pytest.mark.parametrize(
    ("text", "answer", "names"),
    [
        ("Apple Inc said so.", "Apple Inc", ["Apple Inc"]),
        ("Apple Inc said so.", "Apple", ["Apple"]),
        ("Apple met Google.", "Google; Apple", ["Google", "Apple"]),
        # Punctuation around a name is not part of it; a full stop within it is.
        ('The "Volta Group", it said.', "Volta Group", ["Volta Group"]),
        ("He left the U.S. Treasury today.", "U.S. Treasury", ["U.S. Treasury"]),
        ("It belongs to Moody's now.", "Moody", ["Moody"]),
        ("It belongs to Moody's now.", "Moody's", ["Moody's"]),
        ("AT&T and Anglo-Dutch Co.", "AT&T; Anglo-Dutch", ["AT&T", "Anglo-Dutch"]),
        ("Nothing here.", "none", []),
        # A name that comes again ends the list.
        ("Apple met Google.", "Apple; Apple; Google", ["Apple"]),
    ],
)
def test_wanted_names_are_copied(text: str, answer: str, names: list[str]) -> None:
    assert copy([text], answer) == names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("प्रधानमंत्री नरेन्द्र मोदी।", "नरेन्द्र मोदी"),
        ("গতকাল শেখ হাসিনা বলেন", "শেখ হাসিনা"),
        ("முதல்வர் மு.க. ஸ்டாலின்.", "ஸ்டாலின்"),
        ("โดย บริษัท กรุงไทย จำกัด (มหาชน)", "บริษัท กรุงไทย จำกัด"),
        ("พบ น้ำ ที่ นี่", "น้ำ ที่ นี่"),
        ("قال «مُحَمَّدٌ عَلِيٌّ» أمس", "مُحَمَّدٌ عَلِيٌّ"),
        ("Mit Jose\u0301 Ande\u0301, sagt er.", "Jose\u0301 Ande\u0301"),
        ("मोदी's plan", "मोदी"),
    ],
    ids=["hindi", "bengali", "tamil", "thai", "thai tones", "arabic", "apart", "possessive"],
)
def test_name_keeps_the_marks_of_its_last_letter(text: str, name: str) -> None:
    assert copy([text], name) == [name]


@pytest.mark.parametrize(
    ("text", "answer", "names"),
    [
        # The tokens of a name need not be those of the text around it.
        ("北京市长昨日到上海。", "北京; 上海", ["北京", "上海"]),
        ("北京市长昨日到上海。", "北京市", ["北京市"]),
        ("昨日苹果公司说", "苹果公司", ["苹果公司"]),
        ("昨日，苹果公司说", "公司", ["公司"]),
        ("他到上海，北京", "上海; 北京", ["上海", "北京"]),
        ("新款iPhone手机和LG电子", "iPhone; LG电子", ["iPhone", "LG电子"]),
        ("社長のスティーブ・ジョブズ氏", "スティーブ・ジョブズ", ["スティーブ・ジョブズ"]),
        ("เขาไปที่กรุงเทพแล้ว", "กรุงเทพ", ["กรุงเทพ"]),
        ("삼성전자 이재용 부회장이", "이재용 부회장이", ["이재용 부회장이"]),
    ],
)
def test_names_are_found_where_no_blanks_part_words(
    text: str, answer: str, names: list[str]
) -> None:
    assert copy([text], answer) == names


def test_name_without_blanks_does_not_run_on() -> None:
    text = "一二三四五六七八九" * 9
    assert [len(name) for name in copy([text], text, max_chars=80, max_items=1)] == [MAX_LETTERS]


def test_marks_are_no_letters_of_their_own() -> None:
    words = find_words(0, "ที่นี่")
    assert ["ที่นี่"[word.start : word.end] for word in words] == ["ที่", "นี่"]


def test_what_is_not_in_the_text_cannot_be_said() -> None:
    assert copy(["Apple met Google."], "Gondor") == ["Apple met Google"]


def test_name_does_not_run_across_a_comma_or_a_sentence() -> None:
    assert copy(["Ann, Bob left.", "Cy came."], "Ann Bob") == ["Ann"]
    assert copy(["They met Bob.", "Cy came."], "Bob Cy") == ["Bob"]


def test_forced_middle_of_a_name_costs_no_step() -> None:
    run = Run()
    assert copy(["Zebra"], "Zebra", run=run) == ["Zebra"]
    assert run.listened == 1, "the first token was known, the end is asked for"


def test_article_without_words_gives_no_names() -> None:
    assert copy(["", "…", "|||"], "Apple") == []


def test_list_ends_at_its_limit() -> None:
    assert copy(["a b c d e f"], "a; b; c; d; e", max_items=3) == ["a", "b", "c"]


def stands_in(name: str, text: str) -> bool:
    """Tell whether a name stands in a text between the borders of words."""
    starts = (found.start() for found in re.finditer(f"(?={re.escape(name)})", text))
    return any(
        is_border(text[:start], name) and is_border(name, text[start + len(name) :])
        for start in starts
    )


def is_border(before: str, after: str) -> bool:
    left, right = before[-1:], after[:1]
    if right and is_mark(right):
        return False
    is_dense = is_run_of_letters(left * 2) or is_run_of_letters(right * 2)
    return is_dense or not (left.isalnum() and right.isalnum())


_WORDS = st.lists(
    st.sampled_from(["Apple", "Inc.", "a", "'tis", "B.", "Moody's", "|||", ";x", "none", "(Co)"])
    | st.text(max_size=12)
    | st.text("北京市公司のที่กเA1e\u0301・. ", max_size=20),
    max_size=25,
)


_TEXTS = st.lists(_WORDS.map(lambda words: " ".join(" ".join(words).split())), max_size=4)


@given(_TEXTS, st.integers(0))
def test_names_of_any_model_are_spans_of_whole_words(texts: list[str], seed: int) -> None:
    names = copy(texts, seed=seed, max_items=4, max_chars=20)
    assert len(names) == len({name.casefold() for name in names}) <= 4
    for name in names:
        assert len(name) <= 20
        assert len(name.split()) <= MAX_WORDS
        assert "|" not in name
        assert ";" not in name
        assert any(stands_in(name, text) for text in texts)
