"""`newsmill gmail`: log in to Gmail, and see which labels there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsmill.limits import DAY_S

if TYPE_CHECKING:
    from ingest.credentials import Credentials
    from ingest.oauth import OAuthClient

app = typer.Typer(no_args_is_help=True, help="Log in to Gmail; it is only ever read.")


@app.command()
def login(
    client_secrets: Annotated[
        Path | None,
        typer.Option(help="The JSON of a desktop app from Google's console; kept once used."),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="The app has left testing mode.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of 127.0.0.1, for the answer; 0: any.")
    ] = 0,
    wait: Annotated[int, typer.Option(min=1, max=DAY_S, help="Seconds until it gives up.")] = 300,
) -> None:
    """Log in to a Gmail account in a browser; how to prepare that stands in docs/mail.md."""
    from datetime import UTC, datetime

    from ingest.credentials import Credentials
    from ingest.gmail import GmailClient
    from ingest.mail_locations import gmail_account
    from ingest.oauth import read_client_file
    from newsmill.gmail_login import log_in
    from newsmill.services.home import make_home
    from schemas.settings import load_settings

    settings = load_settings()
    credentials = Credentials(make_home(settings.home).path)
    client = read_client_file(client_secrets) if client_secrets else _find_client(credentials)
    now = datetime.now(UTC)
    timeout_s = settings.ingest.timeout_s
    grant = log_in(
        client,
        port=port,
        wait_s=wait,
        timeout_s=timeout_s,
        published=published,
        show=_show,
        now=now,
    )
    with GmailClient(
        lambda **_: grant.access_token,
        user_agent=settings.ingest.user_agent,
        timeout_s=timeout_s,
        api_url=settings.mail.gmail_url,
    ) as gmail:
        address = gmail.read_profile().address
    file = credentials.keep(gmail_account(address), grant)
    typer.echo(f"logged in as {address}; kept in {file}, which only you can read")
    if grant.dies_at:
        typer.echo(f"in testing mode, Google ends this login on {grant.dies_at:%Y-%m-%d}")
    typer.echo(f"next: newsmill ingest 'gmail://{address}?label=INBOX'")


@app.command()
def labels(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="The account, as you logged in to it.")
    ],
) -> None:
    """List the labels of an account, as gmail://…?label=… takes them."""
    from datetime import UTC, datetime

    from ingest.mail_accounts import make_mail_access, open_gmail
    from ingest.mail_locations import parse_gmail
    from newsmill.mail_logins import check_gmail_login
    from schemas.settings import load_settings

    access = make_mail_access(load_settings())
    location = parse_gmail(f"gmail://{address}")
    check_gmail_login(location, access)
    with open_gmail(location, access, datetime.now(UTC)) as gmail:
        for name in sorted(gmail.list_labels()):
            typer.echo(name)


def _show(url: str) -> None:
    typer.echo("Open this in a browser on this machine, and log in:", err=True)
    typer.echo(url)


def _find_client(credentials: Credentials) -> OAuthClient:
    """Take the app of an earlier login."""
    from ingest.credentials import Grant
    from ingest.oauth import OAuthClient
    from schemas.errors import ConfigError

    for stored in credentials.list_all():
        grant = stored.login
        if stored.account.startswith("gmail:") and isinstance(grant, Grant) and grant.auth_url:
            return OAuthClient(
                client_id=grant.client_id,
                client_secret=grant.client_secret,
                auth_uri=grant.auth_url,
                token_uri=grant.token_url,
            )
    raise ConfigError(
        "say which app logs in: --client-secrets FILE; docs/mail.md tells where to get it"
    )
