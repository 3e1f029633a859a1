"""Reads one field out of a model, as the field's decode plan says.

Knows the plans and what a reading holds; does not know the contract around the field.
"""

from __future__ import annotations

from typing import assert_never

from inference.builds import Manifest
from inference.calibration import calibrate, mean_option
from inference.copying import Spans, copy_names
from inference.options import Trie, choose_options, score_options
from inference.prompt import Prompt
from inference.spelling import Spelling
from inference.tape import Decoding, Tape, geometric_mean
from inference.vocabulary import Vocabulary
from inference.writing import MAX_POINTERS, clip, join_sentences, point_at, write_text
from schemas.completions import FieldReading
from schemas.fields import (
    AnyField,
    CopySpans,
    ScaleField,
    ScoreOptions,
    ScoreSet,
    TextField,
    WriteText,
)
from schemas.fields.base import unique_items


class FieldReader:
    """Reads the fields of one answer."""

    def __init__(
        self,
        tape: Tape,
        prompt: Prompt,
        *,
        spelling: Spelling,
        vocabulary: Vocabulary,
        manifest: Manifest,
        lens: str,
    ) -> None:
        self._tape = tape
        self._prompt = prompt
        self._spelling = spelling
        self._vocabulary = vocabulary
        self._manifest = manifest
        self._calibration = manifest.calibration.get(lens, {})
        self._spans: dict[int, Spans] = {}

    def read(self, field: AnyField, follow: int) -> Decoding[FieldReading]:
        """Read one field; its tokens are on the tape afterwards, what follows is not.

        `follow` is the token behind it: the delimiter's first, or the end of the turn. The
        confidence is calibrated where the build's manifest says how.
        """
        reading = yield from self._read(field, follow)
        return calibrate(reading, self._calibration.get(field.name))

    def _read(self, field: AnyField, follow: int) -> Decoding[FieldReading]:
        plan = field.decode_plan()
        match plan:
            case ScoreOptions():
                return (yield from self._score(field, plan, follow))
            case ScoreSet():
                items, certainties = yield from choose_options(
                    self._tape,
                    self._spelling,
                    plan.options,
                    max_items=plan.max_items,
                    follow=follow,
                )
            case CopySpans():
                items, certainties = yield from copy_names(
                    self._tape,
                    self._spelling,
                    self._copyable(plan.max_chars),
                    max_items=plan.max_items,
                    follow=follow,
                )
            case WriteText():
                return (yield from self._write(field, plan, follow))
            case None:
                raise ValueError(f"the model is never asked for {field.name}")
            case _:
                assert_never(plan)
        return FieldReading(text=field.render(items), confidence=geometric_mean(certainties))

    def _score(self, field: AnyField, plan: ScoreOptions, follow: int) -> Decoding[FieldReading]:
        spell = self._spelling.value
        spellings = {option: spell(option) for option in plan.options}
        shares = yield from score_options(self._tape, Trie(spellings, [follow]))
        best = max(shares, key=lambda option: shares[option])
        self._tape.force(spellings[best])
        expected = mean_option(shares) if isinstance(field, ScaleField) else None
        return FieldReading(
            text=best, confidence=shares[best], probabilities=shares, expected=expected
        )

    def _write(self, field: AnyField, plan: WriteText, follow: int) -> Decoding[FieldReading]:
        is_list = not isinstance(field, TextField)
        min_chars = field.min_chars if isinstance(field, TextField) else 0
        if self._manifest.text_mode == "pointers":
            sentences, certainties = yield from self._point(
                follow,
                max_items=min(MAX_POINTERS, plan.max_items) if is_list else MAX_POINTERS,
                may_be_empty=min_chars == 0,
            )
            text = join_sentences(sentences, plan.max_chars)
            items = [clip(sentence, plan.max_item_chars) for sentence in sentences]
        else:
            text, certainties = yield from write_text(
                self._tape,
                self._vocabulary,
                min_chars=min_chars,
                max_chars=plan.max_chars,
                max_items=plan.max_items if is_list else None,
                max_tokens=self._manifest.text_tokens,
                follow=follow,
            )
            items = [clip(item.strip(), plan.max_item_chars) for item in text.split(";")]
        value = _bound(items, plan.max_items) if is_list else text
        return FieldReading(text=field.render(value), confidence=geometric_mean(certainties))

    def _point(
        self, follow: int, *, max_items: int, may_be_empty: bool
    ) -> Decoding[tuple[list[str], list[float]]]:
        chosen, certainties = yield from point_at(
            self._tape,
            self._spelling,
            len(self._prompt.sentences),
            max_items=max_items,
            may_be_empty=may_be_empty,
            follow=follow,
        )
        return [self._prompt.sentences[number] for number in chosen], certainties

    def _copyable(self, max_chars: int) -> Spans:
        if max_chars not in self._spans:
            texts = (self._prompt.reading.title, *self._prompt.sentences)
            self._spans[max_chars] = Spans(texts, self._spelling, self._vocabulary, max_chars)
        return self._spans[max_chars]


def _bound(items: list[str], max_items: int) -> list[str]:
    return unique_items([item for item in items if item])[:max_items]
