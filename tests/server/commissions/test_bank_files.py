"""The bank's file of a payout is written by another than made it, and what it said is on record."""

import hashlib
from collections import Counter
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from billing.commissions.rules.payouts import AccountShared, AccountTaken
from billing.errors import MakerIsChecker
from server.commissions import jobs, queries, service
from server.commissions.schemas import NewBankFile, NewPayee, PayoutView
from server.kit import db
from tests.factories import NOW, Tenant
from tests.server.commissions.test_commissions import FAILED, FINANCE, PAID, SECOND, let_go, sold

pytestmark = pytest.mark.usefixtures("database")


def account_of(agent_id: UUID) -> str:
    """Give an agent an account of its own."""
    return f"{agent_id.int % 10**19:019}"


def asked_of(batch: PayoutView, **others: str) -> NewBankFile:
    """Ask for the file of a batch; some agents are paid to other accounts."""
    return NewBankFile(
        reference="佣金",
        payees=[
            NewPayee(
                agent_id=agent_id,
                name="示例公司",
                account=others.get(str(agent_id), account_of(agent_id)),
                bank="示例银行",
            )
            for agent_id in batch.waiting
        ],
    )


async def _written(batch_id: UUID) -> list[dict[str, object]]:
    """Read what the trail keeps of each file of a batch, the first one first."""
    async with db.tenant_transaction(FINANCE.tenant_id, readonly=True):
        rows = await db.connection().fetch(
            "SELECT detail FROM audit_entry WHERE subject_id = $1"
            " AND action = 'payout.bank_file_written' ORDER BY id",
            batch_id,
        )
    return [msgspec.json.decode(row["detail"]) for row in rows]


async def test_who_made_a_payout_does_not_choose_its_accounts(tenant: Tenant) -> None:
    await sold(tenant)
    await jobs.earn(NOW)
    gone = await let_go()

    with pytest.raises(MakerIsChecker):
        await service.bank_file(FINANCE, gone.id, asked_of(gone), now=NOW)

    assert await _written(gone.id) == []
    assert (await queries.payout(SECOND, gone.id, now=NOW)).files == []


async def test_whose_account_it_was_stays_on_record_and_that_it_became_another(
    tenant: Tenant,
) -> None:
    await sold(tenant)
    await jobs.earn(NOW)
    gone = await let_go()
    mine = account_of(tenant.tenant_id)
    # Another account that ends alike.
    moved = {str(tenant.tenant_id): f"6222{mine[-4:]}"}

    times = [NOW + timedelta(seconds=n) for n in range(3)]
    contents = [
        await service.bank_file(SECOND, gone.id, asked_of(gone, **others), now=now)
        for now, others in zip(times, ({}, moved, moved), strict=True)
    ]

    due: Counter[str] = Counter()
    for each in gone.payments:
        due[each.currency] += each.net_minor
    for n, (content, said) in enumerate(zip(contents, await _written(gone.id), strict=True)):
        assert said["sha256"] == hashlib.sha256(content).hexdigest()
        assert said["sums_minor"] == due
        assert said["payments"] == len(gone.payments)
        assert said["account_ends"] == {str(each): account_of(each)[-4:] for each in gone.waiting}
        others = said["other_accounts"]
        assert isinstance(others, list)
        assert (str(tenant.tenant_id) in others) is (n == 1)
    files = (await queries.payout(FINANCE, gone.id, now=NOW)).files
    assert [(each.written_by, each.written_at) for each in files] == [
        (SECOND.user_id, now) for now in times
    ]
    assert [hashlib.sha256(each).hexdigest() for each in contents] == [
        each.sha256 for each in files
    ]
    shown = [
        (payee.account_ends, payee.is_other)
        for each in files
        for payee in each.payees
        if payee.agent_id == tenant.tenant_id
    ]
    assert shown == [(mine[-4:], False), (mine[-4:], True), (mine[-4:], False)]


async def test_two_agents_are_not_paid_to_one_account(tenant: Tenant, rival: Tenant) -> None:
    for each in (tenant, rival):
        await sold(each)
    await jobs.earn(NOW)
    gone = await let_go()
    asked = asked_of(gone, **{str(tenant.tenant_id): account_of(rival.tenant_id)})

    with pytest.raises(AccountShared) as shared:
        await service.bank_file(SECOND, gone.id, asked, now=NOW)

    assert set(shared.value.agent_ids) == {tenant.tenant_id, rival.tenant_id}
    for each in (tenant, rival):
        assert each.name in shared.value.about
    assert await _written(gone.id) == []


async def _paid_by_a_batch(tenant: Tenant) -> PayoutView:
    """Let an agent sell something, and let the batch go that pays it."""
    await sold(tenant)
    await jobs.earn(NOW)
    return await let_go()


def _of(batch: PayoutView, tenant: Tenant) -> UUID:
    """Give the payment of a batch to an agent."""
    [payment] = [each for each in batch.payments if each.agent_id == tenant.tenant_id]
    return payment.id


async def test_an_account_that_another_agent_was_paid_to_in_whatever_batch_is_refused(
    tenant: Tenant, rival: Tenant
) -> None:
    first = await _paid_by_a_batch(tenant)
    await service.bank_file(SECOND, first.id, asked_of(first), now=NOW)
    later = await _paid_by_a_batch(rival)
    stolen = asked_of(later, **{str(rival.tenant_id): account_of(tenant.tenant_id)})

    with pytest.raises(AccountTaken) as ordered:
        await service.bank_file(SECOND, later.id, stolen, now=NOW)
    await service.settle(FINANCE, _of(first, tenant), PAID, now=NOW)
    with pytest.raises(AccountTaken):
        await service.bank_file(SECOND, later.id, stolen, now=NOW)

    assert ordered.value.agent_id == rival.tenant_id
    for each in (tenant, rival):
        assert each.name in ordered.value.about
    assert account_of(tenant.tenant_id) not in f"{ordered.value}"
    assert await _written(later.id) == []
    # The account itself is nowhere kept.
    async with db.platform_transaction(FINANCE):
        kept = await db.connection().fetchval(
            "SELECT string_agg(payees::text, ' ') FROM payout_file WHERE batch_id = $1", first.id
        )
    assert account_of(tenant.tenant_id) not in kept
    assert await service.bank_file(SECOND, later.id, asked_of(later), now=NOW)


async def test_an_account_is_free_where_the_bank_paid_nothing(
    tenant: Tenant, rival: Tenant
) -> None:
    first = await _paid_by_a_batch(tenant)
    slip = asked_of(first, **{str(tenant.tenant_id): account_of(rival.tenant_id)})
    await service.bank_file(SECOND, first.id, slip, now=NOW)
    await service.settle(FINANCE, _of(first, tenant), FAILED, now=NOW)

    later = await _paid_by_a_batch(rival)

    assert await service.bank_file(SECOND, later.id, asked_of(later), now=NOW)


async def test_that_an_account_became_another_is_told_over_batches(tenant: Tenant) -> None:
    mine = account_of(tenant.tenant_id)
    first = await _paid_by_a_batch(tenant)
    await service.bank_file(SECOND, first.id, asked_of(first), now=NOW)
    later = await _paid_by_a_batch(tenant)
    moved = asked_of(later, **{str(tenant.tenant_id): f"6222{mine[-4:]}{mine[:8]}"})

    await service.bank_file(SECOND, later.id, moved, now=NOW + timedelta(days=1))

    assert later.last_ends[tenant.tenant_id] == mine[-4:]
    [file] = (await queries.payout(FINANCE, later.id, now=NOW)).files
    assert tenant.tenant_id in file.others
