"""Which addresses may be fetched from, whatever their spelling and whatever DNS answers."""

from __future__ import annotations

import pytest

from ingest.address_guard import AddressGuard, resolve_name
from schemas.errors import ConfigError, PermanentError, TransientError

REFUSED = [
    ("127.0.0.1", "loopback"),
    ("127.8.9.1", "all of 127/8 is loopback"),
    ("0.0.0.0", "this host, to Linux"),
    ("10.0.0.5", "private"),
    ("172.16.0.1", "private"),
    ("192.168.1.1", "private"),
    ("100.64.0.1", "shared by providers; Alibaba's metadata lie there"),
    ("169.254.169.254", "metadata of most clouds"),
    ("168.63.129.16", "metadata of Azure, public by its number"),
    ("224.0.0.1", "multicast"),
    ("255.255.255.255", "broadcast"),
    ("::1", "loopback"),
    ("::", "unspecified"),
    ("::ffff:127.0.0.1", "IPv4 written as IPv6"),
    ("::ffff:10.0.0.1", "IPv4 written as IPv6"),
    ("64:ff9b::7f00:1", "IPv4 through NAT64"),
    ("2002:7f00:1::", "IPv4 through 6to4"),
    ("2001:0:7f00:1::", "IPv4 through Teredo"),
    ("fe80::1%eth0", "link-local, with its interface"),
    ("fd00:ec2::254", "metadata of AWS"),
    ("ff02::1", "multicast"),
]


@pytest.mark.parametrize(("address", "why"), REFUSED)
def test_address_that_is_not_public_is_refused(address: str, why: str) -> None:
    with pytest.raises(PermanentError, match="public Internet"):
        AddressGuard().find_addresses("trap.example", 80, lambda *_: [address])


def test_public_addresses_are_given_in_their_order() -> None:
    found = ["2606:2800:220:1::1", "93.184.216.34"]
    assert AddressGuard().find_addresses("news.example", 80, lambda *_: found) == found


def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    with pytest.raises(PermanentError, match=r"10\.0\.0\.1"):
        AddressGuard().find_addresses("x.example", 80, lambda *_: ["93.184.216.34", "10.0.0.1"])


@pytest.mark.parametrize("written", ["2130706433", "0x7f.1", "127.1", "localhost"])
def test_odd_spellings_are_judged_by_what_they_resolve_to(written: str) -> None:
    with pytest.raises(PermanentError, match="public Internet"):
        AddressGuard().find_addresses(written, 80)


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        ("feeds.lan", "FEEDS.lan."),
        ("10.1.2.3", "any.example"),
        ("10.1.0.0/16", "any.example"),
        ("10.1.2.3", "10.1.2.3"),
    ],
)
def test_allowed_host_may_be_private(allowed: str, host: str) -> None:
    assert AddressGuard([allowed]).find_addresses(host, 80, lambda *_: ["10.1.2.3"]) == ["10.1.2.3"]


def test_allowing_one_host_allows_no_other() -> None:
    with pytest.raises(PermanentError):
        AddressGuard(["feeds.lan"]).find_addresses("other.lan", 80, lambda *_: ["10.1.2.3"])


@pytest.mark.parametrize("entry", ["", "10.1.0.0/99", "http://feeds.lan/", "feeds.lan:8080"])
def test_entry_that_is_no_host_is_told(entry: str) -> None:
    with pytest.raises(ConfigError, match="ALLOWED_HOSTS"):
        AddressGuard([entry])


@pytest.mark.parametrize("name", ["nobody.invalid", "a" * 300 + ".example", ".."])
def test_name_without_address_is_transient(name: str) -> None:
    with pytest.raises(TransientError, match="has no address"):
        resolve_name(name, 80)
