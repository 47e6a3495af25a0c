from __future__ import annotations

import pytest

from tests.tools.net import hostile
from tools.net.addresses import AddressRefused, Reach, check_address


@pytest.mark.parametrize("address", hostile.ADDRESSES)
def test_special_addresses_are_refused(address: str) -> None:
    with pytest.raises(AddressRefused, match=r"\.$"):
        check_address(address, Reach.PUBLIC)


@pytest.mark.parametrize("address", hostile.NEVER)
def test_some_are_refused_even_to_internal_targets(address: str) -> None:
    with pytest.raises(AddressRefused) as refusal:
        check_address(address, Reach.INTERNAL)
    assert "marked internal" not in str(refusal.value)  # it would not help


@pytest.mark.parametrize("address", hostile.OWN)
def test_the_own_network_is_for_internal_targets_only(address: str) -> None:
    check_address(address, Reach.INTERNAL)
    with pytest.raises(AddressRefused, match="marked internal"):
        check_address(address, Reach.PUBLIC)


@pytest.mark.parametrize("address", hostile.PUBLIC)
@pytest.mark.parametrize("reach", Reach)
def test_public_addresses_are_allowed(address: str, reach: Reach) -> None:
    check_address(address, reach)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f.0.0.1", "::1]", "8.8.8.8 ", "fe80::1%eth0"])
@pytest.mark.parametrize("reach", Reach)
def test_what_is_no_plain_address_is_refused(text: str, reach: Reach) -> None:
    with pytest.raises(AddressRefused):
        check_address(text, reach)
