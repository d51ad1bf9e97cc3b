"""Units that devices hold: a promise with a held one is kept, and no budget is overspent."""

from datetime import timedelta

import asyncpg
import pytest

from billing.budgets import rules as names
from billing.escrow import queries
from billing.escrow import service as escrow
from billing.escrow.schemas import LeaseCode
from billing.issuance.schemas import Issue, IssueCode
from server.kit import db
from server.settings import Settings
from tests.billing import books, units
from tests.billing.books import OPERATOR
from tests.billing.test_ledger_document import Lines, documented
from tests.factories import NOW, Tenant, new_id
from tests.waiting import freely, meanwhile


@pytest.mark.usefixtures("database")
async def test_half_of_an_allocation_stands_on_a_companys_phones_however_many_ask(
    tenant: Tenant,
) -> None:
    program, phone = await units.own_program(tenant.tenant_id, 9), new_id()

    first = await units.lease(units.ask(program, tenant.tenant_id, phone, 3))
    again = await units.lease(units.ask(program, tenant.tenant_id, phone, 3))
    others = [
        await units.lease(units.ask(program, tenant.tenant_id, new_id(), 20)) for _ in range(3)
    ]

    assert (len(first.unit_ids), first.until) == (3, units.UNTIL)
    assert again == first
    assert [len(each.unit_ids) for each in others] == [1, 0, 0]
    assert others[-1].code is LeaseCode.LIMIT_REACHED
    own = await books.balance(program.own_budget_id(tenant.tenant_id))
    assert (own.debits_pending, own.available_minor) == (4 * units.AMOUNT, 5 * units.AMOUNT)


@pytest.mark.usefixtures("database")
async def test_who_renews_or_asks_online_waits_for_no_lease_of_another_company(
    tenant: Tenant, rival: Tenant
) -> None:
    program = await units.own_program(tenant.tenant_id, 8)
    await books.fund(program, 4 * units.AMOUNT)
    phone, other = new_id(), new_id()
    await units.lease(units.ask(program, tenant.tenant_id, other, 1))

    async with db.tenant_transaction(tenant.tenant_id):
        await units.lease(units.ask(program, tenant.tenant_id, phone, 2))
        renewed = await freely(units.lease(units.ask(program, tenant.tenant_id, other, 1)))
        [issued] = await freely(books.issue(program, [books.ask(rival.tenant_id, units.AMOUNT)]))

    assert renewed.code is LeaseCode.LEASED
    assert issued.code is IssueCode.ISSUED


@pytest.mark.usefixtures("database")
async def test_of_the_pool_that_all_share_nothing_is_leased(tenant: Tenant) -> None:
    program = await books.make_program(100 * units.AMOUNT)

    answer = await units.lease(units.ask(program, tenant.tenant_id, new_id(), 1))

    assert answer.code is LeaseCode.NO_ALLOCATION
    assert (await books.books(program)).held_minor == 0


@pytest.mark.usefixtures("database")
async def test_a_promised_unit_is_the_benefit_and_moves_nothing(tenant: Tenant) -> None:
    program, phone = await units.own_program(tenant.tenant_id, 2), new_id()
    [unit] = (await units.lease(units.ask(program, tenant.tenant_id, phone, 1))).unit_ids
    before = await books.balance(program.own_budget_id(tenant.tenant_id))

    kept = await units.promise(program, tenant.tenant_id, phone, unit)

    assert kept
    assert await books.balance(program.own_budget_id(tenant.tenant_id)) == before
    assert not await units.promise(program, tenant.tenant_id, phone, unit)
    assert (await books.void(unit)).code == "recorded"
    assert (await books.books(program)).held_minor == 0


@pytest.mark.usefixtures("database")
async def test_a_request_with_the_key_of_a_promise_is_the_same_benefit(tenant: Tenant) -> None:
    program, phone, key = await units.own_program(tenant.tenant_id, 4), new_id(), new_id()
    unit = (await units.lease(units.ask(program, tenant.tenant_id, phone, 2))).unit_ids[0]
    await units.promise(program, tenant.tenant_id, phone, unit, customer="c", key=key)

    [same] = await books.issue(
        program, [books.ask(tenant.tenant_id, units.AMOUNT, key=key, customer="c")]
    )
    [other] = await books.issue(program, [books.ask(tenant.tenant_id, units.AMOUNT, key=key)])

    assert (same.code, same.issuance_id, same.is_new) == (IssueCode.ISSUED, unit, False)
    assert other.code is IssueCode.ID_REUSED


@pytest.mark.usefixtures("database")
async def test_nobody_promises_what_somebody_else_holds(tenant: Tenant, rival: Tenant) -> None:
    program, phone = await units.own_program(tenant.tenant_id, 4), new_id()
    [unit] = (await units.lease(units.ask(program, tenant.tenant_id, phone, 1))).unit_ids

    assert not await units.promise(program, tenant.tenant_id, new_id(), unit)
    assert not await units.promise(program, rival.tenant_id, phone, unit)
    assert await units.promise(program, tenant.tenant_id, phone, unit)


@pytest.mark.usefixtures("database")
async def test_a_customers_limit_yields_to_what_the_promiser_could_not_know(
    tenant: Tenant,
) -> None:
    program, phone = await units.own_program(tenant.tenant_id, 8), new_id()
    held = (await units.lease(units.ask(program, tenant.tenant_id, phone, 2))).unit_ids
    await books.issue(program, [books.ask(tenant.tenant_id, units.AMOUNT, customer="c")])

    unknown = await units.promise(program, tenant.tenant_id, phone, held[0], customer="c")
    known = await units.promise(program, tenant.tenant_id, phone, held[1], customer="c")

    assert (unknown, known) == (True, False)


@pytest.mark.usefixtures("database")
async def test_what_stands_beyond_a_customers_limit_leaves_no_place_within_it(
    tenant: Tenant,
) -> None:
    program, phone = await units.own_program(tenant.tenant_id, 8), new_id()
    [unit] = (await units.lease(units.ask(program, tenant.tenant_id, phone, 1))).unit_ids

    def ask() -> Issue:
        return books.ask(tenant.tenant_id, units.AMOUNT, customer="c")

    [within] = await books.issue(program, [ask()])
    assert await units.promise(program, tenant.tenant_id, phone, unit, customer="c")
    assert within.issuance_id is not None
    await books.void(within.issuance_id)

    [while_it_stands] = await books.issue(program, [ask()])
    await books.void(unit)
    [afterwards] = await books.issue(program, [ask()])

    assert while_it_stands.code is IssueCode.CUSTOMER_LIMIT_REACHED
    assert afterwards.code is IssueCode.ISSUED


@pytest.mark.usefixtures("database")
async def test_what_was_called_back_is_kept_if_promised_and_leased_no_more(
    tenant: Tenant,
) -> None:
    program, phone = await units.own_program(tenant.tenant_id, 10), new_id()
    wish = units.ask(program, tenant.tenant_id, phone, 2)
    held = (await units.lease(wish)).unit_ids
    async with db.tenant_transaction(tenant.tenant_id):
        assert await escrow.recall(tenant.tenant_id, program.id, phone, now=NOW) == 2
        [out] = await queries.out(tenant.tenant_id)

    assert (out.count, out.is_recalled) == (2, True)
    assert (await units.lease(wish)).code is LeaseCode.RECALLED
    assert await units.promise(program, tenant.tenant_id, phone, held[0])
    await units.lease(units.ask(program, tenant.tenant_id, phone, 0))
    assert (await units.lease(wish)).code is LeaseCode.LEASED


async def test_units_are_called_back_in_the_order_in_which_all_lock_them(
    wide_database: Settings, tenant: Tenant
) -> None:
    agent_id = tenant.tenant_id
    program, phone = await units.own_program(agent_id, 8), new_id()
    low, high = sorted([new_id(), new_id()])
    wish = units.ask(program, agent_id, phone, 2)
    async with db.tenant_transaction(agent_id):
        await escrow.lease(wish, unit_ids=[high, low], group_id=new_id(), now=NOW)

    async def recall() -> int:
        async with db.tenant_transaction(agent_id):
            return await escrow.recall(agent_id, program.id, phone, now=NOW)

    lock = "SELECT FROM escrow_unit WHERE id = $1 FOR UPDATE NOWAIT"
    async with db.tenant_transaction(agent_id):
        await db.connection().execute(lock, low)
        recalled = await meanwhile(recall())
        await db.connection().execute(lock, high)

    assert await recalled == 2


@pytest.mark.usefixtures("database")
async def test_a_unit_is_held_a_day_longer_than_it_may_be_promised(tenant: Tenant) -> None:
    program, phone = await units.own_program(tenant.tenant_id, 4), new_id()
    late, never = (await units.lease(units.ask(program, tenant.tenant_id, phone, 2))).unit_ids
    over = units.OVER

    await units.sweep(over - timedelta(microseconds=1))
    assert await units.promise(program, tenant.tenant_id, phone, late)
    await units.sweep(over)

    assert not await units.promise(program, tenant.tenant_id, phone, never)
    own = await books.balance(program.own_budget_id(tenant.tenant_id))
    assert (own.debits_pending, own.available_minor) == (units.AMOUNT, 3 * units.AMOUNT)
    assert await units.contradictions() == []


@pytest.mark.usefixtures("database")
async def test_an_agents_transaction_gives_no_unit_away_twice(tenant: Tenant) -> None:
    program, phone = await units.own_program(tenant.tenant_id, 4), new_id()
    [unit] = (await units.lease(units.ask(program, tenant.tenant_id, phone, 1))).unit_ids
    claim = "UPDATE escrow_unit SET state = $2, settled_at = now() WHERE id = $1"

    for state in ("promised", "released"):
        with pytest.raises(asyncpg.PostgresError):
            async with db.tenant_transaction(tenant.tenant_id):
                await db.connection().execute(claim, unit, state)


@pytest.mark.usefixtures("database")
async def test_the_document_tells_each_event_of_units(tenant: Tenant) -> None:
    program, phone = await units.own_program(tenant.tenant_id, 4), new_id()
    await units.lease(units.ask(program, tenant.tenant_id, phone, 1))
    await units.lease(units.ask(program, tenant.tenant_id, phone, 0))
    await units.lease(units.ask(program, tenant.tenant_id, phone, 1))
    await units.sweep(units.OVER)

    accounts = {
        program.own_budget_id(tenant.tenant_id): "allocation",
        names.issued_account(program.id, tenant.tenant_id, "CNY"): "issued",
    }
    made: dict[str, Lines] = {}
    async with db.platform_transaction(OPERATOR):
        rows = await db.connection().fetch(
            """
            SELECT transfer.event, entry.account_id, entry.pending_minor, entry.posted_minor
            FROM ledger_transfer transfer JOIN ledger_entry entry ON transfer_id = transfer.id
            WHERE entry.account_id = ANY ($1::uuid[]) AND transfer.event LIKE 'escrow.%'
            """,
            list(accounts),
        )
    for row in rows:
        line = (accounts[row["account_id"]], row["pending_minor"], row["posted_minor"])
        made.setdefault(row["event"], set()).add(line)

    sized = {
        event: {(name, pending // 5, posted // 5) for name, pending, posted in lines}
        for event, lines in documented(("escrow.",)).items()
    }
    assert made == sized
