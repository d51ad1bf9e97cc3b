"""Show codes, and redeem by them. Each function is one use case.

Agents hold; only the platform's side of the books posts. So what an agent's person redeems is done
behind the platform's door, for that agent's benefits alone, and under that person's name.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from billing.ledger.schemas import Code
from billing.redemptions import service as redemptions
from billing.redemptions.schemas import Kind, Wish
from server.access import PLATFORM_TENANT, Actor, Permission, Role, ensure, of_the_product
from server.audit import service as audit
from server.benefits import queries as benefits
from server.benefits import rules as settling
from server.benefits.reviews.rules import in_review
from server.benefits.rules import BenefitState
from server.benefits.vouchers import queries, rules, teller
from server.benefits.vouchers.rules import CodeUnknown, NothingToRedeem
from server.benefits.vouchers.schemas import (
    Lock,
    Presented,
    Redeem,
    RollBack,
    VoucherCode,
    VoucherView,
)
from server.benefits.vouchers.teller import Teller
from server.identity import keys
from server.identity.rules.throttles import TooManyTries
from server.identity.service import throttles
from server.identity.service.throttles import Counted
from server.kit import db, ids

EXPIRE: Final = "benefits.expire"
_SERIALS: Final = range(3)
_EXPIRED_AT_ONCE: Final = 200
_TELLER: Final = of_the_product(PLATFORM_TENANT, role=Role.PLATFORM_OPERATOR, name="vouchers")
_SWEEPER: Final = of_the_product(PLATFORM_TENANT, role=Role.PLATFORM_OPERATOR, name=EXPIRE)
_ADD: Final = """
INSERT INTO voucher (digest, issuance_id, agent_id, serial, last4, made_by, made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
"""
_SERIAL: Final = "SELECT serial FROM voucher WHERE issuance_id = $1"
_ALARM: Final = """
INSERT INTO voucher_alarm (id, agent_id, user_id, raised_at)
SELECT $1, $2, $3, $4 WHERE NOT EXISTS (
    SELECT FROM voucher_alarm WHERE agent_id = $2 AND user_id = $3 AND raised_at > $5
)
"""


async def code_of(actor: Actor, request_id: UUID, *, now: datetime) -> VoucherCode:
    """Give the code of a benefit for the customer; asked again, the same one.

    :raises NotFound: also when it is another tenant's.
    :raises NothingToRedeem: nothing was issued on this request.
    :raises BenefitInReview: it may not be used before somebody has looked at it.
    """
    actor.ensure_agent()
    ensure(actor, Permission.BENEFITS_REQUEST)
    key = keys.current().vouchers
    async with db.tenant_transaction(actor.tenant_id):
        view = await benefits.benefit(actor, request_id)
        if view.state is BenefitState.IN_REVIEW:
            raise in_review()
        found = await queries.issued(actor, request_id)
        if found is None:
            raise NothingToRedeem("Nothing was issued on this request.")
        for serial in _SERIALS:
            code = rules.made(key, found["id"], serial)
            await db.connection().execute(
                _ADD,
                *(rules.digest(key, code), found["id"], actor.tenant_id, serial, code[-4:]),
                *(actor.user_id, now),
            )
            if await db.connection().fetchval(_SERIAL, found["id"]) == serial:
                break
        await audit.record(actor, "voucher.shown", subject_id=request_id, now=now)
    return VoucherCode(
        code=code,
        open_minor=found["open_minor"],
        currency=found["currency"],
        expires_at=found["expires_at"],
    )


async def validate(actor: Actor, shown: Presented, *, now: datetime) -> VoucherView:
    """Say what stands behind a code; nothing is changed.

    :raises CodeMistyped: what was typed is no code.
    :raises CodeUnknown: no benefit of one's company has it.
    :raises TooManyTries: too many codes of nobody were tried.
    """
    return queries.view(await _behind(actor, shown.code, now=now))


async def lock(actor: Actor, wanted: Lock, *, now: datetime) -> VoucherView:
    """Keep a code for who is about to redeem it, for a quarter of an hour.

    :raises CodeLocked: somebody else is about to.
    """
    await _behind(actor, wanted.code, now=now)
    async with db.platform_transaction(_TELLER):
        row = await teller.keep(_teller(actor, wanted.code), wanted.id, now=now)
    return queries.view(row)


async def redeem(actor: Actor, wanted: Redeem, *, now: datetime) -> VoucherView:
    """Use a benefit, or a part of it, at most once for an id; a lock ends with the use it was for.

    :raises CodeLocked: somebody else is about to.
    :raises AlreadyRedeemed: and the like, when nothing is left of it.
    :raises MoreThanIsLeft: less is left.
    :raises IdReused: the id was used for something else.
    :raises BenefitInReview: it may not be used before somebody has looked at it.
    """
    wish = Wish(
        key=wanted.id,
        kind=Kind.REDEEM,
        issuance_id=(await _behind(actor, wanted.code, now=now))["issuance_id"],
        amount_minor=wanted.amount_minor,
    )
    return await _settle(actor, wanted.code, wish, lock_id=wanted.lock_id, now=now)


async def roll_back(actor: Actor, wanted: RollBack, *, now: datetime) -> VoucherView:
    """Take a use back, whole: what it was may be used again.

    :raises NotFound: there is no such use of this benefit.
    :raises AlreadyTakenBack: it was taken back before.
    """
    wish = Wish(
        key=wanted.id,
        kind=Kind.ROLL_BACK,
        issuance_id=(await _behind(actor, wanted.code, now=now))["issuance_id"],
        of_id=wanted.redemption_id,
        reason=wanted.reason,
    )
    return await _settle(actor, wanted.code, wish, lock_id=None, now=now)


async def _settle(
    actor: Actor, code: str, wish: Wish, *, lock_id: UUID | None, now: datetime
) -> VoucherView:
    """Have the books do what is wished, and say what stands then; a refusal is kept as well."""
    async with db.platform_transaction(_TELLER):
        done = await teller.settle(_teller(actor, code), wish, lock_id=lock_id, now=now)
    settled = done.settled
    if settled is None:
        raise in_review()
    if settled.code is not Code.RECORDED:
        raise settling.settling_refusal(settled.code)
    if settled.is_new:
        async with db.tenant_transaction(actor.tenant_id):
            await audit.record(
                actor,
                f"voucher.{'redeemed' if wish.kind is Kind.REDEEM else 'rolled_back'}",
                subject_id=wish.issuance_id,
                now=now,
                amount_minor=settled.amount_minor,
                redemption_id=wish.key,
            )
    return queries.view(done.row)


def _teller(actor: Actor, code: str) -> Teller:
    """Say who does something with which code."""
    digest = rules.digest(keys.current().vouchers, rules.read(code))
    return Teller(digest=digest, agent_id=actor.tenant_id, person_id=actor.user_id)


async def _behind(actor: Actor, typed: str, *, now: datetime) -> Any:
    """Find what stands behind a code of one's company; who guesses is counted and stopped.

    :raises CodeMistyped: what was typed is no code; a typing mistake is no guess.
    :raises CodeUnknown: no benefit of one's company has it.
    :raises TooManyTries: too many codes of nobody were tried; an alarm is raised.
    """
    actor.ensure_agent()
    ensure(actor, Permission.BENEFITS_REQUEST)
    digest = rules.digest(keys.current().vouchers, rules.read(typed))
    counted: list[Counted] = [
        (rules.GUESSES_BY_PERSON, f"{actor.tenant_id} {actor.user_id}"),
        (rules.GUESSES_BY_AGENT, str(actor.tenant_id)),
    ]
    try:
        await throttles.count(counted, now=now)
    except TooManyTries:
        await _raise_alarm(actor, now=now)
        raise
    async with db.platform_transaction(_TELLER):
        row = await queries.behind(digest, actor.tenant_id, now=now)
    if row is None:
        raise CodeUnknown("No benefit of your company has this code.", field="code")
    async with db.global_transaction():
        for throttle, subject in counted:
            await throttles.give_back(throttle, subject)
    return row


async def _raise_alarm(actor: Actor, *, now: datetime) -> None:
    """Tell the platform who was stopped, once a window."""
    since = now - rules.GUESSES_BY_PERSON.window
    async with db.platform_transaction(_TELLER):
        await db.connection().execute(
            _ALARM, ids.new_id(now), actor.tenant_id, actor.user_id, now, since
        )


async def expire(now: datetime) -> None:
    """Release what is left of benefits whose time is over, some in a transaction."""
    while True:
        async with db.platform_transaction(_SWEEPER):
            over = await redemptions.lapsed(now=now, limit=_EXPIRED_AT_ONCE)
            settled = [
                await teller.books(
                    Wish(key=ids.new_id(now), kind=Kind.EXPIRE, issuance_id=issuance_id),
                    _SWEEPER.user_id,
                    now=now,
                )
                for issuance_id in over
            ]
        if not any(each.code is Code.RECORDED for each in settled):
            return
