"""The platform as a party: it registers its own customers, and says whom it has contacted.

It goes the way of any agent: keyed hashes, the window, the published order, cases. Nobody decides
against the rules where it is a party. That it has spoken with a customer who is somebody's stands
in that agent's feed; whether the customer is, the platform is not told.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import PLATFORM_TENANT, Actor, Permission, Role, ensure, of_the_product
from server.audit import service as audit
from server.kit import clock, db, divisions, ids, outbox
from server.kit.calendars import ZONE
from server.kit.errors import IdReused
from server.kit.text import tidied
from server.partners import queries as partners
from server.registrations.queries import house, identities, rulebook
from server.registrations.rules import states, times
from server.registrations.schemas import (
    Check,
    Contacted,
    HouseView,
    NewContact,
    NewHouse,
)
from server.registrations.service import budget, entries, registry
from sync_protocol.registering import LIVE, State

CONTACTED: Final = "registrations.contacted"
FEED: Final = "customer.contacted"
"""As it stands in the feed of the agent whose customer it was."""

_ADD: Final = """
INSERT INTO house_registration (id, label, registered_by, registered_at)
VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING
"""
_NOTE: Final = """
INSERT INTO platform_contact (id, kind, note, contacted_by, contacted_at)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING
"""
_WHOSE: Final = """
SELECT DISTINCT e.id, e.tenant_id FROM registry_key k JOIN registry_entry e ON e.id = k.entry_id
WHERE k.key = ANY ($1::text[]) AND (e.state = ANY ($2::text[]) OR e.told_from > $4)
    AND e.tenant_id <> $3
ORDER BY e.id
"""


async def register_house(actor: Actor, new: NewHouse, *, now: datetime) -> HouseView:
    """Register a customer of the platform's own; under the same id again it is answered the same.

    :raises OutsideTerritory: an agent alone may work in its place.
    :raises BadUscc, BadPhone, IdentityMissing: naming the field.
    """
    ensure(actor, Permission.AGENTS_ADMIT)
    house_id, label = new.id or ids.new_id(now), tidied(new.label, "label", 100)
    keys = identities.keys_asked(new.customer)
    async with db.tenant_transaction(PLATFORM_TENANT):
        most = (await rulebook.terms_at(now)).terms.checks_per_day_agent
        is_answered = await budget.take(PLATFORM_TENANT, most=most, now=now)
    async with db.platform_transaction(actor):
        place = _place(new.customer)
        right = await partners.right(PLATFORM_TENANT, place, on=now.astimezone(ZONE).date())
        states.ensure_inside(right)
        status = await db.connection().execute(_ADD, house_id, label, actor.user_id, now)
        if status.endswith(" 1"):
            made = times.online(clock.to_ms(now))
            arrival = registry.Arrival(
                id=house_id,
                tenant_id=PLATFORM_TENANT,
                keys=keys,
                earliest_ms=made.earliest_ms,
                latest_ms=made.latest_ms,
                clock_flag=made.flag,
                has_territory=False,
                arrived_at=now,
                places=identities.divisions_of(place),
                is_answered=is_answered,
            )
            await outbox.add(
                registry.ARRIVED, msgspec.to_builtins(arrival), tenant_id=None, now=now
            )
            await _wrote(actor, "house.registered", house_id, now)
        view = await house.one(house_id, now=now)
    if view.label != label:
        raise IdReused("This id is another registration's; make a new one.", field="id")
    return view


async def release_house(actor: Actor, house_id: UUID, *, now: datetime) -> HouseView:
    """Let a customer of the platform's own go.

    :raises NotFound: there is no such registration.
    """
    ensure(actor, Permission.AGENTS_ADMIT)
    async with db.platform_transaction(actor):
        view = await house.one(house_id, now=now)
        if view.state is not State.RELEASED:
            told = {"id": str(house_id), "tenant_id": str(PLATFORM_TENANT)}
            await outbox.add(entries.RELEASED, told, tenant_id=None, now=now)
            await _wrote(actor, "house.released", house_id, now)
    return view


async def note_contact(actor: Actor, new: NewContact, *, now: datetime) -> Contacted:
    """Say that the platform has spoken with a customer; the answer is the same, whoever's it is.

    :raises BadUscc, BadPhone, IdentityMissing: naming the field.
    """
    ensure(actor, Permission.CHANNEL_SEE)
    contact_id = new.id or ids.new_id(now)
    keys = identities.keys_asked(new.customer)
    note = tidied(new.note, "note", 500)
    async with db.platform_transaction(actor):
        values = (contact_id, new.kind, note, actor.user_id, now)
        status = await db.connection().execute(_NOTE, *values)
        if status.endswith(" 1"):
            told: dict[str, Any] = {
                "keys": list(keys),
                "kind": new.kind,
                "by": {"id": str(actor.user_id), "name": actor.name, "role": str(actor.role)},
            }
            await outbox.add(CONTACTED, told, tenant_id=None, now=now)
    return Contacted(id=contact_id)


async def tell_of_contact(told: dict[str, Any], *, now: datetime) -> None:
    """Leave a line with each agent that has the customer protected, or registered and undecided."""
    async with db.job_transaction():
        states_held = [*map(str, LIVE), str(State.CHECKING), str(State.CONTESTED)]
        rows = await db.connection().fetch(_WHOSE, told["keys"], states_held, PLATFORM_TENANT, now)
    by = told["by"]
    product = of_the_product(PLATFORM_TENANT, role=Role(by["role"]), name=by["name"])
    person = msgspec.structs.replace(product, user_id=UUID(by["id"]))
    async with db.platform_transaction(person):
        for row in rows:
            await audit.record_platform_read(
                person,
                [row["tenant_id"]],
                FEED,
                now=now,
                kind=told["kind"],
                registration_id=row["id"],
            )


def _place(customer: Check) -> str | None:
    """Find where a customer is."""
    found = divisions.locate(
        city=customer.city, district=customer.district, address=customer.address
    )
    return found.code


async def _wrote(actor: Actor, action: str, house_id: UUID, now: datetime) -> None:
    """Leave a line in the platform's trail."""
    await audit.record_platform_write(actor, action, subject_id=house_id, now=now)
