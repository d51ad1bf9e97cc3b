"""Plans are billed on a clock, and the ledger says every fen of it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from billing.invoices import queries as invoices
from billing.invoices import service as invoicing
from billing.invoices.rules import accounts
from billing.invoices.rules.credit_notes import CreditTooLarge
from billing.invoices.schemas import (
    Carried,
    Credit,
    FapiaoTaken,
    InvoiceKeyReused,
    InvoiceState,
    InvoiceView,
    Payment,
    PaymentAhead,
    PaymentTooLarge,
    SubscriptionParked,
)
from billing.metering import queries as usage
from billing.metering import service as metering
from billing.metering.rules import UsageEvent, UsageIdReused
from billing.plans import queries, service
from billing.plans.rules.clock import ClockMovedBack, next_month
from billing.plans.rules.entitlements import Standing
from billing.plans.rules.grants import Grant, GrantPast, GrantUnsound
from billing.plans.rules.subscriptions import Change, ChangePast
from billing.plans.rules.versions import (
    FREE,
    MONTH_MAX,
    PPM,
    Meter,
    PlanUnknown,
    PlanVersion,
    PlanVersionPast,
)
from billing.plans.schemas import Desk, PlanKeyReused
from server.access import PLATFORM_TENANT
from server.kit import db
from tests.billing.books import OPERATOR
from tests.billing.test_ledger_document import documented
from tests.factories import NOW, Tenant, new_id
from tests.waiting import meanwhile

TODAY = NOW.date()
STARTS = next_month(TODAY)
pytestmark = pytest.mark.usefixtures("database")


def desk(on: date = TODAY) -> Desk:
    """Stand at the desk on a day."""
    now = max(NOW, datetime(on.year, on.month, on.day, 12, tzinfo=UTC))
    return Desk(platform_id=PLATFORM_TENANT, actor_id=OPERATOR.user_id, today=on, now=now)


async def do(work: Callable[..., Awaitable[Any]], *given: Any, **named: Any) -> Any:
    """Do one thing in a transaction of the platform."""
    async with db.platform_transaction(OPERATOR):
        return await work(*given, **named)


async def a_plan(**terms: Any) -> PlanVersion:
    """Publish a plan that costs 100 yuan from next month on, and a seat 10."""
    about = {
        "id": new_id(),
        "plan_id": new_id(),
        "name": "专业版",
        "begins_on": STARTS,
        "price_minor": 100_00,
        "unit_minor": {"seats": 10_00},
    }
    version = msgspec.convert(about | terms, PlanVersion)
    assert await do(service.publish, version, desk())
    return version


def a_change(agent_id: UUID, version: PlanVersion, on: date = STARTS) -> Change:
    """Write that an agent has a plan from next month on."""
    return Change(id=new_id(), agent_id=agent_id, begins_on=on, plan_id=version.plan_id)


def a_grant(agent_id: UUID, **terms: Any) -> Grant:
    """Write a grant of a seat."""
    about = {
        "id": new_id(),
        "agent_id": agent_id,
        "source": "agent",
        "meter": "seats",
        "units": 1,
        "begins_on": STARTS,
    }
    return msgspec.convert(about | terms, Grant)


async def advance(agent_id: UUID, until: date, **named: Any) -> Carried:
    """Carry an agent's plan on."""
    found: Carried = await do(invoicing.advance, agent_id, until, desk(until), **named)
    return found


async def subscribed(tenant: Tenant, **terms: Any) -> PlanVersion:
    """Let an agent have a plan from next month on."""
    version = await a_plan(**terms)
    await do(service.change, a_change(tenant.tenant_id, version), desk())
    return version


async def billed(tenant: Tenant, **named: Any) -> InvoiceView:
    """Let an agent have a plan, and give the invoice of its first month."""
    await subscribed(tenant)
    carried = await advance(tenant.tenant_id, next_month(STARTS), **named)
    [invoice_id] = carried.invoices
    found: InvoiceView = await do(invoices.invoice, invoice_id)
    return found


async def entries(*account_ids: UUID) -> dict[str, set[tuple[UUID, int]]]:
    """Give what moved accounts, by event."""
    async with db.platform_transaction(OPERATOR):
        rows = await db.connection().fetch(
            "SELECT transfer.event, entry.account_id, entry.posted_minor FROM ledger_entry entry "
            "JOIN ledger_transfer transfer ON transfer.id = entry.transfer_id "
            "WHERE $1 IN (transfer.debit_id, transfer.credit_id) "
            "OR $2 IN (transfer.debit_id, transfer.credit_id)",
            *account_ids,
        )
    found: dict[str, set[tuple[UUID, int]]] = {}
    for row in rows:
        found.setdefault(row["event"], set()).add((row["account_id"], row["posted_minor"]))
    return found


# ------------------------------------------------------------------------------------- plans


async def test_versions_and_changes_never_touch_the_past(tenant: Tenant) -> None:
    version = await a_plan()
    assert not await do(service.publish, version, desk())
    for refused, error in (
        (msgspec.structs.replace(version, price_minor=1), PlanKeyReused),
        (msgspec.structs.replace(version, id=new_id(), begins_on=TODAY), PlanVersionPast),
        (msgspec.structs.replace(version, id=new_id(), plan_id=FREE.plan_id), PlanKeyReused),
    ):
        with pytest.raises(error):
            await do(service.publish, refused, desk())

    change = a_change(tenant.tenant_id, version)
    assert await do(service.change, change, desk())
    assert not await do(service.change, change, desk())
    early = a_change(tenant.tenant_id, version, TODAY - timedelta(days=1))
    with pytest.raises(ChangePast):
        await do(service.change, early, desk())
    with pytest.raises(PlanKeyReused):
        await do(service.change, msgspec.structs.replace(change, plan_id=None), desk())
    unknown = msgspec.structs.replace(
        change, id=new_id(), begins_on=date(2099, 1, 1), plan_id=new_id()
    )
    with pytest.raises(PlanUnknown):
        await do(service.change, unknown, desk())


async def test_grants_are_given_once_and_end_ahead(tenant: Tenant) -> None:
    await subscribed(tenant, limits={"seats": {"most": 3, "kind": "hard"}})
    grant = a_grant(tenant.tenant_id, source="platform")
    assert await do(service.grant, grant, desk())
    assert not await do(service.grant, grant, desk())
    with pytest.raises(PlanKeyReused):
        await do(service.grant, msgspec.structs.replace(grant, units=2), desk())
    with pytest.raises(GrantPast):
        await do(service.grant, a_grant(tenant.tenant_id, begins_on="2026-01-01"), desk())
    with pytest.raises(GrantUnsound):
        await do(service.grant, a_grant(tenant.tenant_id, meter="messages"), desk())
    with pytest.raises(GrantPast):
        await do(service.end_grant, grant.id, TODAY, desk())
    last = STARTS + timedelta(days=9)
    await do(service.end_grant, grant.id, last, desk())

    # The agent's own transaction sees the same.
    async with db.tenant_transaction(tenant.tenant_id):
        told = await queries.subscription(tenant.tenant_id, TODAY)
    most = [
        told.entitled(on).allowances[Meter.SEATS].most for on in (last, last + timedelta(days=1))
    ]
    assert most == [4, 3]
    assert told.entitled(TODAY).version_id == FREE.id


# ----------------------------------------------------------------------------------- invoices


async def test_the_document_tells_each_event_as_it_is(tenant: Tenant, rival: Tenant) -> None:
    invoice = await billed(tenant)
    paid = Payment(id=new_id(), invoice_id=invoice.id, amount_minor=40_00, paid_on=TODAY)
    await do(invoicing.pay, paid, desk())
    note = Credit(id=new_id(), invoice_id=invoice.id, amount_minor=60_00, reason="误开")
    await do(invoicing.credit, note, desk())
    await subscribed(rival, price_minor=0)
    await do(service.grant, a_grant(rival.tenant_id, source="platform"), desk())
    [sponsored] = (await advance(rival.tenant_id, next_month(STARTS))).invoices
    note = Credit(id=new_id(), invoice_id=sponsored, amount_minor=10_00, reason="误开")
    await do(invoicing.credit, note, desk())

    names = {
        accounts.receivable_account(tenant.tenant_id, "CNY"): "plan_receivable",
        accounts.revenue_account(PLATFORM_TENANT, "CNY"): "plan_revenue",
        accounts.sponsored_account(PLATFORM_TENANT, "CNY"): "plan_sponsored",
        accounts.bank_account(PLATFORM_TENANT, "CNY"): "bank",
    }
    own, _, borne, _ = names
    found = {
        event: {(names[name], minor > 0) for name, minor in lines if name in names}
        for event, lines in (await entries(own, borne)).items()
    }
    told = {
        event: {(name, posted > 0) for name, _, posted in lines}
        for event, lines in documented(("invoice.",)).items()
    }
    assert found == told


async def test_a_final_invoice_stays_as_it_is(tenant: Tenant) -> None:
    invoice = await billed(tenant)
    assert (invoice.total_minor, invoice.left_minor) == (100_00, 100_00)
    with pytest.raises(InvoiceState):
        await do(invoicing.finalise, invoice.id, desk())
    for harm in (
        "UPDATE invoice SET number = number + 1000000 WHERE id = $1",
        "UPDATE invoice SET state = 'draft' WHERE id = $1",
        """
        INSERT INTO invoice_line (
            invoice_id, place, version_id, units, begins_on, ends_before, net_minor, tax_ppm,
            tax_minor
        ) VALUES ($1, 9, $1, 1, '2026-01-01', '2026-01-02', 1, 0, 0)
        """,
    ):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            async with db.platform_transaction(OPERATOR):
                await db.connection().execute(harm, invoice.id)


async def test_what_costs_most_is_billed_and_more_is_refused(tenant: Tenant) -> None:
    most = {"price_minor": MONTH_MAX, "unit_minor": {"seats": MONTH_MAX}, "tax_ppm": PPM}
    await subscribed(tenant, **most)
    await do(service.grant, a_grant(tenant.tenant_id), desk())
    with pytest.raises(GrantUnsound):
        await do(service.grant, a_grant(tenant.tenant_id, units=2), desk())
    for wrong in ({"price_minor": MONTH_MAX + 1}, {"unit_minor": {"seats": MONTH_MAX + 1}}):
        with pytest.raises(msgspec.ValidationError, match=next(iter(wrong))):
            await a_plan(**wrong)

    carried = await advance(tenant.tenant_id, next_month(STARTS))
    totals = [(await do(invoices.invoice, each)).total_minor for each in carried.invoices]
    assert totals == [4 * MONTH_MAX]


async def test_a_grant_that_ended_meanwhile_does_not_go_on(tenant: Tenant) -> None:
    await subscribed(tenant)
    given = a_grant(tenant.tenant_id)
    await do(service.grant, given, desk())
    until = next_month(STARTS)
    last = STARTS + timedelta(days=3)

    async with db.platform_transaction(OPERATOR):
        await do(service.end_grant, given.id, last, desk())
        late = await meanwhile(do(service.end_grant, given.id, until, desk()))
        await advance(tenant.tenant_id, until)

    with pytest.raises(GrantPast):
        await late
    held = await do(queries.subscription, tenant.tenant_id, until)
    assert [each.ends_on for each in held.grants] == [last]


async def test_a_draft_waits_until_it_is_final(tenant: Tenant) -> None:
    draft = await billed(tenant, finalises=False)
    assert (draft.state, draft.number) == ("draft", None)
    payment = Payment(id=new_id(), invoice_id=draft.id, amount_minor=1, paid_on=TODAY)
    with pytest.raises(InvoiceState):
        await do(invoicing.pay, payment, desk())
    async with db.tenant_transaction(tenant.tenant_id):
        assert await invoices.invoices(tenant.tenant_id, before=None, limit=9) == []
    final = await do(invoicing.finalise, draft.id, desk())
    assert (final.state, final.number is not None) == ("final", True)


async def test_numbers_have_no_gap_though_transactions_are_undone(
    tenant: Tenant, rival: Tenant
) -> None:
    for each in (tenant, rival):
        await subscribed(each)
    until = STARTS + timedelta(days=100)

    async def undone(agent_id: UUID) -> None:
        async with db.platform_transaction(OPERATOR):
            await invoicing.advance(agent_id, until, desk(until))
            raise InterruptedError

    # A preview is the same code, undone (I17): what it said is what comes.
    async def told(agent_id: UUID) -> list[InvoiceView]:
        found: list[InvoiceView] = []
        with contextlib.suppress(InterruptedError):
            async with db.platform_transaction(OPERATOR):
                carried = await invoicing.advance(agent_id, until, desk(until))
                found += [await invoices.invoice(each) for each in carried.invoices]
                raise InterruptedError
        return found

    before = await told(tenant.tenant_id)
    await asyncio.gather(
        advance(rival.tenant_id, until), undone(tenant.tenant_id), return_exceptions=True
    )
    carried = await advance(tenant.tenant_id, until)
    real = [await do(invoices.invoice, each) for each in carried.invoices]
    assert len(real) == 3

    def unnumbered(found: list[InvoiceView]) -> list[InvoiceView]:
        return [msgspec.structs.replace(each, number=None) for each in found]

    assert unnumbered(before) == unnumbered(real)
    assert await do(invoices.gaps) == []


async def test_payments_and_credits_are_bounded_and_done_once(tenant: Tenant) -> None:
    invoice = await billed(tenant)
    paid = Payment(id=new_id(), invoice_id=invoice.id, amount_minor=30_00, paid_on=TODAY)
    for _ in range(2):
        assert (await do(invoicing.pay, paid, desk())).invoice.left_minor == 70_00
    replace = msgspec.structs.replace
    for wrong, error in (
        (replace(paid, amount_minor=1), InvoiceKeyReused),
        (replace(paid, id=new_id(), amount_minor=70_01), PaymentTooLarge),
        (replace(paid, id=new_id(), paid_on=TODAY + timedelta(days=1)), PaymentAhead),
    ):
        with pytest.raises(error):
            await do(invoicing.pay, wrong, desk())
    note = Credit(id=new_id(), invoice_id=invoice.id, amount_minor=100_01, reason="误开")
    with pytest.raises(CreditTooLarge):
        await do(invoicing.credit, note, desk())
    note = replace(note, amount_minor=100_00)
    for _ in range(2):
        found = (await do(invoicing.credit, note, desk())).invoice
        # What was paid already is the agent's.
        assert (found.left_minor, len(found.credits)) == (-30_00, 1)
    with pytest.raises(InvoiceKeyReused):
        await do(invoicing.credit, replace(note, amount_minor=1), desk())
    assert await do(invoices.contradictions_of, [tenant.tenant_id]) == {}


async def test_an_e_invoices_number_stands_with_one_invoice(tenant: Tenant, rival: Tenant) -> None:
    one, other = await billed(tenant), await billed(rival)
    number = f"264420{one.id.int % 10**14:014d}"
    for _ in range(2):
        assert (await do(invoicing.note_fapiao, one.id, number, desk())).invoice.fapiao == number
    for invoice, taken in ((other, number), (one, f"265420{number[6:]}")):
        with pytest.raises(FapiaoTaken):
            await do(invoicing.note_fapiao, invoice.id, taken, desk())


# -------------------------------------------------------------------------------- the clock


async def test_the_clock_and_what_is_overdue(tenant: Tenant) -> None:
    invoice = await billed(tenant)
    until = invoice.due_on + timedelta(days=46)
    carried = await advance(tenant.tenant_id, until)
    assert carried.standing is Standing.READ_ONLY
    with pytest.raises(ClockMovedBack):
        await advance(tenant.tenant_id, until - timedelta(days=1))
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        async with db.platform_transaction(OPERATOR):
            await db.connection().execute(
                "UPDATE saas_subscription SET clock_on = '2000-01-01' WHERE agent_id = $1",
                tenant.tenant_id,
            )
    for each in await do(invoices.owed, tenant.tenant_id):
        if each.due_on < until:
            payment = Payment(
                id=new_id(), invoice_id=each.id, amount_minor=each.left_minor, paid_on=TODAY
            )
            await do(invoicing.pay, payment, desk())
    steps = [step.standing for step in await do(invoices.steps, tenant.tenant_id)]
    assert steps[0] is Standing.REMINDED
    assert steps[-1] is Standing.GOOD
    assert (await do(queries.subscription, tenant.tenant_id, TODAY)).standing is Standing.GOOD


async def test_books_that_contradict_themselves_are_parked(tenant: Tenant) -> None:
    invoice = await billed(tenant)
    async with db.platform_transaction(OPERATOR):
        await db.connection().execute(
            "UPDATE invoice SET left_minor = left_minor - 1 WHERE id = $1", invoice.id
        )
    until = STARTS + timedelta(days=100)
    carried = await advance(tenant.tenant_id, until)
    assert carried.parked_reason is not None
    assert str(invoice.id) in carried.parked_reason
    assert carried.clock_on == next_month(STARTS)
    with pytest.raises(SubscriptionParked):
        await advance(tenant.tenant_id, until)
    behind = await do(queries.behind, until, after=None, limit=10_000)
    assert tenant.tenant_id not in {each.agent_id for each in behind}


# --------------------------------------------------------------------------------- metering


async def test_usage_counts_once_in_its_hour_and_is_the_same_from_its_events(
    tenant: Tenant,
) -> None:
    def event(hours: float, amount: int = 5, meter: Meter = Meter.STORAGE_BYTES) -> UsageEvent:
        at = NOW.replace(minute=10) - timedelta(hours=hours)
        return UsageEvent(id=new_id(), meter=meter, at=at, amount=amount)

    async def tell(events: list[UsageEvent]) -> int:
        async with db.tenant_transaction(tenant.tenant_id):
            return await metering.record(tenant.tenant_id, events, now=NOW)

    first = [event(1), event(1), event(2, 3), event(1, 1, Meter.MESSAGES)]
    late = event(2, 7)
    assert await tell(first) == 4
    assert await tell([*first, late, late]) == 1
    wrong = msgspec.structs.replace(first[0], amount=6)
    with pytest.raises(UsageIdReused):
        await tell([event(1), wrong])
    async with db.tenant_transaction(tenant.tenant_id):
        found = await usage.buckets(tenant.tenant_id, Meter.STORAGE_BYTES, until=NOW)
        again = [await usage.recomputed(tenant.tenant_id, each.meter, each.hour) for each in found]
        month = NOW.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        used = await usage.used(tenant.tenant_id, month=month)
    assert [each.amount for each in found] == [10, 10]
    assert msgspec.json.encode(found) == msgspec.json.encode(again)
    assert used == {Meter.STORAGE_BYTES: 20, Meter.MESSAGES: 1}
