"""Sources as people type them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingest.sources import SourceSpec, recognise_source
from schemas.errors import ConfigError


@pytest.mark.parametrize(
    ("typed", "location"),
    [
        ("https://a.example/feed.xml", "https://a.example/feed.xml"),
        ("  http://a.example/feed ", "http://a.example/feed"),
        ("HTTPS://a.example/feed", "https://a.example/feed"),
        ("feed://a.example/feed", "https://a.example/feed"),
    ],
)
def test_url_is_a_feed(typed: str, location: str) -> None:
    spec = recognise_source(typed)
    assert spec == SourceSpec("feed", location)
    assert spec.is_remote


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.xml", "feed"),
        ("a.RSS", "feed"),
        ("a.atom", "feed"),
        ("a.jsonl", "jsonl"),
        ("a.jsonl.gz", "jsonl"),
        ("a.eml", "mail"),
        ("a.mbox", "mail"),
    ],
)
def test_file_is_recognised_by_its_ending(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    path.touch()
    assert recognise_source(str(path)) == SourceSpec(kind, str(path))  # type: ignore[arg-type]
    assert recognise_source(path.as_uri()).location == str(path)


def test_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("news.jsonl").touch()
    assert recognise_source("news.jsonl").location == str(tmp_path / "news.jsonl")


def test_maildir_and_folder_of_mails_are_mailboxes(tmp_path: Path) -> None:
    for name in ("box/cur", "box/new", "mails"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "mails" / "a.eml").touch()
    for name in ("box", "mails"):
        assert recognise_source(str(tmp_path / name)).kind == "mail"


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("", "the source is empty"),
        ("ftp://a.example/x", "cannot read ftp:// sources"),
        ("https://", "no host name"),
        ("https://[::1/x", "not a valid URL"),
        ("https://paper example/feed", "not a valid URL"),
        ("https://a.example/all.jsonl", "download it"),
        ("/no/such/file.xml", "no such file or folder; give an http"),
        ("a" * 5_000, "cannot be read: File name too long"),
        ("nosuch.csv", "no such file or folder; give an http"),
        ("paper.example", "if it is a site, write https://paper.example; else give an http"),
        ("paper.example:8080/feed", "write https://paper.example:8080/feed; else"),
    ],
)
def test_what_is_no_source_gets_one_clear_line(typed: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        recognise_source(typed)
    assert "\n" not in str(caught.value)


def test_pipe_that_nobody_may_ever_write_to_is_no_source(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(ConfigError, match=r"pipe\.jsonl: neither a file nor a folder$"):
        recognise_source(str(tmp_path / "pipe.jsonl"))


def test_unknown_file_and_folder_get_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").touch()
    with pytest.raises(ConfigError, match="not a known kind"):
        recognise_source(str(tmp_path / "a.pdf"))
    with pytest.raises(ConfigError, match="no Maildir"):
        recognise_source(str(tmp_path))
