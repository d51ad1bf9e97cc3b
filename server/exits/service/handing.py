"""Let things go where the plan says: through the very calls of the rooms that own them.

Each may run again: ids follow from the exit and the thing, and what was done is found done.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from server.access import PLATFORM_TENANT, Actor, Role, of_the_product
from server.audit import service as audit
from server.benefits import service as benefits
from server.benefits.rules import AlreadyExpired, AlreadyRedeemed, AlreadyVoided, BenefitRefused
from server.benefits.schemas import NewVoid, RequestBenefit
from server.customers import service as customers
from server.customers.schemas import NewCustomer
from server.exits.rules import Fate
from server.identity import queries as identity
from server.kit import db
from server.registrations.service import passing, protection

_CARD: Final = """
SELECT c.name, c.uscc, c.phone, c.city, c.district, c.address, c.industry, c.level
FROM customer c
JOIN exit_consent k ON k.tenant_id = c.tenant_id AND k.customer_id = c.id
WHERE c.tenant_id = $1 AND c.id = $2 AND k.exit_id = $3 AND k.successor_id = $4 AND NOT c.deleted
"""
_IS_THERE: Final = "SELECT EXISTS (SELECT FROM customer WHERE tenant_id = $1 AND id = $2)"
_USED: Final = "SELECT used_minor > 0 AND state = 'issued' FROM issuance WHERE id = $1"
_ISSUED: Final = "SELECT id FROM issuance WHERE agent_id = $1 AND request_key = $2"
_REASON: Final = "代理商退出"


async def hand(row: Any, *, now: datetime) -> Fate:
    """Let the successor have a customer's card; kept where the word was taken back meanwhile.

    What stands in the leaver's own data stays there.
    """
    leaver, heir = row["agent_id"], row["successor_id"]
    async with db.tenant_transaction(leaver, readonly=True):
        card = await db.connection().fetchrow(
            _CARD, leaver, row["customer_id"], row["exit_id"], heir
        )
    if card is None:
        return Fate.KEPT
    received_id, receiver = _of(row, row["customer_id"]), await _receiver(heir)
    async with db.tenant_transaction(heir):
        if not await db.connection().fetchval(_IS_THERE, heir, received_id):
            new = NewCustomer(id=received_id, owner_id=receiver.user_id, **dict(card))
            await customers.create(receiver, new, now=now, is_asked=False)
            await audit.record(
                receiver, "customer.received", subject_id=received_id, now=now, from_agent=leaver
            )
    product = of_the_product(leaver, role=Role.AGENT_OWNER, name="exit")
    async with db.tenant_transaction(leaver):
        await audit.record(
            product, "customer.handed", subject_id=row["customer_id"], now=now, to_agent=heir
        )
    return Fate.HANDED


async def pass_on(row: Any, *, now: datetime) -> Fate:
    """Let the successor have a registration for its days; released where it holds no more."""
    receiver = await _receiver(row["successor_id"])
    is_passed = await passing.pass_on(
        row["ref"],
        to=row["successor_id"],
        new_id=_of(row, row["ref"]),
        customer_id=_of(row, row["customer_id"]),
        holder_id=receiver.user_id,
        now=now,
    )
    return Fate.PASSED if is_passed else await release(row, now=now)


async def release(row: Any, *, now: datetime) -> Fate:
    """Let a registration's customer go."""
    await protection.release(row["ref"], now=now)
    return Fate.RELEASED


async def transfer(row: Any, *, now: datetime) -> Fate:
    """Issue a benefit anew through the successor, then withdraw the leaver's.

    Where the successor may not have it issued, or a part was used meanwhile, the leaver's stays:
    the customer loses and gains nothing.
    Where the customer was quicker and has used it, the new one is withdrawn.
    """
    async with db.tenant_transaction(row["agent_id"], readonly=True):
        if await db.connection().fetchval(_USED, row["ref"]):
            return Fate.STAYS
    receiver = await _receiver(row["successor_id"])
    asked = RequestBenefit(
        id=_of(row, row["ref"]),
        customer_id=_of(row, row["customer_id"]),
        program_id=row["program_id"],
    )
    try:
        await benefits.request(receiver, asked, now=now)
    except BenefitRefused:
        return Fate.STAYS
    fate = await revoke(row, now=now)
    if fate is Fate.REVOKED:
        return Fate.TRANSFERRED
    async with db.tenant_transaction(receiver.tenant_id, readonly=True):
        issued_id = await db.connection().fetchval(_ISSUED, receiver.tenant_id, asked.id)
    await _withdraw(row["exit_id"], issued_id, now=now)
    return fate


async def revoke(row: Any, *, now: datetime) -> Fate:
    """Withdraw a benefit by the books' own call: its amount is available again."""
    return await _withdraw(row["exit_id"], row["ref"], now=now)


async def _withdraw(exit_id: UUID, issuance_id: UUID, *, now: datetime) -> Fate:
    """Withdraw a benefit, and say what has become of it, by this or before."""
    operator = of_the_product(PLATFORM_TENANT, role=Role.PLATFORM_OPERATOR, name="exit")
    new = NewVoid(id=uuid5(exit_id, f"void:{issuance_id}"), reason=_REASON)
    try:
        await benefits.void(operator, issuance_id, new, now=now)
    except AlreadyRedeemed:
        return Fate.REDEEMED
    except AlreadyExpired:
        return Fate.STAYS
    except AlreadyVoided:
        return Fate.REVOKED
    return Fate.REVOKED


async def _receiver(agent_id: UUID) -> Actor:
    """Give the successor's owner, to whom what comes is given; nobody where it has none."""
    product = of_the_product(agent_id, role=Role.AGENT_OWNER, name="exit")
    return await identity.an_owner(agent_id) or product


def _of(row: Any, thing_id: UUID) -> UUID:
    """Give the id that a thing has with its successor: always the same in one exit."""
    return uuid5(row["exit_id"], str(thing_id))
