"""Whose address a request has: nobody chooses it, whatever they write into the headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.kit import addresses
from server.settings import BadSettings, from_environment, networks

INSIDE = networks("10.0.0.0/8, 2001:db8:1::/64")
PROXY, BALANCER, CLIENT = "10.0.0.7", "10.0.0.8", "203.0.113.9"
LOGIN = {"DATABASE_URL": "postgresql://tonglu_app@db/tonglu"}


def test_without_a_proxy_the_header_is_nothing() -> None:
    assert addresses.far_end(CLIENT, ["198.51.100.1"], ()) == CLIENT
    assert addresses.far_end(CLIENT, ["198.51.100.1"], INSIDE) == CLIENT


def test_behind_proxies_it_is_the_last_hop_that_is_none_of_them() -> None:
    assert addresses.far_end(PROXY, [CLIENT], INSIDE) == CLIENT
    assert addresses.far_end(PROXY, [f"{CLIENT}, {BALANCER}"], INSIDE) == CLIENT
    assert addresses.far_end(PROXY, [CLIENT, BALANCER], INSIDE) == CLIENT
    assert addresses.far_end("2001:db8:1::5", ["2001:db8:2::9"], INSIDE) == "2001:db8:2::9"
    assert addresses.far_end(f"::ffff:{PROXY}", [CLIENT], INSIDE) == CLIENT


@pytest.mark.parametrize("hop", [f"{CLIENT}:4711", f" {CLIENT} ", f"::ffff:{CLIENT}"])
def test_a_hop_is_read_in_every_spelling(hop: str) -> None:
    assert addresses.far_end(PROXY, [hop], INSIDE) == CLIENT


def test_a_hop_of_ipv6_may_have_a_port() -> None:
    assert addresses.far_end(PROXY, ["[2001:db8:2::9]:443"], INSIDE) == "2001:db8:2::9"


@pytest.mark.parametrize("header", [[], [""], ["unknown"], ["_hidden"], [f"{CLIENT}, not an ip"]])
def test_a_proxy_that_does_not_tell_stands_for_its_clients(header: list[str]) -> None:
    assert addresses.far_end(PROXY, header, INSIDE) == PROXY


def test_a_request_from_among_the_proxies_has_the_address_farthest_off() -> None:
    assert addresses.far_end(PROXY, [BALANCER], INSIDE) == BALANCER


def test_who_comes_through_no_network_has_no_address() -> None:
    assert addresses.far_end("", [CLIENT], INSIDE) == ""


@given(st.lists(st.one_of(st.text(), st.ip_addresses().map(str))))
def test_what_a_client_writes_does_not_change_whose_address_it_is(forged: list[str]) -> None:
    assert addresses.far_end(PROXY, [*forged, CLIENT], INSIDE) == CLIENT
    assert addresses.far_end(PROXY, [", ".join([*forged, CLIENT])], INSIDE) == CLIENT
    assert addresses.far_end(CLIENT, forged, INSIDE) == CLIENT


def test_no_proxy_is_trusted_unless_it_is_named() -> None:
    assert from_environment(LOGIN).proxy_networks == ()
    given_two = LOGIN | {"TONGLU_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.7"}
    assert [str(one) for one in from_environment(given_two).proxy_networks] == [
        "10.0.0.0/8",
        "192.0.2.7/32",
    ]


@pytest.mark.parametrize("text", ["nginx", "10.0.0.1/8", "10.0.0.0/8,", "*"])
def test_a_network_that_cannot_be_read_stops_the_start(text: str) -> None:
    with pytest.raises(BadSettings, match="TONGLU_TRUSTED_PROXIES"):
        from_environment(LOGIN | {"TONGLU_TRUSTED_PROXIES": text})
