"""The demo's parts that need no servers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest
from rich.console import Console, RenderableType

from newsmill.demo.feed_server import choose_address, serve_folder
from newsmill.demo.mill_run import MAX_RESTARTS, Progress, give_up_on_the_dying
from newsmill.demo.report import draw_analyses, draw_drops, draw_stages
from newsmill.demo.sources import SAMPLE, list_sources
from newsmill.supervisor import ProcessState
from schemas.errors import TransientError
from schemas.lens import Lens
from store.analyses import ShownAnalysis
from store.counts import RuleCount, Totals

TOTALS = Totals(
    sources=4,
    articles=100,
    screened=100,
    kept=40,
    audited=2,
    completions=60,
    analyses=60,
    rejected=1,
)

LENS = Lens.model_validate(
    {
        "name": "demo",
        "version": 1,
        "title": "A lens for tests",
        "prefilter": {"default": "keep"},
        "contract": [
            {"name": "impact", "kind": "scale", "low": 0, "high": 10},
            {"name": "companies", "kind": "names"},
            {"name": "biased", "kind": "flag"},
        ],
        "scoring": {
            "weights": {"impact": 1.0},
            "tiers": [{"name": "high", "at_least": 5}, {"name": "low", "at_least": 0}],
        },
    }
)


def show(renderable: RenderableType) -> str:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def make_row(title: str, **given: object) -> ShownAnalysis:
    row: dict[str, object] = {
        "article_id": 1,
        "url": None,
        "lens": "demo",
        "lens_version": 1,
        "status": "complete",
        "reason": None,
        "values": {"impact": 8, "companies": ["Acme", "Globex"], "biased": False},
        "confidences": {"impact": 0.62},
        "notes": {},
        "score": 8.0,
        "tier": "high",
        "build": "starter",
        "updated_at": datetime(2025, 3, 1, tzinfo=UTC),
    }
    return ShownAnalysis(title=title, **{**row, **given})  # type: ignore[arg-type]


@pytest.fixture
def base_url(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "feed.xml").write_text("<rss/>")
    with serve_folder(tmp_path, "127.0.0.1", port=0) as url:
        yield url


def test_feed_server_answers_a_conditional_request_with_304(base_url: str) -> None:
    answer = httpx2.get(f"{base_url}/feed.xml")
    assert answer.content == b"<rss/>"
    seen = {"If-Modified-Since": answer.headers["Last-Modified"]}
    assert httpx2.get(f"{base_url}/feed.xml", headers=seen).status_code == 304


def test_feed_server_takes_another_port_when_its_own_is_taken(tmp_path: Path) -> None:
    with serve_folder(tmp_path, "127.0.0.1", port=0) as first:
        taken = int(first.rpartition(":")[2])
        with serve_folder(tmp_path, "127.0.0.1", port=taken) as second:
            assert second != first


def test_every_home_has_a_loopback_address_of_its_own_that_stays(tmp_path: Path) -> None:
    address = choose_address(tmp_path / "a")
    assert ip_address(address).is_loopback
    assert address == choose_address(tmp_path / "a") != choose_address(tmp_path / "b")


def test_sample_is_two_feeds_over_http_a_mailbox_and_a_corpus() -> None:
    specs = list_sources("http://127.0.0.1:1")
    assert sorted(spec.kind for spec in specs) == ["feed", "feed", "jsonl", "mail"]
    assert [spec.is_remote for spec in specs if spec.kind == "feed"] == [True, True]
    assert SAMPLE.is_dir()


def test_stages_show_what_went_in_and_out() -> None:
    shown = show(draw_stages(TOTALS))
    assert "58 dropped (58 %)" in shown
    assert "1 rejected with a reason" in shown


def test_analysis_shows_title_tier_score_values_and_confidences() -> None:
    shown = show(draw_analyses(LENS, [make_row("A [bold] title")]))
    for expected in ("A [bold] title", "high", "8.0", "62 %", "Acme; Globex", "biased no"):
        assert expected in shown


def test_rejected_analysis_shows_its_reason() -> None:
    row = make_row("x", status="rejected", reason="the stream is empty", score=None, tier=None)
    assert "the stream is empty" in show(draw_analyses(LENS, [row]))


def test_best_scores_come_first_and_the_rest_is_counted() -> None:
    rows = [make_row(f"title {score}", score=float(score)) for score in range(9)]
    shown = show(draw_analyses(LENS, rows, limit=2))
    assert "best 2 of 9" in shown
    assert shown.index("title 8") < shown.index("title 7")
    assert "title 6" not in shown


def test_rules_that_drop_most_come_first_and_keeps_are_left_out() -> None:
    rules = [
        RuleCount("demo", 1, "keeper", "keep", 90, 0),
        RuleCount("demo", 1, "shopping", "drop", 5, 0),
        RuleCount("demo", 1, None, "drop", 30, 1),
    ]
    shown = show(draw_drops(rules))
    assert shown.index("(no rule matched)") < shown.index("shopping")
    assert "keeper" not in shown


def test_run_is_done_when_nothing_waits() -> None:
    assert Progress(TOTALS, {"ingest": 0, "prefilter": 0}, dead=1).is_done
    assert not Progress(TOTALS, {"ingest": 0, "prefilter": 1}, dead=0).is_done


def test_process_that_keeps_dying_ends_the_run_with_the_path_of_its_log(tmp_path: Path) -> None:
    log_path = tmp_path / "inference.log"
    state = ProcessState("inference", "waiting", None, MAX_RESTARTS, 1, log_path)
    with pytest.raises(TransientError, match=r"inference has died 3 times.*inference\.log"):
        give_up_on_the_dying([state])
