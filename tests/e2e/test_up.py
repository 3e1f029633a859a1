"""`newsmill up` and the commands beside it, as a person runs them, in a home of their own."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from newsmill.services.launcher import Services
from schemas.settings import ROOT
from tests.homes import list_processes_of
from tests.integration.workers.corpus import write_corpus
from workers.queues import STAGES

ARTICLES = 30

pytestmark = pytest.mark.timeout(300)


class Home:
    """A home, and the programs that are run in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environment = {
            **os.environ,
            "NEWSMILL_HOME": str(path),
            "NEWSMILL_LENSES": '["editorial"]',
            "NEWSMILL_PREFILTER__AUDIT_RATE": "1",
            "NEWSMILL_QUEUE__TICK_EVERY": "2",
            "NEWSMILL_FLOWER__PORT": "18555",
        }
        for name in ("DATABASE_URL", "REDIS_URL"):
            self.environment.pop(name, None)

    def start(
        self, *arguments: str, program: tuple[str, ...] = (sys.executable,)
    ) -> subprocess.Popen[str]:
        command = [*program, "-m", "newsmill.cli", *arguments]
        return subprocess.Popen(
            command,
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, exit_code: int = 0) -> str:
        """Run a command to its end; return what it printed."""
        with self.start(*arguments) as process:
            printed, errors = process.communicate(timeout=60)
        assert process.returncode == exit_code, f"{arguments}: {printed}\n{errors}"
        assert "Traceback" not in errors
        return printed if exit_code in {0, 3} else errors

    def read_status(self) -> dict[str, Any]:
        with self.start("status", "--json") as process:
            printed, errors = process.communicate(timeout=60)
        assert process.returncode in {0, 3}, errors
        status: dict[str, Any] = json.loads(printed)
        return status

    def wait_for(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        give_up = time.monotonic() + 120
        while not condition(status := self.read_status()):
            assert time.monotonic() < give_up, status
            time.sleep(0.5)
        return status

    def wait_until(self, condition: Callable[[], object]) -> None:
        """Wait by looking at files and rows: commands would slow down what is waited for."""
        give_up = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < give_up, self.read_status()
            time.sleep(0.1)

    def has_servers(self) -> bool:
        return (self.path / "run" / "valkey.sock").exists()

    def has_all_workers(self) -> bool:
        logs = [self.path / "logs" / f"{stage}.log" for stage in STAGES]
        return all(log.exists() and " ready." in log.read_text() for log in logs)

    def is_through(self) -> bool:
        """Whether every article has its row, in the database that the workers are told of."""
        for process in list_processes_of(self.path):
            if url := (process.info["environ"] or {}).get("DATABASE_URL"):
                with psycopg.connect(url) as connection:
                    found = connection.execute("SELECT count(*) FROM analysis").fetchone()
                return found == (ARTICLES,)
        return False

    @contextmanager
    def up(self) -> Iterator[subprocess.Popen[str]]:
        """Run `newsmill up` until the end of the block, at the latest."""
        process = self.start("up")
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


@pytest.fixture
def home(short_home: Path) -> Iterator[Home]:
    yield Home(short_home)
    for process in list_processes_of(short_home):
        process.kill()


def ask(url: str, password: str | None = None) -> int:
    request = urllib.request.Request(url)
    if password:
        word = base64.b64encode(f"newsmill:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {word}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def have_all_answered(status: dict[str, Any]) -> bool:
    return len(status["workers"]) == len(STAGES)


def test_up_reads_what_ingest_adds_and_leaves_nothing_running(home: Home, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus.jsonl", ARTICLES)
    with home.up() as up:
        home.wait_until(home.has_all_workers)
        assert "running mill polls them" in home.run("ingest", str(corpus))
        home.wait_until(home.is_through)
        status = home.wait_for(have_all_answered)
        assert status["totals"]["analyses"] == ARTICLES
        assert status["up"]
        assert status["concerns"] == []

        assert "runs already" in home.run("up", exit_code=2)
        password = (home.path / "flower.password").read_text().strip()
        assert ask("http://127.0.0.1:18555/workers") == 401
        assert ask("http://127.0.0.1:18555/workers", password) == 200

        up.terminate()
        printed, errors = up.communicate(timeout=60)
        assert up.returncode == 0, errors
        assert "http://127.0.0.1:18555" in printed
        assert password not in printed + errors
    assert list_processes_of(home.path) == []

    with Services.launch(home.path):
        assert home.run("dead", "list").strip() == "no dead letters"
        rebuilt = json.loads(home.run("reconstruct", "--all", "--json"))
        assert sum(rebuilt["editorial"].values()) == ARTICLES
        assert home.read_status()["totals"] == status["totals"]


def test_second_interruption_of_up_stops_it_at_once_and_leaves_nothing_running(home: Home) -> None:
    with home.up() as up:
        home.wait_until(home.has_all_workers)
        assert up.stdout is not None
        up.send_signal(signal.SIGINT)
        while "stopping" not in up.stdout.readline():
            assert up.poll() is None
        up.send_signal(signal.SIGINT)
        printed, errors = up.communicate(timeout=60)
        assert (up.returncode, errors) == (0, "")
        assert "stopping at once" in printed
        assert list_processes_of(home.path) == []


def test_killed_up_takes_its_processes_along_and_the_next_one_goes_on(
    home: Home, tmp_path: Path
) -> None:
    corpus = write_corpus(tmp_path / "corpus.jsonl", ARTICLES)
    with home.up() as up:
        home.wait_until(home.has_all_workers)
        home.run("ingest", str(corpus))
        children = psutil.Process(up.pid).children(recursive=True)
        workers = [each for each in children if "workers.app" in each.cmdline()]
        assert len(workers) >= 6
        up.kill()
        _, alive = psutil.wait_procs(workers, timeout=20)
        assert alive == []
    with home.up():
        home.wait_until(home.is_through)


def test_ingest_polls_by_itself_when_asked_and_finds_nothing_the_second_time(
    home: Home, tmp_path: Path
) -> None:
    corpus = write_corpus(tmp_path / "corpus.jsonl", ARTICLES)
    (first,) = json.loads(home.run("ingest", "--now", "--json", str(corpus)))
    assert (first["new"], first["error"]) == (ARTICLES, None)
    (second,) = json.loads(home.run("ingest", "--now", "--json", str(corpus)))
    assert (second["new"], second["error"]) == (0, None)
    assert home.read_status()["concerns"] == ["work waits and no worker runs: start newsmill up"]


def test_source_that_cannot_be_read_fails_and_its_dead_letter_can_be_handled(
    home: Home, tmp_path: Path
) -> None:
    page = tmp_path / "page.xml"
    page.write_text("<html><p>Gone fishing.</p></html>")
    with Services.launch(home.path):
        home.run("ingest", "--now", str(page), exit_code=1)
        (letter,) = json.loads(home.run("dead", "list", "--json", exit_code=3))
        assert "an HTML page" in letter["error"]
        assert "Traceback" in home.run("dead", "show", letter["letter"])
        assert home.run("dead", "resend", letter["letter"]) == "1 waiting again\n"
        home.run("dead", "resend", letter["letter"], exit_code=2)
        assert home.run("dead", "discard", "--all") == "0 discarded\n"


def test_command_that_is_told_to_end_takes_its_servers_along(home: Home) -> None:
    with home.start("status", "--watch") as watching:
        home.wait_until(home.has_servers)
        watching.terminate()
        _, errors = watching.communicate(timeout=60)
    assert "Traceback" not in errors
    assert list_processes_of(home.path) == []


def test_nohup_outlives_its_terminal(home: Home) -> None:
    with home.start("status", "--watch", program=("nohup", sys.executable)) as watching:
        home.wait_until(home.has_servers)
        watching.send_signal(signal.SIGHUP)
        time.sleep(1)
        assert watching.poll() is None
        watching.terminate()
        watching.communicate(timeout=60)
