"""The demo's sources: what lies in `sample/`. Feeds are read over HTTP, the rest as files."""

from __future__ import annotations

from pathlib import Path

from ingest.sources import SourceSpec, recognise_source

SAMPLE = Path(__file__).resolve().parent / "sample"
FEED_SUFFIXES = {".xml", ".rss", ".atom"}
SOURCE_SUFFIXES = {*FEED_SUFFIXES, ".jsonl", ".mbox"}


def list_sources(base_url: str, folder: Path = SAMPLE) -> list[SourceSpec]:
    """Give every source of the folder; `base_url` is where its feeds are served."""
    files = sorted(file for file in folder.iterdir() if file.suffix in SOURCE_SUFFIXES)
    return [
        recognise_source(f"{base_url}/{file.name}" if file.suffix in FEED_SUFFIXES else str(file))
        for file in files
    ]
