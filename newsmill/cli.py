"""The command `newsmill`: which subcommands there are, and how errors are told.

Every error is one line on stderr. Exit codes: 0 done, 1 failed, 2 bad input or usage, 3 done but
something needs attention, 130 interrupted. The commands import what they need when they run, so
that `newsmill --help` answers at once.
"""

from __future__ import annotations

import errno
import inspect
import signal
import sys
from importlib import import_module
from typing import Annotated, NoReturn

import typer

from schemas.errors import ConfigError, NewsmillError

COMMANDS = (
    *("up", "demo", "status", "sources", "ingest", "stories", "analyse", "reconstruct"),
    *("dead", "gmail", "lenses", "models", "tune", "prepare", "doctor", "record", "replay"),
)
"""In the order of the help. Each is a module of `newsmill.commands` with `command` or `app`."""

FAILED, BAD_INPUT = 1, 2

DISK_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""No fault of ours, wherever they come up."""

app = typer.Typer(
    name="newsmill",
    help="Turn feeds and newsletters into validated rows, on two ordinary CPU cores.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"newsmill {version('newsmill')}")
        raise typer.Exit


@app.callback()
def configure(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more on stderr.")] = False,
    version: Annotated[  # noqa: ARG001  # Its callback has answered by then.
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Set up logging for every command."""
    from newsmill.logging import configure_logging
    from schemas.settings import LogSettings

    configure_logging(LogSettings(level="info" if verbose else "warning", json_lines=False))


def register_commands() -> None:
    """Add every command to the application."""
    for name in COMMANDS:
        module = import_module(f"newsmill.commands.{name}")
        if hasattr(module, "app"):
            _set_help(module.app)
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(module.command)
    _set_help(app)


def _set_help(group: typer.Typer) -> None:
    """Take each command's help from its docstring, whose line ends are not the terminal's."""
    for command in group.registered_commands:
        paragraphs = (inspect.getdoc(command.callback) or "").split("\n\n")
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def main() -> None:
    """Run the command line of this process."""
    stop_on_signals()
    register_commands()
    try:
        app()
    except NewsmillError as error:
        _fail(str(error), BAD_INPUT if isinstance(error, ConfigError) else FAILED)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        if isinstance(error, PermissionError):
            _fail(f"{where}{error.strerror}", BAD_INPUT)
        if error.errno in DISK_FAULTS:
            _fail(f"{where}{error.strerror}; newsmill doctor shows what room there is", FAILED)
        _fail_of_ours(error)
    except Exception as error:  # noqa: BLE001  # The edge of the program: a fault of ours.
        _fail_of_ours(error)


def stop_on_signals() -> None:
    """Let SIGTERM and a closed terminal end every command as Ctrl-C does: with its servers.

    What is ignored stays so: `nohup newsmill up` outlives its terminal.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def _fail_of_ours(error: Exception) -> NoReturn:
    import structlog

    structlog.get_logger(__name__).info("internal_error", exc_info=error)
    message = f"internal error, more with --verbose: {type(error).__name__}: {error}"
    _fail(message.splitlines()[0], FAILED)


def _fail(message: str, exit_code: int) -> NoReturn:
    for line in message.splitlines():
        typer.echo(f"newsmill: {line}", err=True)
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
