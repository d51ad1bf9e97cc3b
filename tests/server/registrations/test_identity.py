"""One shop has one hash however people write it, and a hash answers no guess without its key."""

import hashlib
from uuid import UUID

import pytest

from server.registrations.rules import identity
from server.registrations.rules.identity import Identity, IdentityMissing, Place, keys_of

KEY = b"k" * 32


def place(name: str, city: str, district: str, address: str) -> Identity:
    """Give a shop that is known by its place alone."""
    return Identity(places=(Place(name=name, city=city, district=district, address=address),))


@pytest.mark.parametrize(
    "written",
    [
        place("福满楼餐饮有限公司", "杭州市", "西湖区", "文三路18号"),
        place("福满楼 餐饮", "杭州", "西湖区", "西湖区文三路18号"),
        place("福满楼餐饮", "杭州市", "西湖区", "杭州市西湖区文三路１８号"),
        place("福满楼餐饮", "杭州", "西湖", "浙江省杭州市西湖区文三路18号"),
        place("福满楼餐饮", "浙江省杭州市", "", "西湖区文三路18号"),
        place("福满楼餐饮", "杭州市", "西湖", "浙江杭州西湖区文三路18号"),
    ],
)
def test_one_shop_is_one_however_it_is_written(written: Identity) -> None:
    """Width, gaps, legal form and a repeated division tell no shops apart."""
    plain = place("福满楼餐饮", "杭州市", "西湖区", "文三路18号")

    assert set(keys_of(written, key=KEY)) & set(keys_of(plain, key=KEY))


def test_the_next_door_is_another_shop() -> None:
    """The number counts, and so does the district."""
    plain = place("福满楼餐饮", "杭州市", "西湖区", "文三路18号")

    for other in (
        place("福满楼餐饮", "杭州市", "西湖区", "文三路19号"),
        place("福满楼餐饮", "杭州市", "滨江区", "文三路18号"),
    ):
        assert set(keys_of(other, key=KEY)).isdisjoint(keys_of(plain, key=KEY))


def test_a_customer_without_identity_is_refused() -> None:
    """A name alone, or a place without an address, is nobody."""
    for nobody in (Identity(), place("福满楼", "杭州市", "西湖区", "")):
        with pytest.raises(IdentityMissing) as refused:
            keys_of(nobody, key=KEY)
        assert refused.value.field == "customer_id"


def test_g11_a_dump_without_the_key_gives_no_phone_of_a_dictionary() -> None:
    """Ten thousand guesses, hashed in each way that needs no key, meet nothing."""
    phones = [f"+86138{number:08d}" for number in range(10_000)]
    dump = {held for phone in phones for held in keys_of(Identity(phones=(phone,)), key=KEY)}
    told = [
        f"{before}{phone}"
        for phone in phones
        for before in ("", "phone\0", "tonglu registry\0phone\0")
    ]
    guesses = {
        made(text.encode()).hexdigest()[:32]
        for text in told
        for made in (hashlib.sha256, hashlib.md5, hashlib.sha1, hashlib.blake2b)
    }
    guesses |= {
        held for phone in phones for held in keys_of(Identity(phones=(phone,)), key=b"\0" * 32)
    }

    assert len(dump) == len(phones)
    assert dump.isdisjoint(guesses)


def test_a_lot_is_the_same_whenever_it_is_drawn_and_unknown_without_the_key() -> None:
    """Nobody picks a registration id that wins."""
    one = UUID(int=1)

    assert identity.lot(one, key=KEY) == identity.lot(one, key=KEY)
    assert identity.lot(one, key=KEY) != identity.lot(one, key=b"o" * 32)
