"""Which registrations are of one end customer: those that share a keyed hash. Pure.

The registry holds no name, phone or code of anybody's customer, only hashes under a key that lies
outside the database; without it a dump of the registry answers no guess. What people write
differently is brought into one form first, or the same shop would have two hashes.
"""

import hmac
import re
import unicodedata
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from server.kit import divisions
from server.kit.errors import Invalid

T = TypeVar("T", bound=Hashable)

_LENGTH: Final = 16
"""Bytes of a hash that are kept: 2**128 are enough that no two customers meet."""
KEYS_MAX: Final = 24
"""Credit code, phones and places that one registration may protect: a dozen shops."""
_NOT_WORD: Final = re.compile(r"[\W_]+")
_KIND: Final = re.compile(r"(?<=..)[省市区县]\Z")
_LEGAL_FORM: Final = re.compile(r"(有限责任公司|股份有限公司|有限公司|分公司|公司|个体工商户)$")


class IdentityMissing(Invalid):
    """A customer is registered by its credit code, a phone, or the place of its shop."""

    code = "registration_without_identity"


class IdentityTooWide(Invalid):
    """One registration would protect more than a customer with its shops."""

    code = "registration_too_wide"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a shop is: what it is called, the division it lies in, its address."""

    name: str
    city: str
    district: str
    address: str


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What an end customer is known by, in its normal forms."""

    uscc: str | None = None
    phones: tuple[str, ...] = ()
    """E.164."""
    places: tuple[Place, ...] = ()


def keys_of(identity: Identity, *, key: bytes) -> tuple[str, ...]:
    """Give the keyed hashes by which a customer is found, in hexadecimal digits, sorted.

    :raises IdentityMissing: there is nothing to be known by.
    :raises IdentityTooWide: there is more than one registration may protect.
    """
    told = {f"phone\0{phone}" for phone in identity.phones}
    whole = [place for place in identity.places if is_whole(place)]
    told |= {f"shop\0{_shop(place)}" for place in whole}
    if identity.uscc is not None:
        told.add(f"uscc\0{identity.uscc}")
    if not told:
        raise IdentityMissing(
            "Give the customer a credit code, a phone, or a shop's name, city and address.",
            field="customer_id",
        )
    if len(told) > KEYS_MAX:
        raise IdentityTooWide(
            f"One registration has at most {KEYS_MAX} phones and shops; keep the further shops "
            "with a customer of their own, and register that.",
            field="customer_id",
        )
    # What was registered before divisions were read is found by the form that places had then.
    told |= {f"place\0{_place(place)}" for place in whole}
    return tuple(sorted(_hash(text, key) for text in told))


def lot(registration_id: UUID, *, key: bytes) -> str:
    """Draw a registration's lot: known to nobody beforehand, the same whenever it is drawn."""
    return _hash(f"lot\0{registration_id}", key)


def key_check(*, key: bytes) -> str:
    """Hash nothing, so that the key is known again, and cannot be found."""
    return _hash("check", key)


def division(code: str, *, key: bytes) -> str:
    """Hash a place of the tree of divisions, so that claims can be compared without naming it."""
    return _hash(f"division\0{code}", key)


def is_whole(place: Place) -> bool:
    """Say whether a place tells one shop from the next."""
    return all(map(_plain, (place.name, place.city, place.address)))


def components(keys: Mapping[T, Iterable[str]]) -> list[frozenset[T]]:
    """Part what shares no hash, not even through others."""
    leader: dict[T, T] = {item: item for item in keys}

    def find(item: T) -> T:
        while leader[item] != item:
            leader[item] = leader[leader[item]]
            item = leader[item]
        return item

    first: dict[str, T] = {}
    for item, held in keys.items():
        for each in held:
            leader[find(item)] = find(first.setdefault(each, item))
    groups: dict[T, set[T]] = {}
    for item in keys:
        groups.setdefault(find(item), set()).add(item)
    return [frozenset(group) for group in groups.values()]


def padded(keys: Sequence[str], *, to: int, blanks: Sequence[str]) -> list[str]:
    """Give as many hashes whatever was asked, so that a question tells nothing by its size."""
    return [*keys, *blanks][: max(to, len(keys))]


def _hash(text: str, key: bytes) -> str:
    """Hash a normal form."""
    return hmac.digest(key, f"tonglu registry\0{text}".encode(), "sha256")[:_LENGTH].hex()


def _shop(place: Place) -> str:
    """Write a shop in its normal form: its name, the code of its division, its street.

    The division may stand in its fields, at the beginning of the address, or in both, whole or
    short, with its province or without.
    """
    located = divisions.locate(city=place.city, district=place.district, address=place.address)
    lineage = divisions.lineage(located.code or "")
    written = {_plain(place.city), _plain(place.district)}
    for code in lineage:
        name = divisions.get(code).name
        written |= {_plain(name), _plain(_KIND.sub("", name))}
    street = _plain(place.address)
    # The longest first, from the outermost on; a street may be called like what it lies in.
    for _ in (*lineage, *lineage):
        begun = [each for each in written if each and street.startswith(each) and street != each]
        street = street.removeprefix(max(begun, key=len, default=""))
    name = _LEGAL_FORM.sub("", _plain(place.name)) or _plain(place.name)
    return "\0".join((name, located.code or _plain(place.city), street))


def _place(place: Place) -> str:
    """Write a place as it was done before divisions were read: as its company wrote them."""
    name = _LEGAL_FORM.sub("", _plain(place.name)) or _plain(place.name)
    division = _plain(place.city).removesuffix("市"), _plain(place.district)
    address = _plain(place.address)
    # People begin an address with the division that stands beside it, or they do not.
    for part in (_plain(place.city), division[0], division[1]):
        address = address.removeprefix(part)
    return "\0".join((name, *division, address))


def _plain(text: str) -> str:
    """Leave what is read aloud: letters, digits and characters."""
    return _NOT_WORD.sub("", unicodedata.normalize("NFKC", text).casefold())
