"""What a version of a plan would cost who has the plan: billed by the same code, and not kept."""

from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from billing.invoices import queries as invoicing_queries
from billing.invoices import service as invoicing
from billing.invoices.rules.drafts import Bearer
from billing.plans import queries as books
from billing.plans import service as plans
from billing.plans.rules.clock import next_month
from billing.plans.rules.versions import PlanVersion
from billing.plans.schemas import Behind, Desk, HolderRow, HoldersAsked
from server.access import Actor
from server.audit import service as audit
from server.kit import db
from server.kit.calendars import ZONE
from server.kit.errors import Invalid
from server.kit.pages import PAGE_SIZE
from server.plans import rules
from server.plans.schemas import TriedHolder, VersionTrial

AHEAD: Final = timedelta(days=731)
"""So far ahead a version may begin whose bills are looked at: each month until then is billed."""
_AT_ONCE: Final = 200


class _Undone(Exception):
    """What was looked at is not kept."""


async def trial(actor: Actor, version: PlanVersion, desk: Desk, *, now: datetime) -> VersionTrial:
    """Bill the first whole month of a version to those who have its plan then, with and without it.

    Each is billed by the code that bills in earnest, in transactions that are undone. Who is shown
    is told. Whose books somebody has to look into first are left out and counted.

    :raises PlanVersionUnsound: and what else publishing would say no to.
    :raises Invalid: it begins too far ahead.
    """
    if version.begins_on > now.astimezone(ZONE).date() + AHEAD:
        raise Invalid("Up to two years ahead bills can be looked at.", field="begins_on")
    begins_on = version.begins_on
    month = begins_on if begins_on.day == 1 else next_month(begins_on)
    await _billed(actor, [], month, version, desk)
    held = await _holders(actor, version.plan_id, month)
    behind = [
        Behind(agent_id=each.agent_id, clock_on=each.clock_on)
        for each in held
        if each.parked_reason is None
    ]
    found: list[TriedHolder] = []
    for together in rules.parted(behind, next_month(month)):
        is_now = await _billed(actor, together, month, None, desk)
        would = await _billed(actor, together, month, version, desk)
        found += [TriedHolder(each, is_now.get(each, 0), would.get(each, 0)) for each in together]
    shown = sorted(found, key=lambda each: (each.now_minor - each.would_minor, each.agent_id))
    shown = shown[:PAGE_SIZE]
    async with db.platform_transaction(actor):
        agents = [each.agent_id for each in shown]
        await audit.record_platform_read(actor, agents, "plans.trial", now=now)
    return VersionTrial(
        month=month,
        currency=version.currency,
        holders=shown,
        holders_count=len(found),
        now_minor=sum(each.now_minor for each in found),
        would_minor=sum(each.would_minor for each in found),
        left_out=len(held) - len(behind),
    )


async def _holders(actor: Actor, plan_id: UUID, month: date) -> list[HolderRow]:
    """List who has a plan on the first day of a month."""
    asked, found = HoldersAsked(plan_id=plan_id), list[HolderRow]()
    after: UUID | None = None
    while True:
        async with db.platform_transaction(actor):
            some = await books.holders(asked, month, after=after, limit=_AT_ONCE)
        found += some
        if len(some) < _AT_ONCE:
            return found
        after = some[-1].agent_id


async def _billed(
    actor: Actor, agent_ids: list[UUID], month: date, version: PlanVersion | None, desk: Desk
) -> dict[UUID, int]:
    """Give what each agent is billed for a month, tax included; nothing of it is kept."""
    found: dict[UUID, int] = {}
    with suppress(_Undone):
        async with db.platform_transaction(actor):
            if version is not None:
                await plans.publish(version, desk)
            carried = []
            if agent_ids:
                carried = await invoicing.advance_all(
                    agent_ids, next_month(month), desk, finalises=False
                )
            for each in carried:
                for invoice_id in each.invoices:
                    bill = await invoicing_queries.invoice(invoice_id)
                    if (bill.month, bill.bearer) == (month, Bearer.AGENT):
                        found[each.agent_id] = bill.total_minor
            raise _Undone
    return found
