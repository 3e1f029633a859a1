"""What a build is asked for, and in which words: by what it has learned, or explained."""

from __future__ import annotations

import pytest

from inference.analyst import Analyst
from inference.builds import Build, KnownContract
from inference.decoder import SKIPPED, UNKNOWN
from schemas.analyses import rebuild
from schemas.contract import DELIMITER, Contract
from schemas.fields import (
    FlagField,
    ParseContext,
)
from schemas.lens import Lens
from schemas.settings import InferenceSettings
from tests.integration.readings import (
    analyse_one,
    check,
    requests,
    with_manifest,
    write_article,
)


def test_field_that_the_build_does_not_know_is_left_out_and_says_so(
    starter_build: Build, lenses: dict[str, Lens]
) -> None:
    lens = lenses["editorial"]
    fields = (*lens.contract.fields[:2], FlagField(name="added"), *lens.contract.fields[2:])
    newer = lens.model_copy(update={"contract": Contract(fields=fields)})
    assert starter_build.manifest.contracts is not None
    with Analyst(starter_build, InferenceSettings(sequences=1)) as analyst:
        before = analyse_one(analyst, *write_article(2), lens)
        after = analyse_one(analyst, *write_article(2), newer)
    assert after.left_out == ("added",)
    assert after.readings["added"].note == UNKNOWN
    assert after.stream.split(DELIMITER)[2] == ""
    assert {**after.readings, "added": None} == {**before.readings, "added": None}
    analysis = rebuild(after, newer, ParseContext())
    assert (analysis.values["added"], analysis.notes["added"]) == (None, UNKNOWN)


@pytest.mark.parametrize("prompt", ["tag", "brief"])
def test_field_that_the_contract_lost_is_passed_over_and_the_question_stays(
    starter_build: Build, lenses: dict[str, Lens], prompt: str
) -> None:
    lens, build = lenses["editorial"], with_manifest(starter_build, prompt=prompt)
    fields = tuple(field for field in lens.contract.fields if field.name != "sentiment")
    fewer = lens.model_copy(update={"contract": Contract(fields=fields)})
    with Analyst(build, InferenceSettings(sequences=1)) as analyst:
        before = analyse_one(analyst, *write_article(2), lens)
        after = analyse_one(analyst, *write_article(2), fewer)
    check(after, fewer, *write_article(2))
    assert after.left_out == ()
    assert after.prompt_hash == before.prompt_hash
    assert after.readings["category"] == before.readings["category"]
    assert set(after.readings) == {field.name for field in fields}


def test_lens_that_the_build_does_not_know_is_not_decoded(
    starter_build: Build, lenses: dict[str, Lens]
) -> None:
    known = {"other": KnownContract(version="0", fields=("x",))}
    build = with_manifest(starter_build, contracts=known)
    with Analyst(build, InferenceSettings(sequences=1)) as analyst:
        completion = analyse_one(analyst, *write_article(2), lenses["editorial"])
    assert completion.completion_tokens == 0
    assert set(completion.left_out) == {field.name for field in lenses["editorial"].contract.asked}


def test_build_that_writes_no_texts_leaves_them_out(
    starter_build: Build, lenses: dict[str, Lens]
) -> None:
    build = with_manifest(starter_build, text_mode="skip")
    with Analyst(build, InferenceSettings(sequences=1)) as analyst:
        completion = analyse_one(analyst, *write_article(2), lenses["editorial"])
    assert completion.left_out == ("summary", "bias_analysis")
    assert completion.readings["summary"].note == SKIPPED
    assert completion.readings["category"].confidence


def test_full_prompt_of_an_instruct_model_is_answered(
    starter_build: Build, lenses: dict[str, Lens]
) -> None:
    asked = {"prompt": "full", "chat": "gemma", "text_mode": "generate", "contracts": None}
    build = with_manifest(starter_build, **asked, text_tokens=16, budget_tokens=120)
    with Analyst(build, InferenceSettings(sequences=2)) as analyst:
        for name in ("editorial", "ai_industry"):
            title, text = write_article(7)
            completion = analyse_one(analyst, title, text, lenses[name])
            check(completion, lenses[name], title, text)
            assert completion.prompt_tokens > 150


TOLD = ("editorial", "ai_industry")


@pytest.fixture(scope="module")
def instruct_build(starter_build: Build) -> Build:
    asked = {"prompt": "full", "chat": "gemma", "text_mode": "generate", "contracts": None}
    return with_manifest(starter_build, **asked, text_tokens=16, budget_tokens=60)


def test_lenses_are_explained_once_and_any_other_in_its_question(
    instruct_build: Build, lenses: dict[str, Lens]
) -> None:
    settings, (title, text) = InferenceSettings(sequences=2), write_article(7)
    told = [lenses[name] for name in TOLD[:1]]
    with (
        Analyst(instruct_build, settings, lenses=told) as knowing,
        Analyst(instruct_build, settings) as ignorant,
    ):
        for name in TOLD:
            found, asked = (
                analyse_one(analyst, title, text, lenses[name]) for analyst in (knowing, ignorant)
            )
            check(found, lenses[name], title, text)
            if lenses[name] in told:
                assert found.prompt_tokens < asked.prompt_tokens - 100
                assert found.prompt_hash != asked.prompt_hash
            else:
                assert (found.stream, found.prompt_hash) == (asked.stream, asked.prompt_hash)


def test_answers_after_an_instruction_are_the_same_alone_and_in_any_batch(
    instruct_build: Build, lenses: dict[str, Lens]
) -> None:
    told = [lenses[name] for name in TOLD[:1]]
    given = list(requests(range(5), told))
    with Analyst(instruct_build, InferenceSettings(sequences=4), lenses=told) as analyst:
        together = {request.key: found.stream for request, found in analyst.analyse(given)}
        backwards = {request.key: found.stream for request, found in analyst.analyse(given[::-1])}
        alone = {request.key: next(iter(analyst.analyse([request])))[1].stream for request in given}
    assert together == backwards == alone
