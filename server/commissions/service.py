"""Keep commissions. Each function is one use case and one transaction of the platform.

What is sent twice is done once: the books answer an id with what it did. The trail tells it once.
"""

import asyncio
import random
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from billing.commissions import bank_files, known, offers, taxes
from billing.commissions import paying as payouts
from billing.commissions import queries as books
from billing.commissions import service as commissions
from billing.commissions.books import PAYOUTS, Books, in_turn, take_turn
from billing.commissions.rules import payouts as paying
from billing.commissions.rules.payouts import Payee, PaymentState
from billing.commissions.rules.plans import PlanVersion
from billing.commissions.schemas import (
    Correction,
    LineView,
    NaturalPersonSaid,
    OfferView,
    PaymentNotInThatState,
    PaymentView,
    TaxOwed,
)
from billing.commissions.tables import (
    CommissionRefund,
    CommissionSale,
    PayoutBatch,
)
from server.access import PLATFORM_TENANT, Actor, Permission, Role, ensure, of_the_product
from server.audit import service as audit
from server.commissions import queries, rules
from server.commissions.schemas import (
    NewBankFile,
    NewCorrection,
    NewCounterOffer,
    NewNaturalPerson,
    NewPayout,
    NewRefund,
    NewSale,
    NewTaxPayment,
    PaymentAnswer,
    PayoutApproval,
    PayoutView,
)
from server.identity import keys
from server.kit import db, ids, outbox
from server.kit.apart import made_apart
from server.kit.calendars import ZONE, ensure_day
from server.kit.errors import NotFound
from server.partners import queries as partners

OFFERED: Final = "commissions.counter_offer"
"""The outbox's topic: somebody has asked what matching a rival would cost."""
MADE: Final = "commissions.payout_made"
"""The outbox's topic: a payout waits for a second person."""
PERSON_SAID: Final = "commissions.person_said"
"""The outbox's topic: the platform has said whether an agent is a natural person."""
_SIMULATOR: Final = of_the_product(
    PLATFORM_TENANT, role=Role.PLATFORM_FINANCE, name="commissions.counter_offer"
)


async def publish(actor: Actor, version: PlanVersion, *, now: datetime) -> PlanVersion:
    """Publish a version of a commission plan; it never changes.

    :raises PlanUnsound: it contradicts itself.
    :raises PlanVersionNotLater: another one of its plan begins as late.
    :raises CommissionKeyReused: its id was used for another one.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    ensure_day(version.begins_on, "begins_on")
    async with db.platform_transaction(actor):
        if await commissions.publish(version, books_of(actor, now)):
            await audit.record_platform_write(
                actor,
                "commission_plan.published",
                subject_id=version.plan_id,
                now=now,
                version_id=version.id,
            )
    return version


async def record_sale(actor: Actor, sale: NewSale, *, now: datetime) -> list[LineView]:
    """Record a sale: what each agent gets for it is held until it can no longer be refunded.

    :raises NoPlanInForce: no version of the plan was in force that day.
    :raises UplineCircular: an agent stands above itself.
    :raises CommissionKeyReused: the id belongs to another sale.
    :raises SaleAhead: its day has not come.
    :raises SaleAlike: one alike is in the books, and nobody says that it is another.
    :raises Invalid: two agents are said to stand directly above one.
    :raises NotFound: there is no such agent.
    :raises CommissionTooLarge: it earns more than one sale may be.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    rules.ensure_sold(sale.on, "on", now)
    above = rules.line_above([(each.agent_id, each.above_id) for each in sale.above])
    async with db.platform_transaction(actor):
        sellers = {seller.agent_id for seller in sale.sellers}
        await _ensure_agents(actor, sellers=sellers, above={*above, *above.values()})
        await keep_sale(actor, sale, above, now=now)
        lines = await books.lines_of(sale.id)
        await queries.told_of_lines(actor, lines, now)
    return lines


async def keep_sale(
    actor: Actor, sale: NewSale, above: Mapping[UUID, UUID], *, now: datetime, **told: Any
) -> bool:
    """Record a sale in the open transaction, and tell the trail; give whether it is new.

    :param told: what the trail is told beside.
    :raises NoPlanInForce: and what else the books say no to.
    """
    await take_turn(sale.id)
    is_new = not await books.is_taken(CommissionSale, sale.id)
    if is_new and not sale.is_another:
        await known.ensure_another(sale)
    await commissions.accrue(sale, above, books_of(actor, now))
    if is_new:
        await audit.record_platform_write(
            *(actor, "commission_sale.recorded"),
            subject_id=sale.id,
            now=now,
            sold=sale.sold,
            **told,
        )
    return is_new


async def _ensure_agents(actor: Actor, **named: set[UUID]) -> None:
    """Refuse to owe anything to somebody who is no agent.

    :param named: by the field that names them.
    :raises NotFound: naming the field.
    """
    known = {agent.tenant_id for agent in await partners.agents(actor)}
    for field, agent_ids in named.items():
        if not agent_ids <= known:
            raise NotFound("There is no agent with one of these ids.", field=field)


async def refund(actor: Actor, asked: NewRefund, *, now: datetime) -> list[LineView]:
    """Take a part of a sale back, and its part of what was earned for it.

    :raises SaleNotFound: there is no such sale.
    :raises RefundTooLarge: more would be refunded than was sold.
    :raises CommissionKeyReused: the id belongs to another refund.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        await keep_refund(actor, asked, now=now)
        lines = await books.lines_of(asked.sale_id)
        await queries.told_of_lines(actor, lines, now)
    return lines


async def keep_refund(actor: Actor, asked: NewRefund, *, now: datetime, **told: Any) -> bool:
    """Record a refund in the open transaction, and tell the trail; give whether it is new.

    :param told: what the trail is told beside.
    :raises SaleNotFound: and what else the books say no to.
    """
    await take_turn(asked.id)
    is_new = not await books.is_taken(CommissionRefund, asked.id)
    await commissions.refund(asked, books_of(actor, now))
    if is_new:
        await audit.record_platform_write(
            *(actor, "commission_sale.refunded"),
            subject_id=asked.sale_id,
            now=now,
            refund_id=asked.id,
            refunded=asked.refunded,
            **told,
        )
    return is_new


async def correct(actor: Actor, asked: NewCorrection, *, now: datetime) -> LineView:
    """Post what a dispute about a line came to; the line stays as it is.

    :raises SaleNotFound: there is no such line.
    :raises CommissionKeyReused: the id belongs to another correction.
    :raises AmountOutOfRange: it corrects nothing.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    posted = Correction(
        id=asked.id, line_id=asked.line_id, amount_minor=asked.amount_minor, reason=asked.reason
    )
    async with db.platform_transaction(actor):
        line, is_new = await commissions.correct(posted, books_of(actor, now))
        if is_new:
            await audit.record_platform_write(
                actor,
                "commission_line.corrected",
                subject_id=asked.line_id,
                now=now,
                correction_id=asked.id,
                amount_minor=asked.amount_minor,
            )
        await queries.told_of_lines(actor, [line], now)
    return line


async def ask(actor: Actor, new: NewCounterOffer, *, now: datetime) -> OfferView:
    """Ask what matching a rival would cost; the worker answers it, the agents asked of are told.

    :raises CommissionKeyReused: the id belongs to another question.
    :raises OfferTooLarge: more agents in more futures than are simulated.
    :raises PlanUnsound: the rival's tiers contradict each other.
    :raises NotFound: there is no such agent.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    until = now.astimezone(ZONE).date().replace(day=1)
    async with db.platform_transaction(actor):
        await _ensure_agents(actor, **{"question.agent_ids": set(new.question.agent_ids)})
        if await offers.ask(new.id, new.question, until, books_of(actor, now)):
            payload = {"offer_id": str(new.id)}
            await outbox.add(OFFERED, payload, tenant_id=None, now=now)
            await audit.record_platform_write(
                actor, "counter_offer.asked", subject_id=new.id, now=now
            )
        return await queries.offer_told(actor, new.id, now, is_asked=True)


async def answer(offer_id: UUID, *, now: datetime) -> None:
    """Answer a question about a rival's offer, in a process of its own; once."""
    async with db.platform_transaction(_SIMULATOR):
        asked = await offers.waiting(offer_id)
    if asked is None:
        return
    content = await asyncio.to_thread(made_apart, lambda: offers.made(asked, random.Random))
    async with db.platform_transaction(_SIMULATOR):
        await offers.keep(asked, content, now=now)


# ---------------------------------------------------------------------------------- paying out


async def make_payout(actor: Actor, new: NewPayout, *, now: datetime) -> PayoutView:
    """Put together what agents are to be paid; somebody else lets it go, and is told.

    :raises CommissionKeyReused: the id belongs to a batch with another minimum.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        await take_turn(new.id)
        is_new = not await books.is_taken(PayoutBatch, new.id)
        batch = await payouts.make_batch(
            new.id, books_of(actor, now), minimum_minor=new.minimum_minor
        )
        if is_new:
            await audit.record_platform_write(
                actor, "payout.made", subject_id=new.id, now=now, payments=len(batch.payments)
            )
            await outbox.add(MADE, {"batch_id": str(new.id)}, tenant_id=None, now=now)
    return await queries.payout(actor, new.id, now=now)


async def approve(
    actor: Actor, batch_id: UUID, seen: PayoutApproval, *, now: datetime
) -> PayoutView:
    """Let a batch go as it was looked at.

    :raises BatchNotFound: there is no such batch.
    :raises MakerIsChecker: who approves has made it.
    :raises BatchChanged: it is not the one that was looked at.
    :raises BatchDecided: it was discarded.
    :raises WithholdingChanged: other tax is to be withheld than when it was put together.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        await in_turn(PAYOUTS)
        was_approved = (await books.batch(batch_id, lock=True)).approved_by is not None
        await payouts.approve(batch_id, bytes.fromhex(seen.hash), books_of(actor, now))
        if not was_approved:
            await audit.record_platform_write(
                actor, "payout.approved", subject_id=batch_id, now=now, hash=seen.hash
            )
    return await queries.payout(actor, batch_id, now=now)


async def discard(actor: Actor, batch_id: UUID, *, now: datetime) -> PayoutView:
    """Give a batch up that nobody has let go; what was in it is free for a later one.

    :raises BatchNotFound: there is no such batch.
    :raises BatchDecided: it was let go.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        was_discarded = (await books.batch(batch_id, lock=True)).discarded_at is not None
        await payouts.discard(batch_id, books_of(actor, now))
        if not was_discarded:
            await audit.record_platform_write(
                actor, "payout.discarded", subject_id=batch_id, now=now
            )
    return await queries.payout(actor, batch_id, now=now)


async def bank_file(actor: Actor, batch_id: UUID, asked: NewBankFile, *, now: datetime) -> bytes:
    """Write what the bank is to pay of a batch: what was let go and waits for its answer.

    The accounts are not kept, but which they were can be told later, and that they became others.

    :raises BatchNotFound: there is no such batch.
    :raises MakerIsChecker: who writes it has made the batch.
    :raises PaymentNotInThatState: nothing of it waits for the bank.
    :raises PayeeMissing: agents without a bank account; nothing is written.
    :raises AccountShared: agents with one bank account; nothing is written.
    :raises AccountTaken: another agent was paid to an account before; nothing is written.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    asked_of = {
        each.agent_id: Payee(name=each.name, account=each.account, bank=each.bank)
        for each in asked.payees
    }
    async with db.platform_transaction(actor):
        # What one file says after another, of whatever batch, is asked in turn.
        await in_turn(PAYOUTS)
        batch = await books.batch(batch_id, lock=True)
        paying.ensure_may_write(maker_id=batch.made_by, writer_id=actor.user_id)
        waiting = [each for each in batch.payments if each.state is PaymentState.ORDERED]
        if not waiting:
            raise PaymentNotInThatState("Nothing of this batch waits for the bank.")
        paid = [each.payment() for each in waiting]
        content = paying.bank_file(paid, asked_of, reference=asked.reference)
        payees = {each.agent_id: asked_of[each.agent_id] for each in paid}
        names = {each.tenant_id: each.name for each in await partners.agents(actor)}
        paying.ensure_own_accounts(payees, names)
        macs = keys.current().macs
        await bank_files.ensure_not_taken(payees, names, macs)
        written = bank_files.Written(content=content, paid=paid, payees=payees)
        file = await bank_files.note(ids.new_id(now), batch_id, written, macs, books_of(actor, now))
        await audit.record_platform_write(
            *(actor, "payout.bank_file_written"),
            subject_id=batch_id,
            now=now,
            payments=len(waiting),
            sha256=file.sha256,
            sums_minor=file.sums_minor,
            account_ends={str(each.agent_id): each.account_ends for each in file.payees},
            other_accounts=file.others,
        )
    return content


async def settle(
    actor: Actor, payment_id: UUID, said: PaymentAnswer, *, now: datetime
) -> PaymentView:
    """Say what the bank did with a payment; what was not paid may be paid anew.

    :raises BatchNotFound: there is no such payment.
    :raises ReasonMissing: it was not paid, and nobody says why.
    :raises PaymentNotInThatState: it is not as far, or further, or so for another reason.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    state = PaymentState(said.answer)
    async with db.platform_transaction(actor):
        was = (await books.payment(payment_id, lock=True)).state
        payment = await payouts.settle(payment_id, state, books_of(actor, now), reason=said.reason)
        if was is not state:
            await audit.record_platform_write(
                actor,
                f"payment.{state}",
                subject_id=payment_id,
                now=now,
                agent_id=payment.agent_id,
                amount_minor=payment.amount_minor,
                reason=said.reason,
            )
        await audit.record_platform_read(actor, [payment.agent_id], "commissions.payout", now=now)
    return payment


# ------------------------------------------------------------------------- tax that is withheld


async def say_person(
    actor: Actor, agent_id: UUID, new: NewNaturalPerson, *, now: datetime
) -> NaturalPersonSaid:
    """Say whether an agent is a natural person, of whose commission tax is withheld from now on.

    Its owners are told.

    :raises NotFound: there is no such agent.
    :raises CommissionKeyReused: the id was used for something else.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    said = NaturalPersonSaid(id=new.id, agent_id=agent_id, is_one=new.is_one)
    async with db.platform_transaction(actor):
        agent = await partners.agent(actor, agent_id)
        if await taxes.say(said, books_of(actor, now)):
            kind = "person_said" if new.is_one else "person_unsaid"
            payload = {"id": str(new.id), "kind": kind, "name": agent.name}
            await outbox.add(PERSON_SAID, payload, tenant_id=agent_id, now=now)
            await audit.record_platform_read(actor, [agent_id], f"commissions.{kind}", now=now)
            await audit.record_platform_write(
                actor, "natural_person.said", subject_id=agent_id, now=now, is_one=new.is_one
            )
    return said


async def pay_tax(actor: Actor, paid: NewTaxPayment, *, now: datetime) -> TaxOwed:
    """Book that tax that was withheld went to the tax office; give what is still owed.

    :raises TaxTooLarge: more than is owed.
    :raises CommissionKeyReused: the id was used for something else.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        if await taxes.pay(paid, books_of(actor, now)):
            await audit.record_platform_write(
                *(actor, "withheld_tax.paid"),
                subject_id=paid.id,
                now=now,
                amount_minor=paid.amount_minor,
            )
        return await taxes.owed(PLATFORM_TENANT)


def books_of(actor: Actor, now: datetime) -> Books:
    """Say to the books whose they are, who does it, and when."""
    return Books(platform_id=PLATFORM_TENANT, actor_id=actor.user_id, now=now)
