"""`newsmill prepare`: what `newsmill up` does first, for those who start the workers themselves."""

from __future__ import annotations


def command() -> None:
    """Bring the database and its views to this version's shape; check lenses and model.

    Docker Compose runs it before the workers; `newsmill up` does it by itself. Harmless when
    there is nothing to do.
    """
    import typer

    from newsmill.running import check_outfit, record_outfit
    from newsmill.workplace import open_workplace
    from schemas.settings import load_settings
    from store import migrations

    settings = load_settings()
    outfit = check_outfit(settings)
    with open_workplace(settings, upgrade=True) as place:
        record_outfit(place, outfit)
    views = f"{len(outfit.lenses)} views of analyses"
    typer.echo(f"database at migration {migrations.head()}, {views}, build {outfit.build.name}")
