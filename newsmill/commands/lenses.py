"""`newsmill lenses`: look at the lenses in use, check lens files, try rules on a text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Look at the lenses and check their files.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command("list")
def list_lenses(as_json: AsJson = False) -> None:
    """Show each lens with its version, rules and fields."""
    from newsmill.tables import make_table, show
    from schemas.lens import load_lenses
    from schemas.settings import load_settings

    lenses = load_lenses(load_settings().lenses_dir).values()
    if as_json:
        rows = [
            {
                "name": lens.name,
                "version": lens.version,
                "contract_version": lens.contract.version,
                "rules": len(lens.prefilter.rules),
                "fields": {field.name: field.kind for field in lens.contract.fields},
            }
            for lens in lenses
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    numbers = ("version", "rules")
    table = make_table("lens", "version", "contract", "rules", "fields", right=numbers)
    for lens in lenses:
        fields = ", ".join(f"{field.name} ({field.kind})" for field in lens.contract.fields)
        rules = str(len(lens.prefilter.rules))
        table.add_row(lens.name, str(lens.version), lens.contract.version, rules, fields)
    show(table)


@app.command()
def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH", help="Lens folders or files; without any, all lenses in use."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check lens files: keys, ids, patterns, examples, weights, tiers. Exit code 2 on a fault."""
    from schemas.errors import ConfigError
    from schemas.lens import LENS_FILE, load_lens
    from schemas.settings import load_settings

    folder = load_settings().lenses_dir
    files = paths or [file.parent for file in sorted(folder.glob(f"*/{LENS_FILE}"))]
    if not files:
        raise ConfigError(f"{folder}: no lens here; expected folders with a {LENS_FILE} each")
    report: dict[str, list[str]] = {}
    for file in files:
        try:
            lens = load_lens(file)
            report[str(file)] = []
            line = f"{lens.name} v{lens.version}: {len(lens.prefilter.rules)} rules, "
            line += f"{len(lens.contract.fields)} fields, contract {lens.contract.version}"
        except ConfigError as error:
            report[str(file)] = str(error).splitlines()
            line = str(error)
        if not as_json:
            typer.echo(line, err=bool(report[str(file)]))
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    if any(report.values()):
        raise typer.Exit(2)
