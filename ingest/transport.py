"""How the HTTP client connects: to judged addresses only, and never for longer than it may.

httpx's timeouts hold for each single read, so a server that sends a byte now and then keeps a
client for ever. Here every read and write also ends with the deadline of the whole fetch, headers
and redirects included. Knows nothing of requests.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore2
import httpx2

from ingest.address_guard import AddressGuard

OVER_DEADLINE = "it took longer than"


class Deadline:
    """When the fetch at hand has to be over; begun anew for each fetch."""

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._ends_at = time.monotonic() + length_s

    def begin(self) -> None:
        """Let the time run from now."""
        self._ends_at = time.monotonic() + self._length_s

    def bound(self, timeout_s: float | None) -> float:
        """Give what is left of a timeout; raises when the time is up."""
        left_s = self._ends_at - time.monotonic()
        if left_s <= 0:
            raise httpcore2.ReadTimeout(self._complaint)
        return left_s if timeout_s is None else min(timeout_s, left_s)

    def check(self) -> None:
        """Raise as httpx does when the time is up; for who is not below it."""
        if time.monotonic() >= self._ends_at:
            raise httpx2.ReadTimeout(self._complaint)

    @property
    def _complaint(self) -> str:
        return f"{OVER_DEADLINE} {self._length_s:g} s in all"


class _TimedStream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return self._stream.read(max_bytes, self._deadline.bound(timeout))
        except httpcore2.ReadTimeout:
            self._deadline.bound(None)  # Says so if it was the whole that took too long.
            raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.bound(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        try:
            left_s = self._deadline.bound(timeout)
            secured = self._stream.start_tls(ssl_context, server_hostname, left_s)
        except BaseException:
            self.close()
            raise
        return _TimedStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class GuardedBackend(httpcore2.NetworkBackend):
    """Resolves, judges, and connects to the very address that was judged."""

    def __init__(self, guard: AddressGuard, deadline: Deadline) -> None:
        self._guard = guard
        self._deadline = deadline
        self._tcp = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in self._guard.find_addresses(host, port):
            try:
                stream = self._tcp.connect_tcp(
                    address, port, self._deadline.bound(timeout), local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _TimedStream(stream, self._deadline)
        raise failure

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        raise httpcore2.ConnectError("sockets of this machine are not fetched from")


def make_transport(guard: AddressGuard, deadline: Deadline) -> httpx2.HTTPTransport:
    """Make a transport of httpx that connects through the guard and heeds no proxy."""
    transport = httpx2.HTTPTransport(trust_env=False)
    # httpx takes no backend of one's own, so its pool is replaced: the one private name in use.
    replaced = transport._pool
    transport._pool = httpcore2.ConnectionPool(
        ssl_context=httpx2.create_ssl_context(),
        max_connections=10,
        max_keepalive_connections=5,
        keepalive_expiry=5.0,
        network_backend=GuardedBackend(guard, deadline),
    )
    replaced.close()
    return transport
