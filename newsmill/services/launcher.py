"""Start the servers that no URL names, keep them up, and stop them with their last user.

    with Services.start(settings) as services:
        ... services.database_url, services.redis_url ...
        services.ensure()   # every few seconds: starts again what has died

Several processes may do this at once: the first starts the servers, the last stops them. If all
of them were killed, the servers go on, and the next to start finds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from newsmill.services.account import choose_account
from newsmill.services.home import make_home
from newsmill.services.locks import UserLock, hold_start_lock
from newsmill.services.postgres import EmbeddedPostgres
from newsmill.services.server import EmbeddedServer
from newsmill.services.valkey import EmbeddedValkey
from schemas.closing import Closing
from schemas.settings import Settings


class Services(Closing):
    """The addresses of Postgres and Redis, and a share in the embedded servers behind them."""

    def __init__(
        self, database_url: str, redis_url: str, embedded: SharedServers | None = None
    ) -> None:
        self.database_url = database_url
        self.redis_url = redis_url
        self._embedded = embedded

    @classmethod
    def start(cls, settings: Settings) -> Self:
        """Start what the settings do not name; see `launch`."""
        given = (settings.database_url, settings.redis_url)
        database_url, redis_url = (url.get_secret_value() if url else None for url in given)
        return cls.launch(settings.home, database_url, redis_url, settings.service_user)

    @classmethod
    def launch(
        cls,
        home: Path,
        database_url: str | None = None,
        redis_url: str | None = None,
        service_user: str | None = None,
    ) -> Self:
        """Start the servers that are not given, or join those that run already in this home.

        Raises:
            ConfigError: The home, the user or the programs cannot be used; says how to mend it.
            TransientError: A server does not come up; carries its last words.
        """
        if database_url and redis_url:
            return cls(database_url, redis_url)
        place = make_home(home)
        with hold_start_lock(place.path):
            account = choose_account(place.path, [place.postgres, place.valkey], service_user)
            postgres, valkey = EmbeddedPostgres(place, account), EmbeddedValkey(place, account)
            servers: list[EmbeddedServer] = [] if database_url else [postgres]
            servers += [] if redis_url else [valkey]
            embedded = SharedServers(place.path, servers)
            embedded.start()
        return cls(database_url or postgres.url, redis_url or valkey.url, embedded)

    def ensure(self) -> list[str]:
        """Start again what has died, and put large logs aside; return those servers' names.

        Raises:
            TransientError: It does not come up now; call again later.
        """
        return self._embedded.ensure() if self._embedded else []

    def stop(self) -> None:
        """Stop the embedded servers unless somebody else still uses them. Twice does no harm."""
        if self._embedded:
            self._embedded.leave()
            self._embedded = None

    close = stop


class SharedServers:
    """Our share in the servers of one home."""

    def __init__(self, home: Path, servers: Sequence[EmbeddedServer]) -> None:
        self._home = home
        self._servers = servers
        self._share: UserLock | None = None

    def start(self) -> None:
        """Bring every server up. The caller holds the start lock."""
        self._share = UserLock(self._home)
        try:
            for server in self._servers:
                server.ensure_up()
        except BaseException:
            self._leave()
            raise

    def ensure(self) -> list[str]:
        for server in self._servers:
            server.process.trim_log()
        if not any(server.is_down() for server in self._servers):
            return []
        with hold_start_lock(self._home):
            return [server.name for server in self._servers if server.ensure_up()]

    def leave(self) -> None:
        with hold_start_lock(self._home):
            self._leave()

    def _leave(self) -> None:
        if self._share is None:
            return
        is_last = self._share.is_last()
        for server in self._servers:
            if is_last:
                server.stop()
            else:
                server.process.let_go()
        self._share.give_back()
        self._share = None
