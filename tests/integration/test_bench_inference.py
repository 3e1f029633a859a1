"""The inference benchmark on a toy model: made, quantised, read both ways, reported."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import gguf
import pytest

import bench.inference
import bench.reports
from bench.roofline import Roofline


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bench.reports, "RESULTS", tmp_path / "results")
    monkeypatch.setenv("NEWSMILL_BENCH_CACHE", str(tmp_path / "cache"))
    roofline = Roofline(int8_ops=1e12, int8_how="assumed", read_bytes=1e10)
    monkeypatch.setattr(bench.inference, "measure_roofline", lambda: roofline)
    monkeypatch.setattr(sys, "argv", ["bench", "--quick", "--threads", "1", "--only"])
    return tmp_path / "results" / "inference.json"


def test_toy_model_is_measured_both_ways(results: Path, tmp_path: Path) -> None:
    bench.inference.main()
    report = json.loads(results.read_text())
    rows = {row["name"]: row for row in report["setting"]["rows"]}
    seed, ours = rows[bench.inference.SEED], rows[bench.inference.OURS]
    assert seed["tokens_out"] == 110
    assert seed["ratio"] == 1
    assert 700 < seed["tokens_in"] <= 1100
    assert 350 < ours["tokens_in"] < 600
    assert 80 < ours["tokens_out"] <= 110
    assert all(row["per_5_minutes"] > 0 and row["peak_mb"] > 0 for row in rows.values())
    [fast] = tmp_path.glob("cache/*/fast-small-*/model.gguf")
    types = {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(fast).tensors}
    assert {types["blk.0.ffn_down.weight"], types["token_embd.weight"]} == {"IQ4_NL"}
