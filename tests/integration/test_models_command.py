"""`newsmill models use` and `back`, and `newsmill tune`, on the real Postgres and the starter."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from inference.builds import Build
from inference.cpu import describe_machine
from inference.tuned import find_tuned
from newsmill.commands import models, tune
from schemas.errors import ConfigError
from store import builds
from store.database import Database


@pytest.fixture
def home(
    tmp_path: Path,
    database_url: str,
    redis_url: str,
    starter_build: Build,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A home with a second build: the starter under another name."""
    folder = tmp_path / "home/models/better"
    shutil.copytree(starter_build.folder, folder)
    manifest = json.loads((folder / "build.json").read_text())
    (folder / "build.json").write_text(json.dumps({**manifest, "name": "better"}))
    for name, value in {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "NEWSMILL_HOME": str(tmp_path / "home"),
        "NEWSMILL_INFERENCE__BUILD": "starter",
        "GOMP_SPINCOUNT": "0",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "home"


def call(*arguments: str) -> Result:
    app = typer.Typer()
    app.add_typer(models.app, name="models")
    app.command("tune")(tune.command)
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def list_live() -> list[str]:
    rows = json.loads(call("models", "list", "--json").stdout)
    return [row["name"] for row in rows if row["in_use"]]


def find_live(url: str) -> builds.Live | None:
    database = Database(url)
    with database.begin() as session:
        live = builds.find_live(session)
    database.close()
    return live


def test_build_is_made_live_and_taken_back(home: Path, database_url: str) -> None:
    assert list_live() == ["starter"]
    output = call("models", "use", "better", "--reason", "it knows more").stdout
    assert "better is live; before it was starter, by its setting" in output
    live = find_live(database_url)
    assert live is not None
    assert (live.name, live.reason) == ("better", "it knows more")
    assert list_live() == ["better"]
    assert "better is taken back; live is starter" in call("models", "back").stdout
    assert list_live() == ["starter"]
    with pytest.raises(ConfigError, match="nothing to take back"):
        call("models", "back")


def test_damaged_build_is_not_made_live(home: Path, database_url: str) -> None:
    with (home / "models/better/model.gguf").open("ab") as model:
        model.write(b"!")
    with pytest.raises(ConfigError, match="damaged"):
        call("models", "use", "better")
    assert find_live(database_url) is None


def test_build_that_cannot_be_used_is_told_by_list_and_verify(home: Path) -> None:
    (home / "models/better/build.json").write_text("{")
    assert "better/build.json: not JSON" in call("models", "list").stderr
    result = call("models", "verify")
    assert (result.exit_code, result.stdout) == (3, "starter: the checksum is right\n")
    assert "better/build.json: not JSON" in result.stderr


def test_build_that_workers_would_not_find_by_its_name_is_not_made_live(
    home: Path, database_url: str, tmp_path: Path
) -> None:
    shutil.move(home / "models/better", tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="copy the folder to"):
        call("models", "use", str(tmp_path / "elsewhere"))
    assert find_live(database_url) is None


def test_tuning_is_kept_told_and_forgotten(
    home: Path, starter_build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"THREADS": 1, "SEQUENCES": 2, "FLASH_ATTENTION": True}.items():
        monkeypatch.setenv(f"NEWSMILL_INFERENCE__{name}", str(value))
    monkeypatch.setenv("NEWSMILL_INFERENCE__KV_TYPE", "f16")
    output = call("tune").stdout
    assert "s an article in a full batch" in output
    sha256 = starter_build.manifest.sha256
    tuned = find_tuned(home, describe_machine(), sha256)
    assert tuned is not None
    assert {trial.factor for trial in tuned.trials} == {"ubatch"}
    assert tuned.choice.sequences == 2
    assert "forgotten" in call("tune", "--forget").stdout
    assert find_tuned(home, describe_machine(), sha256) is None
    assert "there is no result" in call("tune", "--forget").stdout
