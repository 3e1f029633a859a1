"""`newsmill doctor` against real servers, with a model and a lens made for the test."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import make_url
from structlog.testing import capture_logs
from typer.testing import CliRunner

from newsmill.commands.doctor import command
from newsmill.services.launcher import Services
from tests.gguf_files import make_header
from tests.homes import make_home
from tests.integration.conftest import execute, name_database

LENS = """
name: small
version: 3
title: Small
prefilter: {default: keep}
contract:
  - {name: biased, kind: flag, help: 'Whether it takes sides'}
"""

SERVER_CHECKS = {"postgres", "migrations", "build", "clock", "redis"}

OWN_CHECKS = {"settings", "lenses", "home", "disk", "model", "answers", "tuning", "memory"}


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lens, a build and a home, named by the environment; no servers."""
    model = make_header()
    manifest = {
        "name": "little",
        "sha256": hashlib.sha256(model).hexdigest(),
        "created": "2026-11-20T00:00:00Z",
        "base": "scratch",
        "prompt": "brief",
        "chat": "starter",
        "text_mode": "pointers",
        "n_ctx_train": 512,
    }
    write(tmp_path / "models/little/model.gguf", model)
    write(tmp_path / "models/little/build.json", json.dumps(manifest).encode())
    write(tmp_path / "lenses/small/lens.yaml", LENS.encode())
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "NEWSMILL_HOME": tmp_path / "home",
        "NEWSMILL_MODELS_DIR": tmp_path / "models",
        "NEWSMILL_LENSES_DIR": tmp_path / "lenses",
        "NEWSMILL_INFERENCE__BUILD": "little",
    }.items():
        monkeypatch.setenv(name, str(value))
    return tmp_path


@pytest.fixture
def servers(
    setup: Path, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def consult(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(command)
    with capture_logs():  # The command line sends them to stderr.
        result = CliRunner().invoke(app, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout


def consult_json() -> tuple[int, dict[str, dict[str, Any]]]:
    exit_code, output = consult("--json")
    return exit_code, {check["name"]: check for check in json.loads(output)["checks"]}


def test_all_is_well_with_migrated_servers_a_lens_and_a_model(servers: None) -> None:
    _, checks = consult_json()
    # What the machine is like is not for this test to say.
    ours = {name: check for name, check in checks.items() if name not in ("cores", "processor")}
    assert {check["status"] for check in ours.values()} == {"ok"}
    assert set(ours) == SERVER_CHECKS | OWN_CHECKS
    assert "small v3" in checks["lenses"]["detail"]


def test_private_servers_are_tried_and_stopped_again(
    setup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_home()
    monkeypatch.setenv("NEWSMILL_HOME", str(home))
    _, checks = consult_json()
    assert {checks[name]["status"] for name in SERVER_CHECKS - {"build"}} == {"ok"}
    assert "our own" in checks["postgres"]["detail"]
    assert not (home / "run").exists()
    shutil.rmtree(home)


def test_database_without_tables_needs_attention(
    servers: None, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", name_database(services.database_url, "template1"))
    exit_code, output = consult()
    assert exit_code == 3
    assert "no tables yet" in output


def test_build_that_knows_no_field_of_a_lens_needs_attention(servers: None, setup: Path) -> None:
    file = setup / "models/little/build.json"
    known = {"other": {"version": "00000000", "fields": ["biased"]}}
    file.write_text(json.dumps({**json.loads(file.read_text()), "contracts": known}))
    _, checks = consult_json()
    assert checks["answers"]["status"] == "warn"
    assert "little was not trained on small" in checks["answers"]["detail"]
    assert "NEWSMILL_LENSES" in checks["answers"]["mend"]


def test_setting_that_only_a_worker_would_trip_over_is_told(
    servers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSMILL_INGEST__ALLOWED_HOSTS", '["http://127.0.0.1:80/"]')
    monkeypatch.setenv("NEWSMILL_LENSES", "[]")
    exit_code, checks = consult_json()
    assert exit_code == 1
    assert "without scheme, port or path" in checks["settings"]["detail"]
    assert "names no lens" in checks["lenses"]["detail"]


def test_damaged_model_is_named_with_its_file(servers: None, setup: Path) -> None:
    with (setup / "models/little/model.gguf").open("ab") as model:
        model.write(b"x")
    exit_code, checks = consult_json()
    assert (exit_code, checks["model"]["status"]) == (1, "fail")
    assert "models/little/model.gguf: damaged" in checks["model"]["detail"]


def test_tuning_and_live_build_are_told_with_a_refusal(
    servers: None, setup: Path, database_url: str
) -> None:
    _, checks = consult_json()
    assert "little is not tuned for this machine: 1 thread " in checks["tuning"]["detail"]
    assert checks["tuning"]["mend"].startswith("newsmill tune")
    assert "little, by NEWSMILL_INFERENCE__BUILD" in checks["build"]["detail"]
    execute(
        database_url,
        "insert into build (name, sha256, live) values ('new', '00', true)",
        "insert into deployment (build, refused_by, refused_at, refusal)"
        " values ('new', 'host-1', now(), 'model.gguf: damaged')",
    )
    exit_code, checks = consult_json()
    assert (exit_code, checks["build"]["status"]) == (3, "warn")
    assert "refused by host-1: model.gguf: damaged" in checks["build"]["detail"]
    assert checks["build"]["mend"].startswith("newsmill models back")


def test_live_build_is_looked_at_where_the_settings_name_another(
    servers: None, setup: Path, database_url: str
) -> None:
    folder = setup / "models/live"
    shutil.copytree(setup / "models/little", folder)
    manifest = json.loads((folder / "build.json").read_text())
    write(folder / "build.json", json.dumps({**manifest, "name": "live"}).encode())
    execute(
        database_url,
        "insert into build (name, sha256, live) values ('live', '00', true)",
        "insert into deployment (build) values ('live')",
    )
    _, checks = consult_json()
    assert checks["live model"]["detail"].startswith("live, 0.0 MB")
    assert "live is not tuned" in checks["live tuning"]["detail"]
    assert "for live with" in checks["live memory"]["detail"]
    (folder / "model.gguf").write_bytes(b"GGUF and no more")
    exit_code, checks = consult_json()
    assert (exit_code, checks["live model"]["status"]) == (3, "warn")


def test_build_that_is_not_there_is_told_once(
    servers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSMILL_INFERENCE__BUILD", "nosuch")
    exit_code, checks = consult_json()
    assert exit_code == 1
    assert [name for name, check in checks.items() if "nosuch'" in check["detail"]] == ["model"]


def test_broken_lens_is_named_with_its_line(servers: None, setup: Path) -> None:
    write(setup / "lenses/small/lens.yaml", LENS.replace("flag", "flagg").encode())
    exit_code, checks = consult_json()
    assert (exit_code, checks["lenses"]["status"]) == (1, "fail")
    assert "lens.yaml:7" in checks["lenses"]["detail"]


def test_servers_that_do_not_answer_fail_without_telling_the_password(
    setup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hush-hush@127.0.0.1:1/news")
    monkeypatch.setenv("REDIS_URL", "redis://:hush-hush@127.0.0.1:1/0")
    exit_code, output = consult("--json")
    checks = {check["name"]: check for check in json.loads(output)["checks"]}
    assert exit_code == 1
    assert checks["postgres"]["mend"] == "check DATABASE_URL"
    assert checks["redis"]["mend"] == "check REDIS_URL"
    assert "hush" not in output


def test_unknown_setting_is_the_one_thing_told(
    setup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSMILL_HOEM", "/data")
    exit_code, checks = consult_json()
    assert (exit_code, set(checks)) == (1, {"settings"})
    assert "NEWSMILL_HOEM" in checks["settings"]["detail"]


def test_read_only_database_is_refused(
    servers: None, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make_url(database_url).database
    execute(database_url, f"alter database {name} set default_transaction_read_only = on")
    _, checks = consult_json()
    assert checks["postgres"]["status"] == "fail"
