"""Which network addresses may be fetched from: those of the public Internet, and those allowed.

A feed's address, or a redirect, may point at the machine itself, at the home network or at a
cloud's metadata service (server-side request forgery). So a name is judged after it is resolved,
and whoever connects must connect to the very addresses that were judged: a second look-up may
answer otherwise (DNS rebinding). Resolving is this module's only touch of the network.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence

from schemas.errors import ConfigError, PermanentError, TransientError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Sequence[str]]

MAX_ADDRESSES = 4
"""Of one name that are tried; the rest of a long list would only cost time."""

_DENIED = """
    64:ff9b::/96 64:ff9b:1::/48 2002::/16 2001::/32 168.63.129.16/32
"""
DENIED_NETWORKS = tuple(ipaddress.ip_network(each) for each in _DENIED.split())
"""Which `is_global` takes for public: ways of writing an IPv4 address as IPv6 (NAT64, 6to4,
Teredo), and the address at which Azure serves its machines' metadata."""


class PrivateHostError(PermanentError):
    """A host that is not to be fetched from unless the settings name it."""


class AddressGuard:
    """Says which addresses a host may be fetched from."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        """Take names of hosts, addresses and networks that are allowed although private.

        Raises ConfigError for what is none of these.
        """
        self._names: set[str] = set()
        self._networks: list[Network] = []
        for entry in allowed:
            if network := _read_network(entry):
                self._networks.append(network)
            elif _fold(entry) and not set(entry) & set("/:"):
                self._names.add(_fold(entry))
            else:
                raise ConfigError(
                    f"NEWSMILL_INGEST__ALLOWED_HOSTS names {entry!r}: write a host's name, an "
                    "address, or a network such as 10.1.0.0/16, without scheme, port or path"
                )

    def find_addresses(self, host: str, port: int, resolve: Resolve | None = None) -> list[str]:
        """Resolve a host and give the addresses to connect to.

        One refused address refuses the host: a name with a public and a private address is either
        a mistake or a trap. Raises PrivateHostError for that, TransientError for an unknown name.
        """
        found = (resolve or resolve_name)(host, port)
        if _fold(host) not in self._names:
            for address in found:
                self._check(host, address)
        return list(found[:MAX_ADDRESSES])

    def _check(self, host: str, written: str) -> None:
        address = _read_address(written)
        if is_public(address) or any(address in network for network in self._networks):
            return
        shown = host if host == written else f"{host} is {written}, which"
        raise PrivateHostError(
            f"{shown} is not an address of the public Internet; if it is meant, set "
            f"""NEWSMILL_INGEST__ALLOWED_HOSTS='["{_fold(host)}"]'""",
            host=host,
        )


def is_public(address: Address) -> bool:
    """Tell whether an address belongs to the public Internet, however it is written."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return is_public(address.ipv4_mapped)
    if any(address in network for network in DENIED_NETWORKS):
        return False
    return address.is_global and not address.is_multicast


def resolve_name(host: str, port: int) -> list[str]:
    """Ask the system for a name's addresses, each once, in its order of preference."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no name of a host"
        raise TransientError(f"{host} has no address: {reason}", host=host) from error
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


def _read_address(written: str) -> Address:
    return ipaddress.ip_address(written.partition("%")[0])


def _read_network(entry: str) -> Network | None:
    try:
        return ipaddress.ip_network(entry.strip().strip("[]"), strict=False)
    except ValueError:
        return None


def _fold(host: str) -> str:
    return host.strip().strip("[]").rstrip(".").lower()
