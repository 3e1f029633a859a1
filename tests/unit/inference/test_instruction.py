"""What a build is told beforehand holds every lens that fits, and is said once."""

from __future__ import annotations

from inference.instruction import Instruction, put_before, style_after, write_instruction
from inference.prompt import PromptStyle, compose_prompt, render_question
from schemas.lens import Lens, load_lenses
from tests.paths import ROOT
from tests.toys import ToyVocabulary

VOCABULARY = ToyVocabulary()
FULL = PromptStyle("full", "gemma")
LENSES = tuple(load_lenses(ROOT / "lenses").values())


def list_fields(lens: Lens) -> list[str]:
    return [field.name for field in lens.contract.asked]


def write(room: int = 1 << 20) -> Instruction:
    asked = [(lens, list_fields(lens)) for lens in LENSES]
    found = write_instruction(asked, FULL, VOCABULARY, room)
    assert found is not None
    return found


def test_every_lens_and_every_field_is_explained() -> None:
    text = VOCABULARY.decode(write().tokens)
    for lens in LENSES:
        assert f"Task {FULL.name(lens.name)}: {lens.title}. {lens.description}" in text
        for field in lens.contract.asked:
            assert f"{FULL.name(field.name)}: {field.describe_answer()}" in text


def test_lenses_are_told_of_as_long_as_there_is_room() -> None:
    whole = write()
    assert whole.lenses == LENSES
    assert write(len(whole.tokens) - 1).lenses == LENSES[:-1]
    assert (
        write_instruction([(LENSES[0], list_fields(LENSES[0]))], FULL, VOCABULARY, room=20) is None
    )
    assert write_instruction([], FULL, VOCABULARY, room=1000) is None


def test_prompt_after_an_instruction_is_a_brief_one_that_opens_no_turn() -> None:
    lens, style = LENSES[0], style_after(FULL)
    question = render_question(lens, list_fields(lens), style)
    prompt = compose_prompt(
        "Vote",
        "They voted.",
        question,
        style=style,
        encoder=VOCABULARY,
        budget_tokens=200,
        room=4000,
    )
    told = put_before(write(), prompt)
    assert told.instruction == write().tokens
    assert (told.article, told.question) == (prompt.article, prompt.question)
    assert told.tokens == len(told.instruction) + told.own_tokens
    assert VOCABULARY.decode(told.instruction + told.article).count("user\n") == 1
    assert VOCABULARY.decode(told.article).startswith("Vote\n")
    assert VOCABULARY.decode(told.question).startswith(f"{style.name(lens.name)}: ")
    # The hash of a prompt is one of all that was said.
    assert told.digest not in {prompt.digest, put_before(write(2000), prompt).digest}
