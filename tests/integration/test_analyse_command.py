"""`newsmill analyse` as a process: no services, resumable, one line to an error."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from schemas.lens import load_lens
from tests.paths import ROOT, SHARED

INSHORTS = SHARED / "data" / "topics" / "inshorts.jsonl.gz"


def run(tmp_path: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "newsmill.cli", "analyse", *map(str, arguments)]
    environment = {"NEWSMILL_HOME": str(tmp_path / "home"), "PATH": "", "COLUMNS": "200"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    title = "Volta Group opens plant"
    lines = [{"id": f"n{n}", "title": f"{title} {n}", "content": f"It is {n}."} for n in range(12)]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return path


def test_every_article_gets_a_line_per_lens(tmp_path: Path, articles: Path) -> None:
    out = tmp_path / "out.jsonl"
    done = run(tmp_path, articles, "--lens", "editorial", "--lens", "ai_industry", "-o", out)
    assert done.returncode == 0, done.stderr
    answers = read(out)
    assert sorted((answer["id"], answer["lens"]) for answer in answers) == sorted(
        (f"n{number}", lens) for number in range(12) for lens in ("editorial", "ai_industry")
    )
    for answer in answers:
        contract = load_lens(ROOT / "lenses" / answer["lens"]).contract
        assert answer["contract_version"] == contract.version
        assert answer["build"] == "starter"
        for field in contract.asked:
            value = answer["values"][field.name]
            assert value is None or field.validate_value(value) is None
    assert not (tmp_path / "home").exists(), "no service was started"


def test_run_that_was_cut_off_is_gone_on_with(tmp_path: Path, articles: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert run(tmp_path, articles, "--lens", "editorial", "-o", out, "--limit", "5").returncode == 0
    assert len(read(out)) == 5
    before = out.read_bytes()
    out.write_bytes(before[:-30])
    done = run(tmp_path, articles, "--lens", "editorial", "-o", out)
    assert done.returncode == 0, done.stderr
    assert "8 answers added, 4 there already" in done.stderr
    assert out.read_bytes().startswith(before[: before.rindex(b"\n", 0, -1) + 1])
    assert sorted(answer["id"] for answer in read(out)) == sorted(f"n{n}" for n in range(12))
    assert run(tmp_path, articles, "--lens", "editorial", "-o", out).returncode == 0
    assert len(read(out)) == 12


def test_interrupted_run_says_what_it_holds_and_leaves_whole_lines(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    text = "The ferry line orders two ships. " * 40
    lines = [{"id": f"n{n}", "title": f"Ferry {n}", "content": text} for n in range(5_000)]
    source.write_text("\n".join(map(json.dumps, lines)) + "\n")
    command = [sys.executable, "-m", "newsmill.cli", "analyse", str(source), "--lens", "editorial"]
    environment = {"NEWSMILL_HOME": str(tmp_path / "home"), "PATH": ""}
    with subprocess.Popen(
        [*command, "-o", str(out)], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        give_up = time.monotonic() + 60
        while not (out.exists() and out.stat().st_size):
            assert time.monotonic() < give_up, "no answer came"
            time.sleep(0.05)
        process.terminate()
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"interrupted: {out} holds {len(read(out))} answers; the same command goes on" in told
    assert "Traceback" not in told


def test_line_that_is_no_article_is_named_and_the_others_are_read(
    tmp_path: Path, articles: Path
) -> None:
    articles.write_text("{broken\n" + articles.read_text() + "[]\n")
    done = run(tmp_path, articles, "--lens", "editorial", "-o", tmp_path / "out.jsonl")
    assert done.returncode == 3
    assert "refused: line 1: not JSON" in done.stderr
    assert "refused: line 14: not a JSON object" in done.stderr
    assert len(read(tmp_path / "out.jsonl")) == 12


def test_second_line_of_an_id_is_refused_and_told(tmp_path: Path, articles: Path) -> None:
    articles.write_text(articles.read_text() + '{"id": "n3", "title": "Another", "text": "x"}\n')
    for _ in range(2):
        done = run(tmp_path, articles, "--lens", "editorial", "-o", tmp_path / "out.jsonl")
        assert done.returncode == 3
        assert "refused: 1 lines with the id of an earlier line, such as 'n3'" in done.stderr
        assert len(read(tmp_path / "out.jsonl")) == 12


def test_damaged_gzip_gives_what_can_be_read(tmp_path: Path, articles: Path) -> None:
    packed = gzip.compress(articles.read_bytes() * 50)
    source = tmp_path / "in.jsonl.gz"
    source.write_bytes(packed[: len(packed) // 2])
    done = run(tmp_path, source, "--lens", "editorial", "-o", tmp_path / "out.jsonl")
    assert done.returncode == 3
    assert "the file is damaged" in done.stderr
    assert read(tmp_path / "out.jsonl")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.jsonl", "--lens", "editorial"], "missing.jsonl: there is no such file"),
        (["newsmill/demo/sample/newsletters.mbox", "--lens", "editorial"], "newsmill ingest"),
        (["{articles}", "--lens", "sports"], "no lens 'sports': there are ai_industry, "),
        (["{articles}", "--lens", "editorial", "--model", "huge"], "no build 'huge'"),
    ],
)
def test_wrong_argument_is_told_in_one_line(
    tmp_path: Path, articles: Path, arguments: list[str], message: str
) -> None:
    named = [argument.format(articles=articles) for argument in arguments]
    done = run(tmp_path, *named, "-o", tmp_path / "out.jsonl")
    assert done.returncode == 2
    assert done.stderr.startswith("newsmill: ")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.slow
@pytest.mark.skipif(not INSHORTS.exists(), reason="needs the shared data")
def test_500_real_articles_give_500_valid_lines(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    done = run(tmp_path, INSHORTS, "--lens", "editorial", "-o", out, "--limit", "500")
    assert done.returncode == 0, done.stderr
    answers = read(out)
    assert len({answer["id"] for answer in answers}) == len(answers) == 500
    contract = load_lens(ROOT / "lenses" / "editorial").contract
    for answer in answers:
        assert answer["status"] == "complete", answer
        for field in contract.asked:
            assert field.validate_value(answer["values"][field.name]) is None
