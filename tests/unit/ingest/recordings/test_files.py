"""Files of sources on disk: kept before they are read, and laid out to be read alike."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.batches import SourceState
from ingest.mailboxes import list_new_mails
from ingest.reading_sources import read_source
from ingest.recordings import files
from ingest.recordings.bodies import Bodies
from ingest.recordings.files import hear_files, lay_out
from ingest.recordings.visits import PolledSource, RecordedFile, Visit
from ingest.sources import SourceSpec, recognise_source
from schemas.articles import ArticleDraft
from schemas.errors import PermanentError
from tests.paths import DATA

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MAILS = sorted((DATA / "newsletters").glob("*.eml"))[:4]


class Shelf:
    """Where bodies are kept in these tests."""

    def __init__(self, folder: Path) -> None:
        self.bodies = Bodies(folder / "bodies")

    def keep(self, body: bytes) -> str:
        return self.bodies.keep(body)[0]

    def hear(self, spec: SourceSpec, position: int = 0) -> Visit:
        source = PolledSource(source_id=1, kind=spec.kind, location=spec.location)
        heard = hear_files(Path(spec.location), position, self.keep)
        return Visit(at=NOW, source=source, files=heard)

    def lay_out(self, visit: Visit, folder: Path) -> Path:
        return lay_out(visit, folder, self.bodies.load)


def read(spec: SourceSpec, location: Path) -> list[ArticleDraft]:
    outcome = read_source(
        SourceSpec(spec.kind, str(location)),
        SourceState(),
        now=NOW,
        client=None,  # type: ignore[arg-type]  # Nothing is fetched.
    )
    return [draft for batch in outcome.batches for draft in batch.drafts]


def make_source(folder: Path, kind: str) -> str:
    """Make a source of each kind on disk; returns its location."""
    source = folder / kind
    if kind == "folder":
        source.mkdir()
        for number, mail in enumerate(MAILS):
            (source / f"{9 - number}.eml").write_bytes(mail.read_bytes())
    elif kind == "maildir":
        for name in ("new", "cur", "tmp"):
            (source / name).mkdir(parents=True)
        for number, mail in enumerate(MAILS):
            (source / ("new" if number % 2 else "cur") / f"{number}.host:2,S").write_bytes(
                mail.read_bytes()
            )
    elif kind == "mail.eml":
        source.write_bytes(MAILS[0].read_bytes())
    else:
        lines = "".join(f'{{"title": "Title {n}", "text": "Text {n}."}}\n' for n in range(3))
        source.write_text(lines)
    return str(source)


@pytest.mark.parametrize("kind", ["folder", "maildir", "mail.eml", "corpus.jsonl"])
def test_source_on_disk_is_read_alike_when_it_is_laid_out_anew(tmp_path: Path, kind: str) -> None:
    spec, shelf = recognise_source(make_source(tmp_path, kind)), Shelf(tmp_path)
    visit = shelf.hear(spec)
    place = shelf.lay_out(visit, tmp_path / "replay")
    drafts = read(spec, Path(spec.location))
    assert drafts
    assert read(spec, place) == drafts


def test_only_mails_that_are_new_are_kept(tmp_path: Path) -> None:
    spec, shelf = recognise_source(make_source(tmp_path, "folder")), Shelf(tmp_path)
    assert len(shelf.hear(spec).files) == len(MAILS)
    last, path = list_new_mails(Path(spec.location), 0)[-1]
    assert [file.name for file in shelf.hear(spec, last).files][-1] == path.name
    assert shelf.hear(spec, last + 1).files == ()


def test_file_that_is_too_large_or_gone_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, shelf = recognise_source(make_source(tmp_path, "corpus.jsonl")), Shelf(tmp_path)
    monkeypatch.setattr(files, "MOST_BYTES", 10)
    with pytest.raises(PermanentError, match=r"not hold corpus\.jsonl: it was too large"):
        shelf.lay_out(shelf.hear(spec), tmp_path / "replay")
    Path(spec.location).unlink()
    with pytest.raises(PermanentError, match="could not be read: No such file"):
        shelf.lay_out(shelf.hear(spec), tmp_path / "replay")


def test_file_outside_of_its_source_is_never_written(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    evil = RecordedFile(name="../evil.eml", body=shelf.keep(b"evil"))
    source = PolledSource(source_id=1, kind="mail", location="/mails")
    with pytest.raises(PermanentError, match="outside of its source"):
        shelf.lay_out(Visit(at=NOW, source=source, files=(evil,)), tmp_path / "replay")
    assert not (tmp_path / "evil.eml").exists()
