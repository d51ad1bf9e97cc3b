"""By what an end customer is known: read from its record, or from what somebody asks about."""

from typing import Any, Final
from uuid import UUID

from server.customers.rules import identifiers, places
from server.identity import keys
from server.kit import db, divisions
from server.kit.text import clean
from server.registrations.rules import identity
from server.registrations.rules.identity import Identity, IdentityMissing, Place
from server.registrations.schemas import Check

_RECORD: Final = """
SELECT name, uscc, phone, city, district, address FROM customer WHERE tenant_id = $1 AND id = $2
UNION ALL
SELECT coalesce(s.name, c.name), NULL, s.phone, coalesce(s.city, c.city),
    coalesce(s.district, c.district), s.address
FROM store s JOIN customer c ON c.tenant_id = s.tenant_id AND c.id = s.customer_id
WHERE s.tenant_id = $1 AND s.customer_id = $2 AND NOT s.deleted
"""


async def keys_of(tenant_id: UUID, customer_id: UUID) -> tuple[str, ...]:
    """Give a customer's keyed hashes, in an open transaction of its company.

    People of a customer are no identity: a bookkeeper's phone stands with many customers.

    :raises IdentityMissing: there is nothing that it is known by.
    :raises IdentityTooWide: it is known by more than one registration may protect.
    """
    rows = await db.connection().fetch(_RECORD, tenant_id, customer_id)
    return identity.keys_of(_identity(rows), key=keys.current().registry)


def keys_asked(asked: Check) -> tuple[str, ...]:
    """Give the keyed hashes of what somebody asks about, in the form that records have.

    :raises BadUscc, BadPhone: naming the field.
    :raises IdentityMissing: nothing was given that a customer is known by.
    """
    row = {
        "name": clean(asked.name or ""),
        "uscc": identifiers.uscc(asked.uscc) if asked.uscc else None,
        "phone": identifiers.phone(asked.phone) if asked.phone else None,
        "city": places.city(asked.city) if asked.city else None,
        "district": clean(asked.district or ""),
        "address": clean(asked.address or ""),
    }
    try:
        return identity.keys_of(_identity([row]), key=keys.current().registry)
    except IdentityMissing as missing:
        raise IdentityMissing(str(missing), field="phone") from missing


def honeytoken(phone: str) -> str:
    """Give the keyed hash of a phone that belongs to nobody.

    :raises BadPhone: naming the field.
    """
    known = Identity(phones=(identifiers.phone(phone),))
    return identity.keys_of(known, key=keys.current().registry)[0]


def key_check() -> str:
    """Give the keyed hash of nothing, by which the key is known again."""
    return identity.key_check(key=keys.current().registry)


def lot(registration_id: UUID) -> str:
    """Draw a registration's lot."""
    return identity.lot(registration_id, key=keys.current().registry)


def divisions_of(code: str | None) -> tuple[str, ...]:
    """Give the keyed hashes of a division and of all that it lies in, the outermost first."""
    key = keys.current().registry
    return tuple(identity.division(each, key=key) for each in divisions.lineage(code or ""))


def _identity(rows: Any) -> Identity:
    """Put together what a customer and its places are known by."""
    return Identity(
        uscc=next((row["uscc"] for row in rows if row["uscc"]), None),
        phones=tuple(sorted({row["phone"] for row in rows if row["phone"]})),
        places=tuple(
            Place(
                name=row["name"],
                city=row["city"] or "",
                district=row["district"] or "",
                address=row["address"] or "",
            )
            for row in rows
        ),
    )
