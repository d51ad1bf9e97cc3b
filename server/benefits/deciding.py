"""Decide requests of one program, in sets: its time, its rules, its budgets and limits, in turn.

One request of a person, those of a device and the rows of a batch are decided here alike. Runs in
the transaction of the customers' agent, which writes down what came of each.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from billing.escrow import service as escrow
from billing.escrow.schemas import Promise
from billing.issuance import service as issuance
from billing.issuance.schemas import Issue, IssueCode, Terms
from billing.money import Money
from server.benefits import rules
from server.benefits.eligibility import queries as eligible
from server.benefits.eligibility import service as eligibility
from server.benefits.eligibility.rules import Facts, Rules, judge
from server.benefits.reviews import traces
from server.benefits.reviews.traces import Asker
from server.benefits.rules import BenefitRefused, LeavingRequestsNone, NotEligible, Program
from server.kit import db, ids
from server.kit.errors import IdReused
from server.partners import queries as partners

_REQUESTED: Final = """
SELECT count(*) FROM issuance
JOIN benefit_request request
ON request.tenant_id = issuance.agent_id AND request.id = issuance.request_key
WHERE issuance.agent_id = $1 AND issuance.program_id = $2 AND issuance.customer_token = $3
AND issuance.state <> 'voided' AND request.requested_by = $4
AND NOT EXISTS (SELECT FROM escrow_unit unit WHERE unit.id = issuance.id)
"""


class Wanted(msgspec.Struct, frozen=True):
    """A benefit that somebody wants for a customer."""

    request_id: UUID
    customer_id: UUID


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it, by which rules, and what they saw."""

    request_id: UUID
    customer_id: UUID
    refusal_code: str | None
    rules_version: int
    facts: Facts


async def decide(
    tenant_id: UUID,
    program: Program,
    token_key: bytes,
    wanted: Sequence[Wanted],
    *,
    asker: Asker,
    now: datetime,
) -> list[Decided]:
    """Decide requests in their order; those that may be are issued in one statement.

    Of each that was issued a trace stays, which is screened when this is committed.
    """
    version, held = await eligible.in_force(program.id)
    facts = await eligible.facts_of(tenant_id, [each.customer_id for each in wanted], now=now)
    is_leaving = await partners.is_frozen(tenant_id, now=now)
    codes = {
        each.request_id: LeavingRequestsNone.code
        if is_leaving
        else _refusal(program, held, facts[each.customer_id], now=now)
        for each in wanted
    }
    free = [each for each in wanted if codes[each.request_id] is None]
    if free:
        asked = [_issue(tenant_id, program, token_key, each, now) for each in free]
        answers = await issuance.issue(
            Terms(
                program_id=program.id,
                limit_per_customer=program.limit_per_customer,
                expires_at=held.expires_at(now),
            ),
            asked,
            group_id=ids.new_id(now),
            actor_id=asker.person_id,
            now=now,
        )
        issued = [
            traces.Issued(
                issuance_id=answer.issuance_id,
                customer_id=each.customer_id,
                customer_token=issue.customer_token,
            )
            for each, issue, answer in zip(free, asked, answers, strict=True)
            if answer.is_new and answer.issuance_id is not None
        ]
        await traces.keep(tenant_id, program.id, token_key, issued, asker, now=now)
        for answer in answers:
            if answer.code is IssueCode.ID_REUSED:
                codes[answer.key] = IdReused.code
            elif answer.code is not IssueCode.ISSUED:
                codes[answer.key] = rules.refusal(answer.code).code
    decided = [
        Decided(
            request_id=each.request_id,
            customer_id=each.customer_id,
            refusal_code=codes[each.request_id],
            rules_version=version,
            facts=facts[each.customer_id],
        )
        for each in wanted
    ]
    samples = [(each.facts, each.refusal_code) for each in decided]
    await eligibility.keep_samples(program.id, version, samples, now=now)
    return decided


async def keep(
    tenant_id: UUID,
    program: Program,
    token_key: bytes,
    promised: Wanted,
    unit_id: UUID,
    *,
    asker: Asker,
    now: datetime,
) -> Decided | None:
    """Keep what a device promised with a unit that it holds; None where it holds it no more.

    Nothing is judged: that was for the device to do when it promised. A trace stays, as of each.
    """
    version, held = await eligible.in_force(program.id)
    token = rules.customer_token(token_key, tenant_id, promised.customer_id)
    kept = await escrow.keep(
        Promise(
            unit_id=unit_id,
            key=promised.request_id,
            agent_id=tenant_id,
            program_id=program.id,
            person_id=asker.person_id,
            customer_token=token,
            limit_per_customer=program.limit_per_customer,
            requested=await db.connection().fetchval(
                _REQUESTED, tenant_id, program.id, token, asker.person_id
            ),
            expires_at=held.expires_at(now),
        ),
        now=now,
    )
    if not kept:
        return None
    issued = traces.Issued(
        issuance_id=unit_id, customer_id=promised.customer_id, customer_token=token
    )
    await traces.keep(tenant_id, program.id, token_key, [issued], asker, now=now)
    facts = await eligible.facts_of(tenant_id, [promised.customer_id], now=now)
    return Decided(
        request_id=promised.request_id,
        customer_id=promised.customer_id,
        refusal_code=None,
        rules_version=version,
        facts=facts[promised.customer_id],
    )


def _refusal(program: Program, held: Rules, facts: Facts, *, now: datetime) -> str | None:
    """Say what refuses a request before the books are asked."""
    try:
        rules.ensure_open(program, now=now)
    except BenefitRefused as refused:
        return refused.code
    return None if judge(held, facts).is_eligible else NotEligible.code


def _issue(
    tenant_id: UUID, program: Program, token_key: bytes, wanted: Wanted, now: datetime
) -> Issue:
    """Write what the books are asked for."""
    return Issue(
        key=wanted.request_id,
        id=ids.new_id(now),
        agent_id=tenant_id,
        customer_token=rules.customer_token(token_key, tenant_id, wanted.customer_id),
        amount=Money(program.amount_minor, program.currency),
    )
