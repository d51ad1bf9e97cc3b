"""Lease, promise, give back and release units. Each function joins its caller's transaction.

Units are locked before accounts, both in the order of their ids, by everybody.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from billing.budgets import rules as budgets
from billing.escrow import rules
from billing.escrow.schemas import Ask, Held, Lease, LeaseCode, Promise, UnitState
from billing.escrow.tables import EscrowUnit
from billing.issuance import service as issuance
from billing.issuance.schemas import Issue, Terms
from billing.ledger import service as ledger
from billing.ledger.schemas import Code, Expire, Journal, Void
from billing.money import Money

_LOCK: Final = """
SELECT program_id, device_id FROM escrow_unit
WHERE agent_id = {} AND state = 'held' AND person_id = {} ORDER BY id FOR UPDATE
"""
_HELD: Final = """
SELECT id, recalled_at FROM escrow_unit
WHERE agent_id = {} AND state = 'held' AND person_id = {} AND device_id = {} AND program_id = {}
ORDER BY id FOR UPDATE
"""
_STANDS: Final = """
WITH standing AS (
    SELECT id, state, amount_minor, recalled_at,
        person_id = {} AND device_id = {} AS is_own
    FROM escrow_unit WHERE agent_id = {} AND program_id = {} AND state IN ('held', 'given_back')
)
SELECT credits_posted - debits_posted - debits_pending AS available_minor,
    (SELECT coalesce(sum(amount_minor), 0)::bigint FROM standing) AS standing_minor,
    ARRAY(SELECT id FROM standing WHERE is_own AND state = 'held' ORDER BY id) AS held,
    (SELECT count(*) FROM standing WHERE is_own AND state = 'given_back') AS given_back,
    (
        SELECT coalesce(bool_or(recalled_at IS NOT NULL), false) FROM standing
        WHERE is_own AND state = 'held'
    ) AS is_recalled,
    ARRAY(SELECT id FROM escrow_unit WHERE id = ANY ({}::uuid[])) AS taken
FROM ledger_account WHERE id = {} AND version > 0 AND closed_at IS NULL
"""
_RENEW: Final = """
UPDATE escrow_unit SET until = greatest(until, {}) WHERE id = ANY ({}::uuid[])
"""
_UNTIL: Final = "SELECT min(until) AS until FROM escrow_unit WHERE id = ANY ({}::uuid[])"
_HOLD: Final = """
INSERT INTO ledger_transfer (
    id, owner_id, group_id, position, kind, debit_id, credit_id, currency, amount_minor, event,
    effective_at, recorded_at, actor_id
)
SELECT unit.id, {}, {}, unit.n - 1, 'hold', {}, {}, {}, {}, 'escrow.leased', {}, {}, {}
FROM unnest({}::uuid[]) WITH ORDINALITY unit (id, n)
"""
_KEEP_UNITS: Final = """
INSERT INTO escrow_unit (
    id, agent_id, program_id, person_id, device_id, budget_id, amount_minor, currency, state,
    leased_at, until
)
SELECT unit, {}, {}, {}, {}, {}, {}, {}, 'held', {}, {} FROM unnest({}::uuid[]) unit
"""
_GIVE_BACK: Final = """
UPDATE escrow_unit SET state = 'given_back', settled_at = {} WHERE id = ANY ({}::uuid[])
"""
_NOT_RECALLED: Final = """
SELECT id FROM escrow_unit
WHERE agent_id = {} AND program_id = {} AND device_id = {} AND state = 'held'
AND recalled_at IS NULL
ORDER BY id FOR UPDATE
"""
_RECALL: Final = """
UPDATE escrow_unit SET recalled_at = {} WHERE id = ANY ({}::uuid[])
"""
_IS_HELD: Final = """
SELECT 1 FROM escrow_unit
WHERE id = {} AND agent_id = {} AND program_id = {} AND person_id = {} AND state = 'held'
FOR UPDATE
"""
_UNIT: Final = """
SELECT program_id, budget_id, amount_minor, currency, (
    SELECT count(*) FROM issuance
    JOIN escrow_unit promised ON promised.id = issuance.id AND promised.person_id = {}
    WHERE issuance.program_id = unit.program_id AND issuance.customer_token = {}
    AND issuance.state <> 'voided'
) AS promised
FROM escrow_unit unit
WHERE id = {} AND agent_id = {} AND program_id = {} AND person_id = {} AND state = 'held'
FOR UPDATE OF unit
"""
_IS_ANSWERED: Final = "SELECT 1 FROM ledger_outcome WHERE owner_id = {} AND key = {}"
# Where the customer has received all that one may have the promise is kept all the same, and the
# benefit takes a place beyond.
_KEEP: Final = """
INSERT INTO issuance (
    id, agent_id, request_key, program_id, customer_token, slot, budget_id, amount_minor, currency,
    state, issued_at, expires_at
)
SELECT unit.id, unit.agent_id, {}, unit.program_id, {}, (
    SELECT min(slot) FROM generate_series(1, (
        SELECT count(*)::integer + 1 FROM issuance held
        WHERE held.program_id = unit.program_id AND held.customer_token = {}
        AND held.state <> 'voided'
    )) slot WHERE NOT EXISTS (
        SELECT FROM issuance held WHERE held.program_id = unit.program_id
        AND held.customer_token = {} AND held.slot = slot.slot AND held.state <> 'voided'
    )
), unit.budget_id, unit.amount_minor, unit.currency, 'issued', {}, {}
FROM escrow_unit unit WHERE unit.id = {}
"""
_ANSWER: Final = """
INSERT INTO ledger_outcome (owner_id, key, fingerprint, code, result_id, recorded_at)
VALUES ({}, {}, {}, 'issued', {}, {})
"""
_PROMISED: Final = """
UPDATE escrow_unit SET state = 'promised', settled_at = {} WHERE id = {}
"""
# What of a closed account is held stays held, and does not stand in the way of what is behind it.
_OVER: Final = """
SELECT unit.id, unit.state FROM escrow_unit unit
WHERE ((state = 'held' AND until <= {}) OR state = 'given_back')
AND NOT EXISTS (
    SELECT FROM ledger_transfer hold
    JOIN ledger_account account ON account.id IN (hold.debit_id, hold.credit_id)
    WHERE hold.id = unit.id AND account.closed_at IS NOT NULL
)
ORDER BY until, unit.id LIMIT {} FOR UPDATE OF unit SKIP LOCKED
"""
_QUEUE_UP: Final = """
SELECT id FROM ledger_account WHERE id IN (
    SELECT unnest(ARRAY[debit_id, credit_id]) FROM ledger_transfer WHERE id = ANY ({}::uuid[])
) ORDER BY id FOR NO KEY UPDATE
"""
_RELEASED: Final = """
UPDATE escrow_unit SET state = 'released', settled_at = {} WHERE id = ANY ({}::uuid[])
"""


async def lock(agent_id: UUID, person_id: UUID) -> list[Held]:
    """Lock what a person's devices hold, before the accounts that it will move are; give it."""
    return msgspec.convert(await EscrowUnit.raw(_LOCK, agent_id, person_id), list[Held])


async def lease(ask: Ask, *, unit_ids: Sequence[UUID], group_id: UUID, now: datetime) -> Lease:
    """Let a device hold so many units: those that it holds are renewed, what is missing is added.

    Fewer are given where half of the allocation would not do. The agent's accounts are locked
    where something is added, and not before. Runs in the transaction of the device's agent.

    :param unit_ids: `UNITS_MAX` of them; those that were given out before are left out.
    """
    held = await EscrowUnit.raw(_HELD, *_whose(ask))
    ids = [row["id"] for row in held]
    if any(row["recalled_at"] is not None for row in held):
        return Lease(code=LeaseCode.RECALLED)
    if ask.count > len(ids):
        given = await _add(ask, unit_ids, group_id, now)
        if isinstance(given, LeaseCode):
            return Lease(code=given)
        ids = given
    await EscrowUnit.raw(_RENEW, ask.until, ids)
    [ends] = await EscrowUnit.raw(_UNTIL, ids)
    return Lease(code=LeaseCode.LEASED, unit_ids=sorted(ids), until=ends["until"])


async def _add(
    ask: Ask, unit_ids: Sequence[UUID], group_id: UUID, now: datetime
) -> list[UUID] | LeaseCode:
    """Add what a device lacks, and give all that it holds then, or why it gets nothing.

    Read behind the lock: what the device was given meanwhile, by the same lease or by another one,
    is there by now.
    """
    await issuance.queue_up([(ask.program_id, ask.amount.currency)], agent_id=ask.agent_id, now=now)
    own = budgets.agent_budget(ask.program_id, ask.agent_id, ask.amount.currency)
    found = await EscrowUnit.raw(
        _STANDS,
        *(ask.person_id, ask.device_id, ask.agent_id, ask.program_id),
        *(list(unit_ids), own),
    )
    if not found:
        return LeaseCode.NO_ALLOCATION
    [stands] = found
    if stands["is_recalled"]:
        return LeaseCode.RECALLED
    held: list[UUID] = stands["held"]
    more = rules.to_add(
        *(ask.count, len(held), stands["given_back"]),
        available_minor=stands["available_minor"],
        standing_minor=stands["standing_minor"],
        amount_minor=ask.amount.amount_minor,
    )
    added = [unit for unit in unit_ids if unit not in set(stands["taken"])][:more]
    if added:
        await _hold(ask, own, added, group_id, now)
    if held or added:
        return [*held, *added]
    is_left = stands["available_minor"] >= ask.amount.amount_minor
    return LeaseCode.LIMIT_REACHED if is_left else LeaseCode.EXHAUSTED


def _whose(ask: Ask) -> tuple[UUID, UUID, UUID, UUID]:
    """Name a device's units of a program."""
    return ask.agent_id, ask.person_id, ask.device_id, ask.program_id


async def give_back(ask: Ask, *, now: datetime) -> Lease:
    """Take back what a device holds and has not promised; the sweep makes it available again."""
    # Again, until there are none: while it waits for some others may be leased.
    while held := await EscrowUnit.raw(_HELD, *_whose(ask)):
        await EscrowUnit.raw(_GIVE_BACK, now, [row["id"] for row in held])
    return Lease(code=LeaseCode.LEASED)


async def recall(agent_id: UUID, program_id: UUID, device_id: UUID, *, now: datetime) -> int:
    """Call units back: the device's next lease is answered so, and no lease renews them.

    What the device has promised by then is kept. Gives how many units were called back just now.
    """
    recalled = 0
    # Again, until there are none: while it waits for some others may be leased.
    while held := await EscrowUnit.raw(_NOT_RECALLED, agent_id, program_id, device_id):
        await EscrowUnit.raw(_RECALL, now, [row["id"] for row in held])
        recalled += len(held)
    return recalled


async def is_held(agent_id: UUID, program_id: UUID, person_id: UUID, unit_id: UUID) -> bool:
    """Say whether a person holds a unit of a program, and keep it so for this transaction."""
    return bool(await EscrowUnit.raw(_IS_HELD, unit_id, agent_id, program_id, person_id))


async def keep(promise: Promise, *, now: datetime) -> bool:
    """Keep a promise: its unit becomes the customer's benefit, and no entry is made.

    False where this decides nothing, so that the promise is a request like any other: the unit is
    held no more, or by somebody else, or whoever promises knew that the customer has received all
    that one may have, by promises and requests of the same person.
    """
    found = await EscrowUnit.raw(
        _UNIT,
        *(promise.person_id, promise.customer_token),
        *(promise.unit_id, promise.agent_id, promise.program_id, promise.person_id),
    )
    if not found or found[0]["promised"] + promise.requested >= promise.limit_per_customer:
        return False
    [unit] = found
    if await EscrowUnit.raw(_IS_ANSWERED, promise.agent_id, promise.key):
        return False
    # Places of a customer are given out under these locks.
    await issuance.queue_up(
        [(unit["program_id"], unit["currency"])], agent_id=promise.agent_id, now=now
    )
    token = promise.customer_token
    await EscrowUnit.raw(
        _KEEP,
        *(promise.key, token, token, token),
        *(now, promise.expires_at, promise.unit_id),
    )
    await EscrowUnit.raw(
        _ANSWER,
        *(promise.agent_id, promise.key, _fingerprint(promise, unit)),
        *(promise.unit_id, now),
    )
    await EscrowUnit.raw(_PROMISED, now, promise.unit_id)
    return True


async def release(
    *, transfer_ids: Sequence[UUID], owner_id: UUID, actor_id: UUID, now: datetime
) -> int:
    """Release units that were given back, and those whose time and grace are over.

    Joins the platform's transaction; who holds a unit at the moment is left to the next sweep.

    :param transfer_ids: made by the caller; at most as many units are released.
    """
    over = await EscrowUnit.raw(_OVER, now - rules.GRACE, len(transfer_ids))
    ids = [row["id"] for row in over]
    if not ids:
        return 0
    await EscrowUnit.raw(_QUEUE_UP, ids)
    journal = Journal(
        owner_id=owner_id,
        key=uuid5(transfer_ids[0], "escrow"),
        group_id=transfer_ids[0],
        transfers=[
            Void(id=transfer_id, pending_id=row["id"], event="escrow.given_back")
            if row["state"] == UnitState.GIVEN_BACK
            else Expire(id=transfer_id, pending_id=row["id"], event="escrow.expired")
            for row, transfer_id in zip(over, transfer_ids, strict=False)
        ],
        actor_id=actor_id,
        effective_at=now,
    )
    outcome = await ledger.record(journal, now=now)
    assert outcome.code is Code.RECORDED, "what is held and locked is released"
    await EscrowUnit.raw(_RELEASED, now, ids)
    return len(ids)


async def _hold(ask: Ask, own: UUID, added: Sequence[UUID], group_id: UUID, now: datetime) -> None:
    """Hold each unit by itself."""
    amount = ask.amount
    issued = budgets.issued_account(ask.program_id, ask.agent_id, amount.currency)
    await EscrowUnit.raw(
        _HOLD,
        *(ask.agent_id, group_id, own, issued, amount.currency, amount.amount_minor),
        *(now, now, ask.person_id, list(added)),
    )
    await EscrowUnit.raw(
        _KEEP_UNITS,
        *(ask.agent_id, ask.program_id, ask.person_id, ask.device_id, own),
        *(amount.amount_minor, amount.currency, now, ask.until, list(added)),
    )


def _fingerprint(promise: Promise, unit: dict[str, Any]) -> bytes:
    """Digest what was asked as a request without a unit would be: it is the same benefit."""
    return issuance.fingerprint(
        Terms(program_id=unit["program_id"]),
        Issue(
            key=promise.key,
            id=promise.unit_id,
            agent_id=promise.agent_id,
            customer_token=promise.customer_token,
            amount=Money(unit["amount_minor"], unit["currency"]),
        ),
    )
