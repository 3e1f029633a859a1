"""`newsmill sources` on a real database and a nasty web."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from newsmill.commands.sources import app
from schemas.errors import ConfigError, NewsmillError
from store import sources
from store.database import Database
from tests.integration.store.rows import add_articles, read
from tests.nasty_web import ADDRESS, serve_nastily


@pytest.fixture
def database(
    database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSMILL_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("NEWSMILL_INGEST__ALLOWED_HOSTS", f'["{ADDRESS}"]')
    database = Database(database_url, name="newsmill-tests")
    yield database
    database.close()


@pytest.fixture
def web() -> Iterator[str]:
    with serve_nastily() as base_url:
        yield base_url


def run(*arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == exit_code, (result.output, result.exception)
    return result


def refuse(*arguments: str) -> str:
    """Run a command that fails; the command line tells the error in one line."""
    result = CliRunner().invoke(app, list(arguments))
    assert isinstance(result.exception, NewsmillError)
    return str(result.exception)


def list_sources(exit_code: int = 0) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(run("list", "--json", exit_code=exit_code).stdout)
    return rows


def test_feed_is_added_listed_paused_resumed_and_removed(database: Database, web: str) -> None:
    run("add", f"{web}/good", "--folder", "News", "--name", "Good")
    (row,) = list_sources()
    assert (row["name"], row["folder"], row["judgement"]) == ("Good", "News", "new")
    run("pause", "Good")
    assert list_sources()[0]["judgement"] == "paused"
    run("resume", str(row["source_id"]))
    assert list_sources()[0]["judgement"] == "new"
    assert "Good" in run("list").stdout
    run("remove", f"{web}/good")
    assert list_sources() == []
    assert read(database, "SELECT count(*) FROM source") == [(0,)]


def test_removed_source_of_articles_is_only_hidden_and_can_come_back(
    database: Database, web: str
) -> None:
    run("add", f"{web}/good")
    ((source_id,),) = read(database, "SELECT id FROM source")
    add_articles(database, source_id, 2)
    run("remove", str(source_id))
    assert list_sources() == []
    assert read(database, "SELECT state, paused FROM source") == [("removed", True)]
    run("add", f"{web}/good")
    assert [row["articles"] for row in list_sources()] == [2]


def test_what_is_no_feed_is_not_added(database: Database, web: str, tmp_path: Path) -> None:
    assert "404" in refuse("add", f"{web}/missing")
    assert "names no feed" in refuse("add", f"{web}/page")
    for name in ("corpus.jsonl", "letters.mbox", "feed.xml"):
        (tmp_path / name).touch()
        assert "files are read once" in refuse("add", str(tmp_path / name))
    assert list_sources() == []
    run("add", f"{web}/missing", "--unchecked")
    assert len(list_sources()) == 1


@pytest.mark.parametrize("command", ["add", "test"])
def test_private_host_is_a_matter_of_the_settings_and_told_with_the_right_one(
    database: Database, command: str
) -> None:
    result = CliRunner().invoke(app, [command, "http://127.0.0.1:9/feed"])
    assert isinstance(result.exception, ConfigError)
    told = str(result.exception)
    assert told.endswith("""if it is meant, set NEWSMILL_INGEST__ALLOWED_HOSTS='["127.0.0.1"]'""")


def test_moved_feed_is_added_where_it_is_now(database: Database, web: str) -> None:
    assert f"{web}/arrived" in run("add", f"{web}/moved").stdout


def test_fixed_interval_is_kept(database: Database, web: str) -> None:
    run("add", f"{web}/good", "--every", "600")
    assert read(database, "SELECT interval = '10 min', settings FROM source") == [
        (True, {"adapted": False})
    ]


def test_trying_a_feed_tells_what_it_holds_and_stores_nothing(database: Database, web: str) -> None:
    told = run("test", f"{web}/good").stdout
    assert "Feed good: 3 entries" in told
    assert "  - Meeting" in told
    assert list_sources() == []


def test_lists_are_exported_and_imported_with_their_folders(
    database: Database, tmp_path: Path
) -> None:
    feeds = tmp_path / "feeds.opml"
    feeds.write_text(
        "<opml><body><outline text='News'><outline text='A' xmlUrl='https://a.example/f'/></outline>"
        "<outline text='Odd' xmlUrl='gopher://b.example/'/>"
        f"<outline text='Own' xmlUrl='{feeds}'/></body></opml>"
    )
    result = run("import", str(feeds))
    assert "1 of 3 feeds added, 0 known already" in result.stdout
    assert "0 of 3 feeds added, 1 known already" in run("import", str(feeds)).stdout
    written = tmp_path / "new" / "again.opml"
    run("export", str(written))
    run("remove", "A")
    run("import", str(written))
    (row,) = list_sources()
    assert (row["name"], row["folder"], row["location"]) == ("A", "News", "https://a.example/f")
    assert "https://a.example/f" in run("export").stdout


def test_list_that_cannot_be_read_or_written_is_named_in_one_line(
    database: Database, tmp_path: Path
) -> None:
    (tmp_path / "page.opml").write_text("<html></html>")
    assert refuse("import", "page.opml").startswith("page.opml: this is no OPML")
    assert refuse("import", "none.opml") == ("none.opml: cannot be read: No such file or directory")
    assert refuse("export", "page.opml/a.opml") == (
        "page.opml/a.opml: cannot be written: Not a directory"
    )


def test_feed_that_is_added_again_is_known(database: Database, web: str) -> None:
    assert run("add", f"{web}/good").stdout == f"source 1: {web}/good\n"
    assert run("add", f"{web}/good").stdout == f"source 1, known already: {web}/good\n"


def test_source_that_is_gone_needs_attention(database: Database, web: str) -> None:
    run("add", f"{web}/good")
    with database.begin() as session:
        (source_id,) = sources.find(session, f"{web}/good")
        sources.retire(session, source_id, "the server answered 410 (Gone)")
    (row,) = list_sources(exit_code=3)
    assert row["words"] == "no longer polled: the server answered 410 (Gone)"


def test_unknown_source_is_one_line(database: Database) -> None:
    result = CliRunner().invoke(app, ["pause", "nobody"])
    assert isinstance(result.exception, ConfigError)
    assert "no source has the id, location or name 'nobody'" in str(result.exception)
