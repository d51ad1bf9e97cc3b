"""What each wish does to a benefit and which transfers that makes. Pure.

A benefit is one hold on a budget for what is left of it. Using a part posts the part and holds the
rest anew; taking a use back reverses its post in red and holds all that is left again as one. So
at any time one hold says what may still be used, and posts say what was.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import assert_never
from uuid import UUID

import msgspec

from billing.issuance.schemas import IssuanceState
from billing.ledger.schemas import Code, Expire, Hold, Post, Reversal, Transfer, Void
from billing.money import Money
from billing.redemptions.schemas import Kind, Standing, Used, Wish

IDS = 3
"""How many transfers a wish makes at most."""


class Step(msgspec.Struct, frozen=True):
    """What a wish does: transfers, the first of which is the one that counts, and what stands."""

    amount_minor: int
    transfers: list[Transfer]
    after: Standing


def decide(
    wish: Wish, standing: Standing, used: Used | None, ids: Iterator[UUID], *, now: datetime
) -> Step | Code:
    """Say what a wish does, or why it does nothing.

    :param used: what a rollback would take back; None where there is no such use.
    :param ids: for the transfers, made by the caller for this attempt.
    """
    match wish.kind:
        case Kind.REDEEM:
            return _redeem(wish, standing, ids, now)
        case Kind.ROLL_BACK:
            return Code.TRANSFER_NOT_FOUND if used is None else _roll_back(standing, used, ids)
        case Kind.REVOKE:
            return _revoke(wish, standing, ids)
        case Kind.EXPIRE:
            return _expire(standing, ids, now)
        case _:
            assert_never(wish.kind)


def has_lapsed(standing: Standing, now: datetime) -> bool:
    """Say whether the time of a benefit is over, whenever it is swept (I19)."""
    return standing.expires_at is not None and standing.expires_at <= now


def _redeem(wish: Wish, standing: Standing, ids: Iterator[UUID], now: datetime) -> Step | Code:
    """Post what is used, and hold the rest."""
    if settled := _settled(standing):
        return settled
    if has_lapsed(standing, now):
        return Code.ALREADY_EXPIRED
    amount = standing.open_minor if wish.amount_minor is None else wish.amount_minor
    if amount > standing.open_minor:
        return Code.EXCEEDS_HOLD
    post = Post(
        id=next(ids), pending_id=standing.hold_id, event="benefit.redeemed", amount_minor=amount
    )
    after = msgspec.structs.replace(standing, used_minor=standing.used_minor + amount)
    return _kept(amount, [post], after, IssuanceState.REDEEMED, ids)


def _revoke(wish: Wish, standing: Standing, ids: Iterator[UUID]) -> Step | Code:
    """Release what is withdrawn, and hold the rest."""
    if settled := _settled(standing):
        return settled
    amount = standing.open_minor if wish.amount_minor is None else wish.amount_minor
    if amount > standing.open_minor:
        return Code.EXCEEDS_HOLD
    void = Void(id=next(ids), pending_id=standing.hold_id, event="benefit.voided")
    after = msgspec.structs.replace(standing, released_minor=standing.released_minor + amount)
    return _kept(amount, [void], after, IssuanceState.VOIDED, ids)


def _expire(standing: Standing, ids: Iterator[UUID], now: datetime) -> Step | Code:
    """Release what is left."""
    if settled := _settled(standing):
        return settled
    if not has_lapsed(standing, now):
        return Code.NOT_A_HOLD
    left = standing.open_minor
    expire = Expire(id=next(ids), pending_id=standing.hold_id, event="benefit.expired")
    after = msgspec.structs.replace(standing, released_minor=standing.released_minor + left)
    return _kept(left, [expire], after, IssuanceState.EXPIRED, ids)


def _roll_back(standing: Standing, used: Used, ids: Iterator[UUID]) -> Step | Code:
    """Undo a use in red and hold it again, with what is left; nothing else comes back."""
    if used.is_taken_back:
        return Code.ALREADY_REVERSED
    undo = Reversal(id=next(ids), reversal_of=used.transfer_id, event="benefit.rolled_back")
    after = msgspec.structs.replace(standing, used_minor=standing.used_minor - used.amount_minor)
    transfers: list[Transfer] = [undo]
    if standing.open_minor:
        transfers.append(Void(id=next(ids), pending_id=standing.hold_id, event="benefit.reopened"))
    return _kept(used.amount_minor, transfers, after, IssuanceState.ISSUED, ids)


def _kept(
    amount: int,
    transfers: list[Transfer],
    after: Standing,
    settled: IssuanceState,
    ids: Iterator[UUID],
) -> Step:
    """Hold what is left; of nothing left, say how it ended."""
    if not after.open_minor:
        # Who has used a part has had the benefit, whatever became of the rest.
        state = IssuanceState.REDEEMED if after.used_minor else settled
        return Step(amount, transfers, msgspec.structs.replace(after, state=state))
    hold = Hold(
        id=next(ids),
        debit_id=after.budget_id,
        credit_id=after.issued_id,
        amount=Money(after.open_minor, after.currency),
        event="benefit.kept",
    )
    issued = msgspec.structs.replace(after, state=IssuanceState.ISSUED, hold_id=hold.id)
    return Step(amount, [*transfers, hold], issued)


def _settled(standing: Standing) -> Code | None:
    """Say how a benefit ended; None while something of it is left."""
    match standing.state:
        case IssuanceState.ISSUED:
            return None
        case IssuanceState.REDEEMED:
            return Code.ALREADY_POSTED
        case IssuanceState.VOIDED:
            return Code.ALREADY_VOIDED
        case IssuanceState.EXPIRED:
            return Code.ALREADY_EXPIRED
        case _:
            assert_never(standing.state)
