"""Polling feeds: entries per second and CPU per entry, and what a poll costs that finds nothing.

The real thing: feeds served over HTTP on as many loopback addresses, so that each is a host of its
own; embedded Postgres and Valkey; the ingest worker as a Celery process. First all feeds are new,
then all answer 304.

    python -m bench.ingest [--feeds 500] [--entries 20]
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection

import psutil

from bench.corpus import make_articles
from bench.pipeline import read_cpu_s, temporary_home
from bench.reports import Measure, report
from newsmill.processes import plan_workers, to_environment
from newsmill.supervisor import Supervisor
from newsmill.workplace import Workplace, open_workplace
from schemas.errors import TransientError
from schemas.settings import Settings, load_settings
from store import counts, sources
from store.statements import execute
from workers.app import configure
from workers.queues import INGEST
from workers.sending import send

GOAL_SECOND_SHARE = 0.05
"""Of the first poll's CPU that the second, all 304, may take."""
POLL_S = 0.05
TIMEOUT_S = 900
ETAG = '"bench"'


@dataclass(frozen=True)
class Web:
    """The process that serves the feeds."""

    port: int
    process_id: int


@dataclass(frozen=True)
class Round:
    """One poll of all feeds."""

    seconds: float
    worker_cpu_s: float
    servers_cpu_s: float
    articles: int

    @property
    def cpu_s(self) -> float:
        """Of worker and servers together."""
        return self.worker_cpu_s + self.servers_cpu_s


def main() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description="Cost of polling feeds.")
    parser.add_argument("--feeds", type=int, default=500)
    parser.add_argument("--entries", type=int, default=20)
    arguments = parser.parse_args()
    with (
        temporary_home() as home,
        serve_feeds(arguments.feeds, arguments.entries) as web,
        open_workplace(
            bench_settings(load_settings()).model_copy(
                update={"home": home, "database_url": None, "redis_url": None}
            )
        ) as place,
        ingest_worker(place) as crew,
    ):
        poll_all(place, crew, web, [name_feed(arguments.feeds, web.port)])
        feeds = [name_feed(number, web.port) for number in range(arguments.feeds)]
        first = poll_all(place, crew, web, feeds)
        second = poll_all(place, crew, web, feeds)
    measures = list_measures(first, second, arguments.feeds)
    report("ingest", measures, {"feeds": arguments.feeds, "entries": arguments.entries})


def list_measures(first: Round, second: Round, feeds: int) -> list[Measure]:
    """Give the numbers that count."""
    return [
        Measure("first poll", first.articles / first.seconds, "entries/s"),
        Measure("new articles", first.articles, ""),
        Measure("  CPU of the worker", first.worker_cpu_s / first.articles * 1e3, "ms/entry"),
        Measure("  CPU of the servers", first.servers_cpu_s / first.articles * 1e3, "ms/entry"),
        Measure("second poll, all 304", feeds / second.seconds, "feeds/s"),
        Measure("  CPU of the worker", second.worker_cpu_s / feeds * 1e3, "ms/feed"),
        Measure("  CPU of the servers", second.servers_cpu_s / feeds * 1e3, "ms/feed"),
        Measure("  new articles", second.articles, "", at_most=0),
        Measure(
            "second poll's share of the first's CPU",
            second.cpu_s / first.cpu_s,
            "",
            at_most=GOAL_SECOND_SHARE,
        ),
        Measure("second poll's share of the first's time", second.seconds / first.seconds, ""),
    ]


def bench_settings(settings: Settings) -> Settings:
    """Let feeds lie on the loopback, and no message expire while the worker is busy."""
    ingest = settings.ingest.model_copy(
        update={"allowed_hosts": ("127.0.0.0/8",), "full_text": False}
    )
    queue = settings.queue.model_copy(update={"resend_after": timedelta(seconds=TIMEOUT_S)})
    return settings.model_copy(update={"ingest": ingest, "queue": queue})


def name_feed(number: int, port: int) -> str:
    """Give each feed a host of its own; Linux takes all of 127.0.0.0/8 for the loopback."""
    return f"http://127.1.{number // 250}.{number % 250 + 1}:{port}/{number}.xml"


@contextmanager
def ingest_worker(place: Workplace) -> Iterator[Supervisor]:
    """Run the worker as `newsmill up` would."""
    plan = [spec for spec in plan_workers(place.settings) if spec.name == INGEST]
    supervisor = Supervisor(plan, to_environment(place.settings), place.settings.home / "logs")
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()


def poll_all(place: Workplace, crew: Supervisor, web: Web, locations: list[str]) -> Round:
    """Let feeds be due now, and wait until all are polled."""
    configure(place.settings)
    with place.database.begin() as session:
        for location in locations:
            sources.upsert(session, kind="feed", location=location, interval=timedelta(hours=1))
        before = counts.count_totals(session).articles
    cpu_before, began = read_all_cpu_s(crew, web), time.monotonic()
    with place.database.begin() as session:
        due = sources.enqueue_due(session, limit=len(locations))
    send(place.settings, {INGEST: due})
    wait_until_polled(place)
    seconds, cpu_after = time.monotonic() - began, read_all_cpu_s(crew, web)
    with place.database.begin() as session:
        articles = counts.count_totals(session).articles - before
        failed = execute(session, "SELECT count(*), min(last_error) FROM source WHERE failures > 0")
        failures, reason = failed.one()
    if failures:
        raise TransientError(f"{failures} feeds could not be polled, one of them: {reason}")
    spent = {name: cpu_after[name] - cpu_before[name] for name in cpu_after}
    return Round(seconds, spent[INGEST], spent["servers"], articles)


def read_all_cpu_s(crew: Supervisor, web: Web) -> dict[str, float]:
    """CPU seconds so far of the worker and of the two servers, without the web server's."""
    spent = read_cpu_s(crew)
    times = psutil.Process(web.process_id).cpu_times()
    return {**spent, "servers": spent["servers"] - times.user - times.system}


def wait_until_polled(place: Workplace) -> None:
    """Wait until no poll waits or is being done."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        with place.database.begin() as session:
            left = execute(session, "SELECT count(*) FROM work WHERE stage = 'ingest'").scalar_one()
        if not left:
            return
        if time.monotonic() > deadline:
            raise TransientError(f"{left} feeds are still not polled")
        time.sleep(POLL_S)


@contextmanager
def serve_feeds(feeds: int, entries: int) -> Iterator[Web]:
    """Serve feeds from a process of its own. One more feed is there to warm up."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=run_server, args=(theirs, feeds + 1, entries), daemon=True)
    process.start()
    try:
        assert process.pid is not None
        yield Web(ours.recv(), process.pid)
    finally:
        process.terminate()
        process.join()
        ours.close()
        theirs.close()


def run_server(told: Connection, feeds: int, entries: int) -> None:
    """Make the feeds, tell the port, and serve until the process ends."""
    articles = list(make_articles(feeds * entries, ["The council votes."], seed=3))
    bodies = [make_feed(articles[n * entries : (n + 1) * entries]) for n in range(feeds)]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            is_known = self.headers["If-None-Match"] == ETAG
            body = b"" if is_known else bodies[int(self.path.strip("/").partition(".")[0])]
            self.send_response(304 if is_known else 200)
            self.send_header("ETag", ETAG)
            self.send_header("Content-Type", "application/rss+xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
    told.send(server.server_port)
    server.serve_forever()


def make_feed(articles: list[dict[str, str]]) -> bytes:
    """Write an RSS feed with whole articles in it, as most have."""
    items = "".join(
        f"<item><title>{escape(article['title'])}</title><link>{article['url']}</link>"
        f"<guid isPermaLink='false'>{article['id']}</guid>"
        f"<pubDate>{format_datetime(datetime.now(UTC) - timedelta(hours=place))}</pubDate>"
        f"<description>{escape(article['content'][:200])}</description>"
        f"<content:encoded>{escape(to_html(article['content']))}</content:encoded></item>"
        for place, article in enumerate(articles)
    )
    head = "<?xml version='1.0' encoding='utf-8'?><rss version='2.0'"
    head += (
        " xmlns:content='http://purl.org/rss/1.0/modules/content/'><channel><title>Bench</title>"
    )
    return f"{head}{items}</channel></rss>".encode()


def to_html(text: str) -> str:
    """Mark paragraphs up, with a link in each."""
    paragraphs = text.split("\n\n")
    return "".join(
        f'<p class="body">{escape(each)} <a href="/more/{place}">more</a></p>'
        for place, each in enumerate(paragraphs)
    )


if __name__ == "__main__":
    main()
