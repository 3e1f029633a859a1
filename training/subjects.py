"""Which fields' confidence can be held against labels, and what comes of it when a build is read.

Knows corpora and fields; the fits are calibrating.py's, the measures reliability.py's.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from training.calibrating import Judged, fit, is_fitted_on, judge
from training.corpora import SUSTAINABILITY_PROXIES, LabelledArticle
from training.heldout import RowReader, choose_rows, value_of
from training.reliability import Reliability, compare


@dataclass(frozen=True)
class Subject:
    """A field whose confidence can be held against labels, and the corpora that have them."""

    lens: str
    field: str
    corpora: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.lens}.{self.field}"


SENTIMENT_CORPORA = ("newsmtsc", "sentfin")
CATEGORY = Subject("editorial", "category", ("allsides",))
# Fields with silver labels alone are missing: a rule's word is no measure of being right.
SUBJECTS = (
    CATEGORY,
    Subject("editorial", "sentiment", SENTIMENT_CORPORA),
    Subject("editorial", "biased", ("babe",)),
    Subject("editorial", "bias_scale", ("babe",)),
    Subject("newsletter", "sentiment", SENTIMENT_CORPORA),
    Subject("ai_industry", "relevance_score", ("newsletter",)),
    Subject("ai_industry", "company_names", ("newsletter",)),
    *(Subject("sustainability_tech", name, ("seece",)) for name in SUSTAINABILITY_PROXIES),
)


@dataclass(frozen=True)
class OtherNews:
    """Rows of another kind than those that `category` is calibrated on."""

    name: str
    corpora: tuple[str, ...]
    rows: Sequence[LabelledArticle]


def calibrate_subjects(
    subjects: Iterable[Subject], rows: Sequence[LabelledArticle], reader: RowReader
) -> Iterator[Reliability]:
    """Fit each subject on one half of its rows, and look at it on the other."""
    for subject in subjects:
        chosen = choose_rows(rows, subject.corpora, subject.lens, value_of(subject.field))
        for_fit = [row for row in chosen if is_fitted_on(row)]
        for_report = judge_rows(subject, [row for row in chosen if not is_fitted_on(row)], reader)
        calibration = fit(judge_rows(subject, for_fit, reader))
        if calibration is not None and for_report:
            yield compare(subject.name, for_report, calibration)


def judge_rows(
    subject: Subject, rows: Sequence[LabelledArticle], reader: RowReader
) -> list[Judged]:
    """Hold what the build reads in rows against their labels."""
    field = reader.lenses[subject.lens].contract.field(subject.field)
    judged = (
        judge(field, readings[field.name], row.values[field.name])
        for row, readings in zip(rows, reader.read(rows), strict=True)
    )
    return [one for one in judged if one is not None]


def look_elsewhere(
    found: Sequence[Reliability], other_news: Sequence[OtherNews], reader: RowReader
) -> Iterator[Reliability]:
    """Look at the calibration of `category`, if there is one, on news of other kinds."""
    fitted = next((one.calibration for one in found if one.name == CATEGORY.name), None)
    if fitted is None:
        return
    for news in other_news:
        rows = choose_rows(news.rows, news.corpora, CATEGORY.lens, value_of(CATEGORY.field))
        judged = judge_rows(CATEGORY, rows, reader)
        if judged:
            yield compare(news.name, judged, fitted, fitted_here=False)
