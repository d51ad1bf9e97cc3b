"""Plans that are carried on together come to what they come to one by one."""

import contextlib
import random
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from billing.invoices import queries as invoices
from billing.invoices import service as invoicing
from billing.invoices.rules import accounts
from billing.invoices.schemas import Carried, Credit, Payment, SubscriptionParked
from billing.plans import service
from billing.plans.rules.clock import next_month
from billing.plans.rules.subscriptions import Change
from billing.plans.rules.versions import PlanVersion
from server.access import PLATFORM_TENANT
from server.kit import db
from tests.billing.books import OPERATOR, contradictions
from tests.billing.plans.test_service import (
    STARTS,
    TODAY,
    a_change,
    a_grant,
    a_plan,
    advance,
    desk,
    do,
)
from tests.factories import new_id

pytestmark = pytest.mark.usefixtures("database")

_OF_AGENTS: Final = (
    *("saas_subscription", "saas_change", "saas_grant", "invoice", "invoice_payment"),
    *("credit_note", "dunning_step"),
)
_LINES: Final = """
SELECT line.* FROM invoice_line line JOIN invoice ON invoice.id = line.invoice_id
WHERE invoice.agent_id = ANY ($1) ORDER BY invoice_id, place
"""
_ACCOUNTS: Final = "SELECT * FROM ledger_account WHERE id = ANY ($1) ORDER BY id"
_TRANSFERS: Final = """
SELECT * FROM ledger_transfer WHERE debit_id = ANY ($1) OR credit_id = ANY ($1) ORDER BY id
"""
_OUTCOMES: Final = """
SELECT outcome.* FROM ledger_outcome outcome
WHERE key IN (
    SELECT group_id FROM ledger_transfer WHERE debit_id = ANY ($1) OR credit_id = ANY ($1)
) ORDER BY key
"""
_OWN_ENTRIES: Final = """
SELECT * FROM ledger_entry WHERE account_id = ANY ($1) ORDER BY account_id, version
"""
# What one journal after the other puts on an account of the platform goes by their groups when they
# are put there together: the same lines, each once, and no number left out. `effective_before` is
# what was there before the last statement.
_OTHER_ACCOUNTS: Final = """
SELECT to_jsonb(account) - 'effective_before' FROM ledger_account account
WHERE id = ANY ($1) ORDER BY id
"""
_OTHER_ENTRIES: Final = """
SELECT account_id, transfer_id, owner_id, currency, pending_minor, posted_minor, effective_at,
    booked_at
FROM ledger_entry WHERE account_id = ANY ($1) ORDER BY account_id, transfer_id
"""
_VERSIONS: Final = """
SELECT account_id, version FROM ledger_entry WHERE account_id = ANY ($1)
ORDER BY account_id, version
"""
_SERIES: Final = "SELECT * FROM invoice_series ORDER BY series"


async def everything(agent_ids: list[UUID]) -> dict[str, list[tuple[Any, ...]]]:
    """Give every row of what agents have, were billed and is in the books of it."""
    own = [accounts.receivable_account(each, "CNY") for each in agent_ids]
    others = [
        name(PLATFORM_TENANT, "CNY")
        for name in (
            accounts.revenue_account,
            accounts.sponsored_account,
            accounts.bank_account,
        )
    ]
    asked: dict[str, tuple[str, list[UUID]]] = {
        "lines": (_LINES, agent_ids),
        "own accounts": (_ACCOUNTS, own),
        "others' accounts": (_OTHER_ACCOUNTS, others),
        "transfers": (_TRANSFERS, [*own, *others]),
        "outcomes": (_OUTCOMES, [*own, *others]),
        "own entries": (_OWN_ENTRIES, own),
        "others' entries": (_OTHER_ENTRIES, others),
        "versions": (_VERSIONS, others),
    }
    for table in _OF_AGENTS:
        asked[table] = (f"SELECT * FROM {table} WHERE agent_id = ANY ($1) ORDER BY 1, 2", agent_ids)
    found = {
        name: [tuple(row) for row in await db.connection().fetch(query, named)]
        for name, (query, named) in asked.items()
    }
    found["series"] = [tuple(row) for row in await db.connection().fetch(_SERIES)]
    return found


async def an_agent(rng: random.Random, version: PlanVersion, cheaper: PlanVersion) -> UUID:
    """Let an agent have had plans, grants, invoices, payments and credits for some time."""
    agent_id = new_id()
    if rng.random() < 0.1:
        return agent_id  # Never given anything.
    await do(service.change, a_change(agent_id, version), desk())
    for _ in range(rng.randrange(4)):
        begins_on = STARTS + timedelta(days=rng.randrange(50))
        ends_on = rng.choice([None, begins_on + timedelta(days=rng.randrange(80))])
        source = rng.choice(["agent", "platform", "benefit"])
        terms = {"source": source, "units": rng.randint(1, 5), "ends_on": ends_on}
        await do(service.grant, a_grant(agent_id, begins_on=begins_on, **terms), desk())
    if rng.random() < 0.5:
        to = Change(
            id=new_id(),
            agent_id=agent_id,
            begins_on=STARTS + timedelta(days=rng.randint(1, 90)),
            plan_id=rng.choice([None, cheaper.plan_id]),
        )
        await do(service.change, to, desk())
    on = STARTS + timedelta(days=rng.randrange(200))
    await advance(agent_id, on, finalises=rng.random() < 0.9)
    for owed in await do(invoices.owed, agent_id):
        part = rng.choice([0, owed.left_minor, max(1, owed.left_minor // 3)])
        if rng.random() < 0.5 and part:
            paid = Payment(id=new_id(), invoice_id=owed.id, amount_minor=part, paid_on=TODAY)
            await do(invoicing.pay, paid, desk(on))
        if rng.random() < 0.3:
            note = Credit(id=new_id(), invoice_id=owed.id, amount_minor=1_00, reason="误开")
            await do(invoicing.credit, note, desk(on))
    return agent_id


async def harmed(agent_id: UUID) -> None:
    """Let the books of an agent contradict themselves."""
    async with db.platform_transaction(OPERATOR):
        await db.connection().execute(
            "UPDATE invoice SET left_minor = left_minor - 1 WHERE id = ("
            " SELECT id FROM invoice WHERE agent_id = $1 AND state = 'final' LIMIT 1)",
            agent_id,
        )


@pytest.mark.parametrize("seed", range(8))
async def test_together_and_one_by_one_everything_comes_to_the_same(seed: int) -> None:
    rng = random.Random(seed)
    terms = {"tax_ppm": rng.choice([0, 60_000, 130_000])}
    version = await a_plan(**terms)
    cheaper = await a_plan(price_minor=33_33, unit_minor={}, **terms)
    agent_ids = sorted([await an_agent(rng, version, cheaper) for _ in range(9)])
    await harmed(rng.choice(agent_ids))
    until = STARTS + timedelta(days=200 + rng.randrange(150))
    finalises = seed % 4 != 3

    async def one_by_one() -> list[Carried]:
        return [
            await invoicing.advance(each, until, desk(until), finalises=finalises)
            for each in agent_ids
        ]

    async def together() -> list[Carried]:
        asked = rng.sample(agent_ids, len(agent_ids))
        return await invoicing.advance_all(asked, until, desk(until), finalises=finalises)

    found = []
    for way in (one_by_one, together):
        with contextlib.suppress(InterruptedError):
            async with db.platform_transaction(OPERATOR):
                found.append((await way(), await everything(agent_ids)))
                raise InterruptedError

    (told, held), (told_together, held_together) = found
    assert told_together == told
    for name, rows in held.items():
        assert held_together[name] == rows, name
    assert any(each.invoices for each in told)
    await do(together)
    assert await do(invoices.gaps) == []
    assert await contradictions() == []


async def test_one_that_was_parked_lets_none_of_its_set_go_on() -> None:
    version = await a_plan()
    agent_ids = sorted([new_id(), new_id(), new_id()])
    for each in agent_ids:
        await do(service.change, a_change(each, version), desk())
    await do(service.park, agent_ids[1], "somebody looks into it")
    until = next_month(STARTS)

    with pytest.raises(SubscriptionParked):
        await do(invoicing.advance_all, agent_ids, until, desk(until))
    assert await _clocks(agent_ids) == {TODAY}

    await do(invoicing.advance_all, agent_ids[::2], until, desk(until))
    assert await _clocks(agent_ids[::2]) == {until}


async def _clocks(agent_ids: list[UUID]) -> set[date]:
    """Give where the clocks of agents stand."""
    async with db.platform_transaction(OPERATOR):
        rows = await db.connection().fetch(
            "SELECT clock_on FROM saas_subscription WHERE agent_id = ANY ($1)", agent_ids
        )
    return {row["clock_on"] for row in rows}
