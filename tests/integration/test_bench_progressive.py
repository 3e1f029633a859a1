"""The benchmark of progressive reading, on a few articles: both ways measured and reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import bench.progressive
import bench.reports


def test_forced_share_of_articles_stops_and_saves_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.reports, "RESULTS", tmp_path)
    bench.progressive.main(["--articles", "4", "--rounds", "1", "--shares", "0", "0.5"])
    report = json.loads((tmp_path / "progressive.json").read_text())
    values = {measure["name"]: measure["value"] for measure in report["measures"]}
    assert values["0% rejections, stopped"] == 0
    assert values["50% rejections, stopped"] == 0.5
    assert values["0% rejections, prompt tokens saved"] < 0
    assert values["50% rejections, prompt tokens saved"] > 0.1
    assert values["50% rejections, progressive"] > 0
    assert report["setting"]["note"] == "the gain depends on the stream"
