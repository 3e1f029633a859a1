"""OPML: read what other readers write, write what they read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.opml import OpmlFeed, read_opml, write_opml
from schemas.errors import ConfigError

LIST = """<?xml version="1.0" encoding="UTF-8"?>
<opml version="1.0"><head><title>Mine</title></head><body>
<outline text="Loose" xmlUrl="https://a.example/feed"/>
<outline text="News"><outline title="World / all">
  <outline text="B &amp; C" type="rss" XMLURL=" https://b.example/feed " htmlUrl="https://b.example/"/>
</outline><outline text="A again" xmlUrl="https://a.example/feed"/></outline>
<outline text="empty"/></body></opml>"""

FEEDS = [
    OpmlFeed("https://a.example/feed", "Loose"),
    OpmlFeed("https://b.example/feed", "B & C", "News/World - all"),
]


def test_feeds_come_once_with_names_and_folders() -> None:
    assert read_opml(LIST.encode()) == FEEDS


def test_what_is_written_reads_the_same() -> None:
    assert read_opml(write_opml(FEEDS)) == FEEDS


def test_cut_list_gives_what_is_there() -> None:
    assert read_opml(LIST.encode()[:-40]) == FEEDS


def test_outlines_however_deep_are_read() -> None:
    deep = "<outline text='f'>" * 200 + "<outline xmlUrl='https://a.example/'/>"
    (feed,) = read_opml(f"<opml><body>{deep}".encode())
    assert feed.folder == "/".join(["f"] * 200)


def test_entities_stay_inert(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET")
    body = f"""<!DOCTYPE opml [<!ENTITY x SYSTEM "{secret.as_uri()}">]><opml><body>
    <outline text="&x;" xmlUrl="https://a.example/&x;"/></body></opml>"""
    assert "SECRET" not in str(read_opml(body.encode()))


@pytest.mark.parametrize("body", [b"", b"{}", b"<rss/>", b"<html><body>no</body></html>", b"\x00"])
def test_other_files_are_told_from_lists(body: bytes) -> None:
    with pytest.raises(ConfigError, match="no OPML"):
        read_opml(body)
