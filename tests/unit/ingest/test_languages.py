"""Languages: what a text shows where its source does not say, and nothing where that is unsure."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from ingest.batches import Refused
from ingest.drafting import RawItem, make_draft
from ingest.languages import detect_language, state_language
from ingest.text import ReadText
from tests.unit.ingest.golden import NOW

TEXTS = [
    ("en", "The council voted on its budget on Monday. Members of both parties praised the plan."),
    ("nl", "De raad stemde maandag over de begroting. Leden van beide partijen prezen het plan."),
    ("de", "Der Rat stimmte am Montag über den Haushalt ab. Beide Parteien lobten den Plan."),
    ("fr", "Le conseil a voté lundi son budget. Les membres des deux partis ont salué le plan."),
    ("es", "El consejo votó el lunes su presupuesto. Los miembros de ambos partidos lo elogiaron."),
    (
        "pt",
        "O conselho votou na segunda-feira o seu orçamento. Os dois partidos elogiaram o plano.",
    ),
    ("it", "Il consiglio ha votato lunedì il bilancio. I membri dei due partiti lo hanno lodato."),
    ("sv", "Rådet röstade i måndags om sin budget. Medlemmar av båda partierna berömde planen."),
    ("pl", "Rada głosowała w poniedziałek nad budżetem. Członkowie obu partii pochwalili plan."),
    ("ru", "В понедельник совет проголосовал за бюджет. Члены обеих партий похвалили план."),
    ("uk", "У понеділок рада проголосувала за бюджет. Члени обох партій схвалили цей план."),
    ("tr", "Meclis pazartesi günü bütçesini oyladı. Her iki partinin üyeleri planı övdü."),
    ("ja", "市議会は月曜日に予算案を可決し、両党の議員がこの計画を称賛した。"),
]


@pytest.mark.parametrize(("language", "text"), TEXTS)
def test_language_of_two_sentences_is_told(language: str, text: str) -> None:
    detected = detect_language("", text)
    assert detected is not None
    assert detected.language == language
    assert 0.9 <= detected.confidence <= 1


@pytest.mark.parametrize("text", ["", "12345 – 67 %", "Kabinet valt", "OpenAI GPT-5", "Comments"])
def test_too_little_text_has_no_language(text: str) -> None:
    assert detect_language(text, "") is None


@given(st.text(max_size=100))
def test_any_text_has_a_language_or_none(text: str) -> None:
    detected = detect_language("", text)
    assert detected is None or detected.language.isalpha()


def test_detected_language_is_told_from_a_stated_one() -> None:
    dutch = ReadText(TEXTS[1][1])
    silent = make_draft(RawItem("line 1", body=dutch, metadata={"tags": ["a"]}), NOW)
    telling = make_draft(RawItem("line 1", body=dutch, language="en-GB"), NOW)
    assert not isinstance(silent, Refused)
    assert not isinstance(telling, Refused)
    shown = state_language(silent)
    assert shown.language == "nl"
    assert shown.metadata["tags"] == ["a"]
    assert shown.metadata["language_detected"] >= 0.9
    assert state_language(telling) == telling
