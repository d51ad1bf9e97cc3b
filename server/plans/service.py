"""Keep plans. Each function is one use case and one transaction of the platform.

What is sent twice is done once: the books answer an id with what it did. The trail tells it once.
"""

from contextlib import suppress
from datetime import date, datetime
from uuid import UUID

from billing.invoices import queries as invoicing_queries
from billing.invoices import service as invoicing
from billing.invoices.schemas import Credit, InvoiceView, Payment
from billing.plans import service as plans
from billing.plans.rules.grants import Grant
from billing.plans.rules.subscriptions import Change
from billing.plans.rules.versions import PlanVersion
from billing.plans.schemas import Desk
from server.access import PLATFORM_TENANT, Actor, Permission, ensure
from server.audit import service as audit
from server.entitlements import service as entitlements
from server.kit import db
from server.kit.calendars import ZONE
from server.kit.errors import Invalid
from server.partners import queries as partners
from server.plans import rules, trials
from server.plans.schemas import CarriedOn, VersionTrial


class _Undone(Exception):
    """What was looked at is not kept."""


async def publish(actor: Actor, version: PlanVersion, *, now: datetime) -> PlanVersion:
    """Publish a version of a plan; it never changes.

    :raises PlanVersionUnsound: it contradicts itself.
    :raises PlanVersionPast: it begins today or earlier, or no later than another one.
    :raises PlanKeyReused: its id was used for another one.
    """
    ensure(actor, Permission.PLANS_KEEP)
    rules.ensure_day(version.begins_on, "begins_on")
    async with db.platform_transaction(actor):
        if await plans.publish(rules.as_booked(version, PlanVersion), desk_of(actor, now)):
            await audit.record_platform_write(
                actor, "plan.published", subject_id=version.plan_id, now=now, version_id=version.id
            )
    return version


async def trial(actor: Actor, version: PlanVersion, *, now: datetime) -> VersionTrial:
    """Say what the first whole month of a version would cost who has its plan; nothing is kept.

    :raises PlanVersionUnsound: and what else `publish` raises.
    :raises Invalid: it begins too far ahead.
    """
    ensure(actor, Permission.PLANS_KEEP)
    rules.ensure_day(version.begins_on, "begins_on")
    booked = rules.as_booked(version, PlanVersion)
    return await trials.trial(actor, booked, desk_of(actor, now), now=now)


async def change(actor: Actor, asked: Change, *, now: datetime) -> Change:
    """Move an agent's plan up or down, or let it pause, from a day on.

    :raises ChangePast: the day is before the agent's clock, or no later than another change.
    :raises PlanUnknown: no version of the plan is in force on that day.
    :raises PlanKeyReused: the id belongs to another change.
    :raises NotFound: there is no such agent.
    """
    ensure(actor, Permission.PLANS_KEEP)
    rules.ensure_day(asked.begins_on, "begins_on")
    async with db.platform_transaction(actor):
        await partners.agent(actor, asked.agent_id)
        if await plans.change(rules.as_booked(asked, Change), desk_of(actor, now)):
            await audit.record_platform_write(
                actor, "plan.changed", subject_id=asked.agent_id, now=now, change_id=asked.id
            )
            _look_anew(asked.agent_id)
    return asked


async def grant(actor: Actor, asked: Grant, *, now: datetime) -> Grant:
    """Give an agent units or a feature beyond its plan.

    :raises GrantUnsound: it contradicts itself, or the plan does not sell such units.
    :raises GrantPast: it begins before the agent's clock.
    :raises PlanKeyReused: the id belongs to another grant.
    :raises Invalid: a day lies outside of this century.
    :raises NotFound: there is no such agent.
    """
    ensure(actor, Permission.PLANS_KEEP)
    rules.ensure_day(asked.begins_on, "begins_on")
    if asked.ends_on is not None:
        rules.ensure_day(asked.ends_on, "ends_on")
    async with db.platform_transaction(actor):
        await partners.agent(actor, asked.agent_id)
        if await plans.grant(rules.as_booked(asked, Grant), desk_of(actor, now)):
            await audit.record_platform_write(
                actor, "plan_grant.given", subject_id=asked.agent_id, now=now, grant_id=asked.id
            )
            _look_anew(asked.agent_id)
    return asked


async def end_grant(
    actor: Actor,
    grant_id: UUID,
    ends_on: date,
    *,
    agent_id: UUID | None = None,
    now: datetime,
) -> Grant:
    """Let a grant end on a day.

    :param agent_id: whose grant it is to be; without one, anybody's.
    :raises GrantNotFound: there is none, or it is another agent's.
    :raises GrantPast: the day is over, or the grant has ended.
    """
    ensure(actor, Permission.PLANS_KEEP)
    rules.ensure_day(ends_on, "ends_on")
    async with db.platform_transaction(actor):
        ended, is_new = await plans.end_grant(
            grant_id, ends_on, desk_of(actor, now), agent_id=agent_id
        )
        if is_new:
            await audit.record_platform_write(
                actor, "plan_grant.ended", subject_id=ended.agent_id, now=now, grant_id=grant_id
            )
            _look_anew(ended.agent_id)
    return ended


async def move_clock(
    actor: Actor, agent_id: UUID, until: date, *, is_preview: bool, now: datetime
) -> CarriedOn:
    """Carry an agent's plan on to a day, or look at what that would come to: the agent is told.

    :raises Invalid: the day lies ahead, and it is not only looked at.
    :raises ClockMovedBack: the day is before its clock.
    :raises SubscriptionParked: somebody has to look into its books first.
    :raises NotFound: there is no such agent.
    """
    ensure(actor, Permission.PLANS_KEEP)
    rules.ensure_day(until, "until")
    if until > now.astimezone(ZONE).date() and not is_preview:
        raise Invalid("Days that lie ahead can only be looked at.", field="until")
    move = _look if is_preview else _move
    return await move(actor, agent_id, until, now)


async def _move(actor: Actor, agent_id: UUID, until: date, now: datetime) -> CarriedOn:
    """Carry a plan on, with a line in the trail and one in the agent's feed."""
    async with db.platform_transaction(actor):
        found, is_new = await _carry_on(actor, agent_id, until, now)
        await audit.record_platform_read(actor, [agent_id], "plans.clock", now=now)
        if is_new:
            await audit.record_platform_write(
                actor, "plan.carried_on", subject_id=agent_id, now=now, until=f"{until}"
            )
            _look_anew(agent_id)
    return found


async def _look(actor: Actor, agent_id: UUID, until: date, now: datetime) -> CarriedOn:
    """Say what a plan would come to, by the same code, and keep nothing but who looked."""
    found: list[CarriedOn] = []
    with suppress(_Undone):
        async with db.platform_transaction(actor):
            found.append((await _carry_on(actor, agent_id, until, now))[0])
            raise _Undone
    async with db.platform_transaction(actor):
        await audit.record_platform_read(actor, [agent_id], "plans.clock", now=now)
    return found[0]


async def _carry_on(
    actor: Actor, agent_id: UUID, until: date, now: datetime
) -> tuple[CarriedOn, bool]:
    """Carry a plan on, inside the open transaction, and say whether anything came of it."""
    await partners.agent(actor, agent_id)
    carried = await invoicing.advance(agent_id, until, desk_of(actor, now))
    found = CarriedOn(
        clock_on=carried.clock_on,
        standing=carried.standing,
        parked_reason=carried.parked_reason,
        invoices=[await invoicing_queries.invoice(each) for each in carried.invoices],
    )
    return found, carried.is_new


async def pay(actor: Actor, asked: Payment, *, now: datetime) -> InvoiceView:
    """Write down money that came in for an invoice.

    :raises InvoiceNotFound: there is none.
    :raises InvoiceState: it is a draft, or the platform bears it.
    :raises PaymentTooLarge: more than is left.
    :raises PaymentAhead: it is said to come in later than today.
    :raises InvoiceKeyReused: the id belongs to another payment.
    """
    ensure(actor, Permission.PLANS_KEEP)
    async with db.platform_transaction(actor):
        done = await invoicing.pay(rules.as_booked(asked, Payment), desk_of(actor, now))
        if done.is_new:
            await _note(actor, "invoice.paid", done.invoice, now, payment_id=asked.id)
        await _tell(actor, done.invoice, now)
    return done.invoice


async def credit(actor: Actor, asked: Credit, *, now: datetime) -> InvoiceView:
    """Void an invoice, or a part of it.

    :raises InvoiceNotFound: there is none.
    :raises InvoiceState: it is a draft.
    :raises CreditTooLarge: more than the invoice has left to credit.
    :raises InvoiceKeyReused: the id belongs to another credit note.
    """
    ensure(actor, Permission.PLANS_KEEP)
    async with db.platform_transaction(actor):
        done = await invoicing.credit(rules.as_booked(asked, Credit), desk_of(actor, now))
        if done.is_new:
            await _note(actor, "invoice.credited", done.invoice, now, credit_id=asked.id)
        await _tell(actor, done.invoice, now)
    return done.invoice


async def note_fapiao(actor: Actor, invoice_id: UUID, number: str, *, now: datetime) -> InvoiceView:
    """Note the number of the e-invoice that was issued for an invoice, elsewhere.

    :raises FapiaoMalformed: it is no such number.
    :raises FapiaoTaken: it stands with another invoice, or this one has another number.
    :raises InvoiceNotFound: there is none.
    """
    ensure(actor, Permission.PLANS_KEEP)
    async with db.platform_transaction(actor):
        done = await invoicing.note_fapiao(invoice_id, number, desk_of(actor, now))
        if done.is_new:
            await _note(actor, "invoice.fapiao_noted", done.invoice, now, number=number)
        await _tell(actor, done.invoice, now)
    return done.invoice


async def _note(
    actor: Actor, what: str, about: InvoiceView, now: datetime, **more: UUID | str
) -> None:
    """Leave a line of what was done with an invoice."""
    await audit.record_platform_write(actor, what, subject_id=about.id, now=now, **more)
    _look_anew(about.agent_id)


async def _tell(actor: Actor, shown: InvoiceView, now: datetime) -> None:
    """Tell an agent that its invoice was shown, also where nothing was done."""
    await audit.record_platform_read(actor, [shown.agent_id], "plans.invoices", now=now)


def _look_anew(agent_id: UUID) -> None:
    """Once it is durable, read anew what an agent may use."""
    db.current().on_commit(lambda: entitlements.forget(agent_id))


def desk_of(actor: Actor, now: datetime) -> Desk:
    """Say to the books who does it, and when."""
    return Desk(
        platform_id=PLATFORM_TENANT,
        actor_id=actor.user_id,
        today=now.astimezone(ZONE).date(),
        now=now,
    )
