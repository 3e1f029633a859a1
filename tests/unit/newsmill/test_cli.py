from __future__ import annotations

import errno
import os
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec

import pytest

from newsmill import cli
from schemas.errors import ConfigError, PermanentError

HEAVY = ("celery", "sqlalchemy", "llama_cpp", "torch", "trafilatura", "re2", "httpx2", "psycopg")


def run_newsmill(*arguments: str, columns: int = 100) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "newsmill.cli", *arguments]
    environment = {**os.environ, "COLUMNS": str(columns)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_every_command_has_its_module() -> None:
    assert [name for name in cli.COMMANDS if not find_spec(f"newsmill.commands.{name}")] == []


def test_help_lists_every_command_and_loads_nothing_heavy() -> None:
    code = f"""
import sys
sys.argv = ["newsmill", "--help"]
from newsmill.cli import main
try:
    main()
finally:
    loaded = [name for name in {HEAVY!r} if name in sys.modules]
    print("LOADED", loaded)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "LOADED []" in done.stdout
    assert all(name in done.stdout for name in cli.COMMANDS)


def test_unknown_command_is_a_usage_error() -> None:
    done = run_newsmill("mill")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_unreadable_source_is_one_line_and_exit_code_2() -> None:
    done = run_newsmill("ingest", "/no/such/file.jsonl")
    assert done.returncode == 2
    assert done.stderr.startswith("newsmill: /no/such/file.jsonl: no such file")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "exit_code", "told"),
    [
        (ConfigError("lens.yaml:3: no name"), 2, "newsmill: lens.yaml:3: no name\n"),
        (PermanentError("it is gone"), 1, "newsmill: it is gone\n"),
        (
            OSError(errno.ENOSPC, "it is full", "/home/x"),
            1,
            "newsmill: /home/x: it is full; newsmill doctor shows what room there is\n",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/closed/x"),
            2,
            "newsmill: /closed/x: Permission denied\n",
        ),
        (
            OSError(errno.EIO, "oops"),
            1,
            "newsmill: internal error, more with --verbose: OSError: [Errno 5] oops\n",
        ),
        (
            KeyError("oops"),
            1,
            "newsmill: internal error, more with --verbose: KeyError: 'oops'\n",
        ),
    ],
)
def test_errors_are_told_in_one_line(
    error: Exception,
    exit_code: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "register_commands", lambda: None)
    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == exit_code
    assert capsys.readouterr().err == told


def test_version_is_told() -> None:
    done = run_newsmill("--version")
    assert done.returncode == 0
    assert done.stdout == f"newsmill {version('newsmill')}\n"


def test_help_keeps_no_line_end_of_the_source() -> None:
    done = run_newsmill("replay", "--help", columns=80)
    assert (
        "with the settings and lenses as they are now and the clock of the recording."
        in done.stdout
    )
