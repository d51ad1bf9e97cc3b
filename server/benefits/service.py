"""Do things with benefits. Each function is one use case and one transaction."""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from billing.budgets import service as budgets
from billing.budgets.schemas import Allocation, Funding
from billing.escrow import service as escrow
from billing.issuance import service as issuance
from billing.ledger.schemas import Code, Outcome
from billing.money import Money
from billing.redemptions import service as redemptions
from billing.redemptions.schemas import Kind, Wish
from server.access import PLATFORM_TENANT, Actor, Permission, ensure
from server.audit import service as audit
from server.benefits import deciding, queries, rules
from server.benefits.deciding import Decided, Wanted
from server.benefits.reviews.traces import Asker
from server.benefits.rules import Program, RequestState
from server.benefits.schemas import (
    BenefitView,
    IssuanceRecord,
    NewAllocation,
    NewFunding,
    NewProgram,
    NewVoid,
    ProgramView,
    RequestBenefit,
)
from server.customers import queries as customers
from server.customers import references
from server.kit import db, ids
from server.kit.errors import IdReused, NotFound
from server.partners import queries as partners

_ADD_PROGRAM: Final = """
INSERT INTO benefit_program (
    id, name, amount_minor, currency, limit_per_customer, opens_at, closes_at, token_key,
    created_by, created_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING
"""
_PROGRAM: Final = """
SELECT id, name, amount_minor, currency, limit_per_customer, opens_at, closes_at, token_key
FROM benefit_program WHERE id = $1
"""
_TERMS_OF: Final = """
SELECT id, name, amount_minor, currency, limit_per_customer, opens_at, closes_at
FROM benefit_program WHERE id = $1
"""
_CURRENCIES: Final = "SELECT id, currency FROM benefit_program WHERE id = ANY($1::uuid[])"
_ASK: Final = """
INSERT INTO benefit_request (
    tenant_id, id, customer_id, program_id, amount_minor, currency, state, requested_by,
    requested_at
) VALUES ($1, $2, $3, $4, $5, $6, 'requested', $7, $8)
ON CONFLICT (tenant_id, id) DO NOTHING RETURNING id
"""
_DECIDE: Final = """
UPDATE benefit_request
SET state = $3, refusal_code = $4, decided_at = $5, rules_version = $6, facts = $7::jsonb
WHERE tenant_id = $1 AND id = $2
"""
_ASKED: Final = """
SELECT customer_id, program_id FROM benefit_request WHERE tenant_id = $1 AND id = $2
"""
_CODE: Final = "SELECT refusal_code FROM benefit_request WHERE tenant_id = $1 AND id = $2"
_KNOWN: Final = "SELECT true FROM customer WHERE tenant_id = $1 AND id = $2"


references.register(references.Reference("benefit_request", "customer_id"))


# ------------------------------------------------------------------------------- the platform


async def create_program(
    actor: Actor, new: NewProgram, *, token_key: bytes, now: datetime
) -> ProgramView:
    """Create a program. Nothing can be issued of it before its budget is funded.

    :param token_key: 32 random bytes that make its customers' tokens.
    :raises IdReused: the id belongs to a program with other terms.
    """
    ensure(actor, Permission.PROGRAMS_MANAGE)
    rules.ensure_lasts(new.opens_at, new.closes_at)
    async with db.platform_transaction(actor):
        status = await db.connection().execute(
            _ADD_PROGRAM,
            *(new.id, new.name, new.amount_minor, new.currency, new.limit_per_customer),
            *(new.opens_at, new.closes_at, token_key, actor.user_id, now),
        )
        if status.endswith(" 1"):
            terms = {"amount_minor": new.amount_minor, "currency": new.currency}
            await audit.record_platform_write(
                actor, "program.created", subject_id=new.id, now=now, **terms
            )
        asked = msgspec.structs.asdict(new)
        [held] = await db.connection().fetch(_TERMS_OF, new.id)
        if any(held[name] != value for name, value in asked.items()):
            # Said before anything is opened: the program that has the id stays as it is.
            raise IdReused("This id belongs to another program; make a new one.", field="id")
        await budgets.open_program(
            new.id, platform_id=PLATFORM_TENANT, currency=new.currency, now=now
        )
        return await queries.program(actor, new.id)


async def fund(actor: Actor, program_id: UUID, new: NewFunding, *, now: datetime) -> ProgramView:
    """Put money into a program's budget, or take out what is available of it.

    :raises BudgetExhausted: more is taken out than is available.
    """
    ensure(actor, Permission.PROGRAMS_MANAGE)
    async with db.platform_transaction(actor):
        program = await queries.program(actor, program_id)
        outcome = await budgets.fund(
            Funding(
                key=new.id,
                program_id=program_id,
                amount=Money(new.amount_minor, program.currency),
                is_return=new.is_return,
            ),
            transfer_id=ids.new_id(now),
            platform_id=PLATFORM_TENANT,
            actor_id=actor.user_id,
            now=now,
        )
        if _is_done(outcome):
            await audit.record_platform_write(
                actor,
                "program.returned" if new.is_return else "program.funded",
                subject_id=program_id,
                now=now,
                amount_minor=new.amount_minor,
                key=new.id,
            )
        program = await queries.program(actor, program_id)
    # Committed first, so that a refusal stays the answer to its id.
    _ensure_recorded(outcome)
    return program


async def allocate(
    actor: Actor, program_id: UUID, new: NewAllocation, *, now: datetime
) -> ProgramView:
    """Give a part of a program's budget to one agent, who from then on draws on it alone.

    With `is_return`, take back what is available of it.

    :raises BudgetExhausted: there is less available.
    :raises NotFound: no such program, or no such agent.
    """
    ensure(actor, Permission.PROGRAMS_MANAGE)
    async with db.platform_transaction(actor):
        program = await queries.program(actor, program_id)
        await partners.agent(actor, new.agent_id)
        outcome = await budgets.allocate(
            Allocation(
                key=new.id,
                program_id=program_id,
                agent_id=new.agent_id,
                amount=Money(new.amount_minor, program.currency),
                is_return=new.is_return,
            ),
            transfer_id=ids.new_id(now),
            platform_id=PLATFORM_TENANT,
            actor_id=actor.user_id,
            now=now,
        )
        if _is_done(outcome):
            await audit.record_platform_write(
                actor,
                "allocation.given_back" if new.is_return else "allocation.made",
                subject_id=program_id,
                now=now,
                agent_id=new.agent_id,
                amount_minor=new.amount_minor,
                key=new.id,
            )
        program = await queries.program(actor, program_id)
    _ensure_recorded(outcome)
    return program


async def void(actor: Actor, issuance_id: UUID, new: NewVoid, *, now: datetime) -> IssuanceRecord:
    """Withdraw what is left of a benefit, or a part of it: it is available again.

    What the customer has used stays used. Its agent is told.

    :raises AlreadyVoided: and the like, when there is nothing to withdraw.
    :raises MoreThanIsLeft: less is left.
    """
    ensure(actor, Permission.ISSUANCES_VOID)
    wish = Wish(
        key=new.id,
        kind=Kind.REVOKE,
        issuance_id=issuance_id,
        amount_minor=new.amount_minor,
        reason=new.reason,
    )
    async with db.platform_transaction(actor):
        settled = await redemptions.settle(
            wish,
            transfer_ids=[ids.new_id(now) for _ in range(redemptions.IDS)],
            owner_id=PLATFORM_TENANT,
            actor_id=actor.user_id,
            now=now,
        )
        if settled.code is Code.RECORDED:
            record = await queries.record_of(issuance_id)
            if settled.is_new:
                await audit.record_platform_read(
                    actor,
                    [record.agent_id],
                    "benefits.voided",
                    now=now,
                    issuance_id=issuance_id,
                )
                await audit.record_platform_write(
                    actor,
                    "benefit.voided",
                    subject_id=issuance_id,
                    now=now,
                    agent_id=record.agent_id,
                    amount_minor=settled.amount_minor,
                )
            return record
    raise rules.settling_refusal(settled.code)


def _is_done(outcome: Outcome) -> bool:
    """Say whether the books have moved now, and not when the same was asked before."""
    return outcome.is_new and outcome.code is Code.RECORDED


def _ensure_recorded(outcome: Outcome) -> None:
    """Refuse what the books have refused."""
    if outcome.code is not Code.RECORDED:
        raise _refused(outcome)


def _refused(outcome: Outcome) -> Exception:
    """Give the refusal that a person is told for what the books say."""
    if outcome.code is Code.EXCEEDS_CREDITS:
        return rules.BudgetExhausted("There is less available than this.")
    return rules.settling_refusal(outcome.code)


# ---------------------------------------------------------------------------------- the agents


async def request(actor: Actor, asked: RequestBenefit, *, now: datetime) -> BenefitView:
    """Request a benefit for a customer and have it issued, within the program's terms and budget.

    The same id and content is answered the same, however often it comes. A refusal is kept too: it
    stands in the agent's list, unless the transaction that this joined is undone by it.

    :raises BenefitRefused: with the code of the reason.
    :raises IdReused: the id was used for another customer or program.
    :raises NotFound: no such program, or no such customer within sight.
    """
    view = await submit(actor, asked, now=now)
    if view.refusal_code is not None:
        raise rules.refusal(view.refusal_code)
    return view


async def submit(actor: Actor, asked: RequestBenefit, *, now: datetime) -> BenefitView:
    """Request a benefit, and say what became of it also when it was refused.

    :raises IdReused: the id was used for another customer or program.
    :raises NotFound: no such program, or no such customer within sight.
    """
    actor.ensure_agent()
    ensure(actor, Permission.BENEFITS_REQUEST)
    async with db.tenant_transaction(actor.tenant_id):
        if not await _is_answered(actor, asked):
            await customers.one(actor, asked.customer_id)
            await _decide(actor, asked, None, now=now)
        return await queries.benefit(actor, asked.id)


async def promise(
    actor: Actor, asked: RequestBenefit, unit_id: UUID, *, now: datetime
) -> str | None:
    """Keep what a person promised a customer with a unit, and give the code of a refusal.

    A unit of the program that is held is the permission: whoever holds it may have lost the right
    to request, or the sight of the customer, since the promise. Without one this is a request like
    any other.

    :raises IdReused: the id was used for another customer or program.
    :raises NotFound: no such program, or no such customer.
    """
    actor.ensure_agent()
    async with db.tenant_transaction(actor.tenant_id):
        is_held = await escrow.is_held(actor.tenant_id, asked.program_id, actor.user_id, unit_id)
        # What was answered is answered the same, also when the unit was spent on it.
        if not await _is_answered(actor, asked):
            if not is_held:
                return (await submit(actor, asked, now=now)).refusal_code
            if not await db.connection().fetchval(_KNOWN, actor.tenant_id, asked.customer_id):
                raise NotFound("There is no customer with this id.", field="customer_id")
            await _decide(actor, asked, unit_id, now=now)
        return await _refusal_code(actor, asked)


async def queue_up(actor: Actor, program_ids: Collection[UUID], *, now: datetime) -> None:
    """Wait in line for the budgets of all these programs, before the first is drawn on.

    Whoever requests of several programs in one transaction calls this first; see
    `billing.issuance.service.queue_up`.
    """
    async with db.tenant_transaction(actor.tenant_id):
        rows = await db.connection().fetch(_CURRENCIES, list(program_ids))
        programs = [(row["id"], row["currency"]) for row in rows]
        await issuance.queue_up(programs, agent_id=actor.tenant_id, now=now)


async def _is_answered(actor: Actor, asked: RequestBenefit) -> bool:
    """Say whether this id was answered before.

    :raises IdReused: for something else.
    """
    held = await db.connection().fetchrow(_ASKED, actor.tenant_id, asked.id)
    if held is None:
        return False
    if (held["customer_id"], held["program_id"]) != (asked.customer_id, asked.program_id):
        raise IdReused("This id was used for another request; make a new one.", field="id")
    return True


async def _refusal_code(actor: Actor, asked: RequestBenefit) -> str | None:
    """Give why a request was refused; none where it was not."""
    code: str | None = await db.connection().fetchval(_CODE, actor.tenant_id, asked.id)
    return code


async def _decide(
    actor: Actor, asked: RequestBenefit, unit_id: UUID | None, *, now: datetime
) -> None:
    """Write the request down and decide it at once: programs approve by themselves for now."""
    row = await db.connection().fetchrow(_PROGRAM, asked.program_id)
    if row is None:
        raise NotFound("There is no program with this id.", field="program_id")
    program = msgspec.convert(dict(row), Program)
    is_first = await db.connection().fetchval(
        _ASK,
        *(actor.tenant_id, asked.id, asked.customer_id, asked.program_id),
        *(program.amount_minor, program.currency, actor.user_id, now),
    )
    if is_first is None:
        # A twin of this request was faster; it is committed by now.
        await _is_answered(actor, asked)
        return
    decided = await _decided(actor, asked, program, row["token_key"], unit_id, now=now)
    code = decided.refusal_code
    state = RequestState.REFUSED if code else RequestState.ISSUED
    await db.connection().execute(
        _DECIDE,
        *(actor.tenant_id, asked.id, state, code, now),
        *(decided.rules_version, msgspec.json.encode(decided.facts).decode()),
    )
    await audit.record(
        actor,
        f"benefit.{state}",
        subject_id=asked.id,
        now=now,
        program_id=program.id,
        customer_id=asked.customer_id,
        refusal_code=code,
    )


async def _decided(
    actor: Actor,
    asked: RequestBenefit,
    program: Program,
    token_key: bytes,
    unit_id: UUID | None,
    *,
    now: datetime,
) -> Decided:
    """Keep what was promised with a unit; decide everything else."""
    wanted = Wanted(asked.id, asked.customer_id)
    asker = Asker(person_id=actor.user_id, device_id=actor.device_id)
    tenant_id = actor.tenant_id
    if unit_id is not None:
        kept = await deciding.keep(
            tenant_id, program, token_key, wanted, unit_id, asker=asker, now=now
        )
        if kept is not None:
            return kept
        # What is no kept promise needs what each request needs.
        ensure(actor, Permission.BENEFITS_REQUEST)
        await customers.one(actor, asked.customer_id)
    [decided] = await deciding.decide(tenant_id, program, token_key, [wanted], asker=asker, now=now)
    return decided
