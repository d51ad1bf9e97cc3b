"""Keep a code and settle by it. Each function joins the platform's open transaction.

A voucher's row is locked first: until a use is done nobody can begin to keep its code.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.ledger.schemas import Code
from billing.redemptions import service as redemptions
from billing.redemptions.schemas import Kind, Settled, Wish
from server.access import PLATFORM_TENANT
from server.benefits.reviews import service as reviews
from server.benefits.vouchers import queries, rules
from server.benefits.vouchers.rules import CodeLocked
from server.kit import db, ids

_LOCK: Final = """
UPDATE voucher SET lock_id = $2, locked_until = $3
WHERE digest = $1 AND (lock_id = $2 OR locked_until IS NULL OR locked_until <= $4)
"""
_UNLOCK: Final = """
UPDATE voucher SET lock_id = NULL, locked_until = NULL WHERE digest = $1 AND lock_id = $2
"""


class Teller(msgspec.Struct, frozen=True, kw_only=True):
    """Who does something with which code."""

    digest: bytes
    agent_id: UUID
    person_id: UUID


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a wish."""

    settled: Settled | None
    """None where the benefit waits for somebody to look at it."""
    row: Any
    """What stands behind the code now."""


async def keep(teller: Teller, lock_id: UUID, *, now: datetime) -> Any:
    """Keep a code for who is about to use it, and give what stands behind it.

    :raises CodeLocked: somebody else is about to.
    """
    until = now + rules.LOCKED_FOR
    status = await db.connection().execute(_LOCK, teller.digest, lock_id, until, now)
    if not status.endswith(" 1"):
        raise _locked()
    return await queries.behind(teller.digest, teller.agent_id, now=now)


async def settle(teller: Teller, wish: Wish, *, lock_id: UUID | None, now: datetime) -> Done:
    """Have the books do what is wished; a refusal of theirs is an answer and kept as well.

    To be committed whatever the answer, so that what is found just now stays found.

    :raises CodeLocked: somebody else is about to.
    """
    row = await queries.behind(teller.digest, teller.agent_id, now=now, lock=True)
    # Taking back needs no lock, and what was answered is answered again.
    is_use = wish.kind is Kind.REDEEM and not await redemptions.is_answered(wish.key)
    if is_use and row["locked_until"] is not None and row["lock_id"] != lock_id:
        raise _locked()
    if is_use and await reviews.is_held(wish.issuance_id, now=now):
        return Done(settled=None, row=row)
    settled = await books(wish, teller.person_id, now=now)
    if settled.is_new and settled.code is Code.RECORDED:
        await db.connection().execute(_UNLOCK, teller.digest, lock_id)
    row = await queries.behind(teller.digest, teller.agent_id, now=now)
    return Done(settled=settled, row=row)


async def books(wish: Wish, actor_id: UUID, *, now: datetime) -> Settled:
    """Have the books settle a wish."""
    return await redemptions.settle(
        wish,
        transfer_ids=[ids.new_id(now) for _ in range(redemptions.IDS)],
        owner_id=PLATFORM_TENANT,
        actor_id=actor_id,
        now=now,
    )


def _locked() -> CodeLocked:
    """Give the refusal while somebody else keeps a code."""
    return CodeLocked("Somebody is about to redeem this code; try again in a while.")
