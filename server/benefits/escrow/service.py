"""Lease units to devices, call them back, release what is over. Each function is one use case."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from billing.escrow import rules as terms
from billing.escrow import service as escrow
from billing.escrow.schemas import Ask, Lease, LeaseCode
from billing.money import Money
from server.access import PLATFORM_TENANT, Actor, Permission, Role, ensure, of_the_product
from server.audit import service as audit
from server.benefits import queries as programs
from server.benefits import rules as benefit
from server.benefits import service as benefits
from server.benefits.escrow import rules
from server.benefits.escrow.rules import LeaseLimitReached, LeaseNeedsAllocation, LeaseRecalled
from server.benefits.escrow.schemas import Leased, Recall
from server.identity import queries as identity
from server.kit import clock, db, ids
from server.kit.errors import Invalid, NotFound, Refusal
from server.partners import queries as partners

RELEASE: Final = "benefits.release"
_RELEASED_AT_ONCE: Final = 100
_SWEEPER: Final = of_the_product(PLATFORM_TENANT, role=Role.PLATFORM_OPERATOR, name=RELEASE)


async def lease(
    actor: Actor, program_id: UUID, count: int, *, lease_id: UUID, now: datetime
) -> Leased:
    """Let the actor's device hold so many units of a program; none gives back what it holds.

    What it holds already is renewed and counts; fewer are given where half of the allocation stands
    on the company's devices.

    :raises Invalid: the lease's id is of another time.
    :raises LeaseRecalled: the company has called the device's units back.
    :raises LeaseNeedsAllocation: the company draws on the pool that all share.
    :raises LeaseLimitReached: something is available, but no more of it may stand on devices.
    :raises BenefitRefused: nothing is available, or the program is not open.
    :raises NotFound: no such program.
    """
    actor.ensure_agent()
    ensure(actor, Permission.BENEFITS_REQUEST)
    if actor.device_id is None:
        raise Invalid("Units are leased to a device.", field="device_id")
    if count:
        rules.ensure_dated(lease_id, now=now)
    async with db.tenant_transaction(actor.tenant_id):
        program = await programs.terms_of(program_id)
        if program is None:
            raise NotFound("There is no program with this id.", field="program_id")
        ask = Ask(
            agent_id=actor.tenant_id,
            program_id=program_id,
            person_id=actor.user_id,
            device_id=actor.device_id,
            count=count,
            amount=Money(program.amount_minor, program.currency),
            until=terms.leased_until(now, program.closes_at),
        )
        if count:
            benefit.ensure_open(program, now=now)
            if await partners.is_frozen(actor.tenant_id, now=now):
                raise benefit.refusal(benefit.LeavingRequestsNone.code)
            given = await escrow.lease(
                ask,
                unit_ids=rules.unit_ids(actor.tenant_id, lease_id),
                group_id=ids.new_id(now),
                now=now,
            )
        else:
            given = await escrow.give_back(ask, now=now)
        if given.code is not LeaseCode.LEASED:
            raise _refused(given)
        await audit.record(
            actor,
            "escrow.leased" if count else "escrow.given_back",
            subject_id=program_id,
            now=now,
            count=len(given.unit_ids),
        )
    return Leased(
        program_id=program_id,
        unit_ids=given.unit_ids,
        until_ms=None if given.until is None else clock.to_ms(given.until),
        amount_minor=program.amount_minor,
        currency=program.currency,
        limit_per_customer=program.limit_per_customer,
    )


async def queue_up(
    actor: Actor, leases: Mapping[UUID, int], requests: Collection[UUID], *, now: datetime
) -> None:
    """Wait in line for all that a push will move: units before accounts, both by their ids.

    One program's accounts are left to who moves them, as late as possible: while they are locked
    nobody of the company is issued anything of it. Several are locked in one order here.

    :param leases: by program, how many units the device wants to hold.
    :param requests: programs of which something is requested or promised.
    """
    async with db.tenant_transaction(actor.tenant_id):
        held = await escrow.lock(actor.tenant_id, actor.user_id)
        has = Counter(each.program_id for each in held if each.device_id == actor.device_id)
        moved = {each for each, count in leases.items() if count > has[each]} | {*requests}
        if len(moved) > 1:
            await benefits.queue_up(actor, moved, now=now)


async def recall(actor: Actor, wanted: Recall, *, now: datetime) -> None:
    """Call back what a device holds of a program: it gives back what it has not promised.

    Asked again, nothing more happens.

    :raises NotFound: no such program, or no such device in the actor's charge.
    """
    actor.ensure_agent()
    ensure(actor, Permission.UNITS_RECALL)
    async with db.tenant_transaction(actor.tenant_id):
        await identity.device(actor, wanted.device_id)
        if await programs.terms_of(wanted.program_id) is None:
            raise NotFound("There is no program with this id.", field="program_id")
        count = await escrow.recall(actor.tenant_id, wanted.program_id, wanted.device_id, now=now)
        if count:
            await audit.record(
                actor,
                "escrow.recalled",
                subject_id=wanted.program_id,
                now=now,
                device_id=wanted.device_id,
                count=count,
            )


async def release(now: datetime) -> None:
    """Release what was given back and what is over, some in a transaction."""
    released = _RELEASED_AT_ONCE
    while released == _RELEASED_AT_ONCE:
        async with db.platform_transaction(_SWEEPER):
            released = await escrow.release(
                transfer_ids=[ids.new_id(now) for _ in range(_RELEASED_AT_ONCE)],
                owner_id=PLATFORM_TENANT,
                actor_id=_SWEEPER.user_id,
                now=now,
            )


def _refused(given: Lease) -> Refusal:
    """Give the refusal that a person is told."""
    match given.code:
        case LeaseCode.RECALLED:
            return LeaseRecalled(
                "Your company has called these units back; give back what is not promised."
            )
        case LeaseCode.NO_ALLOCATION:
            return LeaseNeedsAllocation(
                "Your company has no allocation of this program; ask the platform for one."
            )
        case LeaseCode.LIMIT_REACHED:
            return LeaseLimitReached(
                "No more of the allocation may stand on devices now; let a device give units back,"
                " or request the benefit online."
            )
        case _:
            return benefit.refusal(benefit.BudgetExhausted.code)
