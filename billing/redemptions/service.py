"""Redeem, roll back, revoke and expire benefits. Each function joins the platform's transaction.

The caller commits also when it is refused, so that the refusal stays the answer to its key.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from billing.budgets import rules as budgets
from billing.issuance.tables import Issuance
from billing.ledger import service as ledger
from billing.ledger.schemas import Code, Journal
from billing.redemptions import rules
from billing.redemptions.rules import Step
from billing.redemptions.schemas import Kind, Settled, Standing, Used, Wish
from billing.redemptions.tables import Redemption

IDS: Final = rules.IDS
"""How many ids of transfers a wish wants."""

_LOCK: Final = """
SELECT agent_id, program_id, amount_minor, used_minor, released_minor, state, expires_at, budget_id,
    currency, coalesce(hold_id, id) AS hold_id
FROM issuance WHERE id = {} FOR NO KEY UPDATE
"""
_ASKED: Final = """
SELECT kind, issuance_id, amount_minor, of_id, code, transfer_id, asked_minor,
    reason
FROM redemption
WHERE id = {}
"""
_USED: Final = """
SELECT use.id, use.amount_minor, use.transfer_id, EXISTS (
    SELECT FROM redemption back WHERE back.of_id = use.id AND back.code = 'recorded'
) AS is_taken_back
FROM redemption use
WHERE use.id = {} AND use.issuance_id = {} AND use.kind = 'redeem' AND use.code = 'recorded'
"""
_TELL: Final = """
INSERT INTO redemption (
    id, issuance_id, agent_id, kind, asked_minor, amount_minor, of_id, code, transfer_id, actor_id,
    reason, recorded_at
) VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}) ON CONFLICT (id) DO NOTHING RETURNING id
"""
_STAND: Final = """
UPDATE issuance SET used_minor = {}, released_minor = {}, state = {}, hold_id = {}, settled_at = {}
WHERE id = {}
"""
# What of a closed account is held stays held, and does not stand in the way of what is behind it.
# CASE and not coalesce, of which PostgreSQL does not know that it may reach an index.
_LAPSED: Final = """
SELECT issuance.id FROM issuance
JOIN ledger_transfer hold ON hold.id = CASE
    WHEN issuance.hold_id IS NULL THEN issuance.id ELSE issuance.hold_id END
WHERE state = 'issued' AND expires_at <= {}
AND NOT EXISTS (
    SELECT FROM ledger_account account
    WHERE account.id IN (hold.debit_id, hold.credit_id) AND account.closed_at IS NOT NULL
)
ORDER BY expires_at, issuance.id LIMIT {} FOR NO KEY UPDATE OF issuance SKIP LOCKED
"""
_QUEUE_UP: Final = """
SELECT id FROM ledger_account WHERE id IN (
    SELECT unnest(ARRAY[hold.debit_id, hold.credit_id]) FROM issuance
    JOIN ledger_transfer hold ON hold.id = CASE
        WHEN issuance.hold_id IS NULL THEN issuance.id ELSE issuance.hold_id END
    WHERE issuance.id = ANY ({}::uuid[])
) ORDER BY id FOR NO KEY UPDATE
"""


async def settle(
    wish: Wish, *, transfer_ids: Sequence[UUID], owner_id: UUID, actor_id: UUID, now: datetime
) -> Settled:
    """Do what is wished with a benefit, whole or not at all, and remember the answer for its key.

    Locks the benefit, then its accounts in the order of their ids.

    :param transfer_ids: `IDS` of them, made by the caller for this attempt.
    :raises AmountOutOfRange: an amount is not one of a movement.
    """
    if wish.amount_minor is not None:
        ledger.ensure_amount(wish.amount_minor)
    rows = await Issuance.raw(_LOCK, wish.issuance_id)
    if not rows:
        return _refused(wish, Code.TRANSFER_NOT_FOUND, is_new=False)
    if held := await Redemption.raw(_ASKED, wish.key):
        return _again(wish, held[0])
    standing = _standing(rows[0])
    used = await _used(wish)
    if wish.kind is Kind.ROLL_BACK and used is None:
        # As of a benefit that is not there, nothing is kept: the use may still be on its way.
        return _refused(wish, Code.TRANSFER_NOT_FOUND, is_new=False)
    step = rules.decide(wish, standing, used, iter(transfer_ids), now=now)
    if isinstance(step, Step):
        step = await _record(wish, step, owner_id, actor_id, now=now)
    told = await _tell(wish, step, rows[0]["agent_id"], actor_id, now=now)
    if not told:
        # Its key was used for another benefit a moment ago: nothing of this one has moved.
        [held_row] = await Redemption.raw(_ASKED, wish.key)
        return _again(wish, held_row)
    if isinstance(step, Code):
        return _refused(wish, step, is_new=True)
    after = step.after
    await Issuance.raw(
        _STAND,
        *(after.used_minor, after.released_minor, after.state, after.hold_id),
        None if after.open_minor else now,
        wish.issuance_id,
    )
    return Settled(
        code=Code.RECORDED,
        is_new=True,
        issuance_id=wish.issuance_id,
        amount_minor=step.amount_minor,
        transfer_id=step.transfers[0].id,
    )


async def lapsed(*, now: datetime, limit: int) -> list[UUID]:
    """Give benefits whose time is over and of which something is left, for this transaction alone.

    Who is in use at the moment is left to the next sweep; nobody can redeem it meanwhile (I19).
    """
    over = [row["id"] for row in await Issuance.raw(_LAPSED, now, limit)]
    await queue_up(over)
    return over


async def queue_up(issuance_ids: Sequence[UUID]) -> None:
    """Lock what settling several benefits will move, before the first of them.

    `settle` locks the accounts of one. Who settles several in one transaction would take them in
    the order of the benefits, and could wait for ever for somebody who waits for it; see
    `billing.issuance.service.queue_up`.
    """
    await Issuance.raw(_QUEUE_UP, list(issuance_ids))


async def is_answered(key: UUID) -> bool:
    """Say whether a wish of this key was answered before, whatever it was."""
    return bool(await Redemption.raw(_ASKED, key))


async def _record(
    wish: Wish, step: Step, owner_id: UUID, actor_id: UUID, *, now: datetime
) -> Step | Code:
    """Have the ledger do a step; give its refusal, of an account that is closed."""
    journal = Journal(
        owner_id=owner_id,
        # People of agents choose keys of wishes; the owner's other keys are out of their reach.
        key=uuid5(wish.key, "redemption"),
        group_id=step.transfers[0].id,
        transfers=step.transfers,
        actor_id=actor_id,
        effective_at=now,
        reason=wish.reason,
    )
    outcome = await ledger.record(journal, now=now)
    return step if outcome.is_new and outcome.code is Code.RECORDED else outcome.code


async def _used(wish: Wish) -> Used | None:
    """Give the use that is to be taken back, if it is one of this benefit."""
    if wish.kind is not Kind.ROLL_BACK or wish.of_id is None:
        return None
    rows = await Redemption.raw(_USED, wish.of_id, wish.issuance_id)
    return msgspec.convert(rows[0], Used) if rows else None


async def _tell(
    wish: Wish, step: Step | Code, agent_id: UUID, actor_id: UUID, *, now: datetime
) -> bool:
    """Write the answer down under its key."""
    is_done = isinstance(step, Step)
    rows = await Redemption.raw(
        _TELL,
        *(wish.key, wish.issuance_id, agent_id, wish.kind, wish.amount_minor),
        step.amount_minor if isinstance(step, Step) else wish.amount_minor or 0,
        # A refused rollback has taken nothing back.
        *(wish.of_id, Code.RECORDED if is_done else step),
        step.transfers[0].id if isinstance(step, Step) else None,
        *(actor_id, wish.reason, now),
    )
    return bool(rows)


def _again(wish: Wish, held: dict[str, Any]) -> Settled:
    """Answer a wish whose key was answered before."""
    asked = [held[name] for name in ("kind", "issuance_id", "asked_minor", "of_id", "reason")]
    if asked != [wish.kind, wish.issuance_id, wish.amount_minor, wish.of_id, wish.reason]:
        return _refused(wish, Code.ID_REUSED, is_new=False)
    return Settled(
        code=Code(held["code"]),
        is_new=False,
        issuance_id=wish.issuance_id,
        amount_minor=held["amount_minor"],
        transfer_id=held["transfer_id"],
    )


def _refused(wish: Wish, code: Code, *, is_new: bool) -> Settled:
    """Write a refusal."""
    return Settled(
        code=code,
        is_new=is_new,
        issuance_id=wish.issuance_id,
        amount_minor=wish.amount_minor or 0,
        transfer_id=None,
    )


def _standing(row: dict[str, Any]) -> Standing:
    """Read how a benefit stands."""
    issued_id = budgets.issued_account(row["program_id"], row["agent_id"], row["currency"])
    return msgspec.convert({**row, "issued_id": issued_id}, Standing)
