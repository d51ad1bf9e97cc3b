"""Let things go where the plan says: through the very calls of the rooms that own them.

Each may run again: ids follow from the exit and the thing, and what was done is found done.
"""

from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from server.access import PLATFORM_TENANT, Actor, Role, of_the_product
from server.audit import service as audit
from server.benefits import service as benefits
from server.benefits.rules import AlreadyExpired, AlreadyRedeemed, AlreadyVoided, BenefitRefused
from server.benefits.schemas import NewVoid, RequestBenefit
from server.customers import service as customers
from server.customers.schemas import NewCustomer
from server.exits.rules import Carries, Fate
from server.exits.service import history
from server.identity import queries as identity
from server.kit import db
from server.kit.errors import NotFound, Refusal
from server.partners import queries as partners
from server.registrations.service import passing, protection

_CARD: Final = """
SELECT k.carries, c.name, c.uscc, c.phone, c.city, c.district, c.address, c.industry, c.level
FROM customer c
JOIN exit_consent k ON k.tenant_id = c.tenant_id AND k.customer_id = c.id
WHERE c.tenant_id = $1 AND c.id = $2 AND k.exit_id = $3 AND k.successor_id = $4 AND NOT c.deleted
"""
_IS_THERE: Final = "SELECT EXISTS (SELECT FROM customer WHERE tenant_id = $1 AND id = $2)"
_USED: Final = """
SELECT i.used_minor, i.state = 'issued' AND (i.used_minor > 0 OR v.state = 'waiting') AS is_bound
FROM issuance i LEFT JOIN benefit_review v ON v.issuance_id = i.id WHERE i.id = $1
"""
_TOLD: Final = """
SELECT detail FROM audit_entry
WHERE tenant_id = $1 AND subject_id = $2 AND action = 'customer.received'
"""
_DONE: Final = """
UPDATE exit_item SET done_at = $5, fate = $4 WHERE exit_id = $1 AND kind = $2 AND ref = $3
"""
_ISSUED: Final = "SELECT id FROM issuance WHERE agent_id = $1 AND request_key = $2"
_REASON: Final = "代理商退出"


async def hand(row: Any, *, now: datetime) -> Fate:
    """Let the successor have a customer, as much of it as its word lets go along.

    It is kept where the word was taken back meanwhile, where the successor leaves itself, and where
    its rooms refuse what comes: nothing of one customer stops the others. What stands in the
    leaver's own data stays there.
    """
    leaver, heir = row["agent_id"], row["successor_id"]
    received_id = _of(row, row["customer_id"])
    async with db.tenant_transaction(heir, readonly=True):
        if await db.connection().fetchval(_IS_THERE, heir, received_id):
            return Fate.HANDED
        if await partners.leaves(heir):
            return Fate.KEPT
    async with db.tenant_transaction(leaver, readonly=True):
        card = await db.connection().fetchrow(
            _CARD, leaver, row["customer_id"], row["exit_id"], heir
        )
        if card is None:
            return Fate.KEPT
        carries, fields = Carries(card["carries"]), dict(card)
        del fields["carries"]
        along = None
        if carries is Carries.HISTORY:
            along = await history.read(leaver, row["customer_id"])
    receiver = await _receiver(heir)
    new = NewCustomer(id=received_id, owner_id=receiver.user_id, **fields)
    told = {"from_agent": leaver, "carries": carries, **(along.counts() if along else {})}
    try:
        async with db.tenant_transaction(heir):
            await customers.create(receiver, new, now=now, is_asked=False)
            if along is not None:
                ids = partial(_of, row)
                await history.write(receiver, received_id, along, ids, now=now)
            await audit.record(
                receiver, "customer.received", subject_id=received_id, now=now, **told
            )
    except Refusal:
        return Fate.KEPT
    return Fate.HANDED


async def mark(row: Any, fate: Fate, *, now: datetime) -> None:
    """Write down what has become of a thing, and into the leaver's trail whom it was handed to."""
    leaver, heir = row["agent_id"], row["successor_id"]
    told: dict[str, Any] = {}
    if fate is Fate.HANDED:
        async with db.tenant_transaction(heir, readonly=True):
            received_id = _of(row, row["customer_id"])
            told = msgspec.json.decode(await db.connection().fetchval(_TOLD, heir, received_id))
        del told["from_agent"]
    async with db.tenant_transaction(leaver):
        await db.connection().execute(_DONE, row["exit_id"], row["kind"], row["ref"], fate, now)
        if told:
            product = of_the_product(leaver, role=Role.AGENT_OWNER, name="exit")
            await audit.record(
                product,
                "customer.handed",
                subject_id=row["customer_id"],
                now=now,
                to_agent=heir,
                **told,
            )


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
    await protection.release(row["ref"], of=row["agent_id"], now=now)
    return Fate.RELEASED


async def transfer(row: Any, *, now: datetime) -> Fate:
    """Issue a benefit anew through the successor, then withdraw the leaver's.

    Where the successor may not have it issued, has not got the customer, or a part was used or
    somebody looks for fraud by now, the leaver's stays: the customer loses and gains nothing. So
    where the leaver's was used, expired or withdrawn in between, the new one is withdrawn by as
    much.
    """
    if (await _use(row))["is_bound"] is True:
        return Fate.STAYS
    receiver = await _receiver(row["successor_id"])
    asked = RequestBenefit(
        id=_of(row, row["ref"]),
        customer_id=_of(row, row["customer_id"]),
        program_id=row["program_id"],
    )
    try:
        await benefits.request(receiver, asked, now=now)
    except (BenefitRefused, NotFound):
        return Fate.STAYS
    before = await _withdraw(row["exit_id"], row["ref"], now=now)
    used = None if before else (await _use(row))["used_minor"]
    if before or used:
        async with db.tenant_transaction(receiver.tenant_id, readonly=True):
            issued_id = await db.connection().fetchval(_ISSUED, receiver.tenant_id, asked.id)
        await _withdraw(row["exit_id"], issued_id, amount_minor=used, now=now)
    return before or Fate.TRANSFERRED


async def _use(row: Any) -> Any:
    """Say how much of a benefit of the leaver's is used, and whether the rest may not move."""
    async with db.tenant_transaction(row["agent_id"], readonly=True):
        return await db.connection().fetchrow(_USED, row["ref"])


async def revoke(row: Any, *, now: datetime) -> Fate:
    """Withdraw a benefit by the books' own call: its amount is available again."""
    return await _withdraw(row["exit_id"], row["ref"], now=now) or Fate.REVOKED


async def _withdraw(
    exit_id: UUID, issuance_id: UUID, *, amount_minor: int | None = None, now: datetime
) -> Fate | None:
    """Withdraw a benefit, or a part; say what had become of it where it was not for this to do."""
    operator = of_the_product(PLATFORM_TENANT, role=Role.PLATFORM_OPERATOR, name="exit")
    key = uuid5(exit_id, f"void:{issuance_id}")
    new = NewVoid(id=key, reason=_REASON, amount_minor=amount_minor)
    try:
        await benefits.void(operator, issuance_id, new, now=now)
    except AlreadyRedeemed:
        return Fate.REDEEMED
    except AlreadyExpired:
        return Fate.STAYS
    except AlreadyVoided:
        return Fate.REVOKED
    return None


async def _receiver(agent_id: UUID) -> Actor:
    """Give the successor's owner, to whom what comes is given; nobody where it has none."""
    product = of_the_product(agent_id, role=Role.AGENT_OWNER, name="exit")
    return await identity.an_owner(agent_id) or product


def _of(row: Any, thing_id: UUID) -> UUID:
    """Give the id that a thing has with its successor: always the same in one exit."""
    return uuid5(row["exit_id"], str(thing_id))
