"""Of a natural person's commission tax is withheld: in the bank's file, the year, and the trail."""

import io

import msgspec
import openpyxl
import pytest

from billing.commissions.schemas import CommissionKeyReused, TaxTooLarge
from server.access.rules import NotPermitted
from server.commissions import exports, jobs, queries, service
from server.commissions.schemas import (
    BankAnswer,
    NewBankFile,
    NewNaturalPerson,
    NewPayee,
    NewTaxPayment,
    PaymentAnswer,
)
from server.kit import db, outbox
from server.kit.errors import NotFound
from server.notifications import queries as notifications
from server.notifications.rules import Kind
from tests.factories import NOW, Tenant, new_id
from tests.server.benefits import stories
from tests.server.commissions.test_commissions import (
    FINANCE,
    SECOND,
    a_plan,
    a_sale,
    let_go,
    told_of,
    trail_of,
)

pytestmark = pytest.mark.usefixtures("database")


async def test_a_natural_person_is_paid_what_is_left_and_sees_what_was_withheld(
    tenant: Tenant,
) -> None:
    await stories.admit(tenant)
    said = NewNaturalPerson(id=new_id(), is_one=True)
    for _ in range(2):
        await service.say_person(FINANCE, tenant.tenant_id, said, now=NOW)
    sale = msgspec.structs.replace(a_sale(await a_plan(), tenant), sold=20_000_00)
    await service.record_sale(FINANCE, sale, now=NOW)
    await jobs.earn(NOW)
    gone = await let_go()
    [payment] = [each for each in gone.payments if each.agent_id == tenant.tenant_id]
    asked = NewBankFile(
        reference="佣金",
        payees=[
            NewPayee(
                agent_id=each.agent_id,
                name=f"{each.id}",
                account=f"62{each.agent_id.int % 10**17:017}",
                bank="工行",
            )
            for each in gone.payments
        ],
    )
    file = await service.bank_file(SECOND, gone.id, asked, now=NOW)
    await service.settle(FINANCE, payment.id, PaymentAnswer(answer=BankAnswer.PAID), now=NOW)

    year = await queries.own_year(tenant.owner, NOW.year)
    sheets = openpyxl.load_workbook(io.BytesIO(exports.year_workbook(year)))
    due = await queries.withheld_tax(FINANCE)
    paid = NewTaxPayment(id=new_id(), amount_minor=due.owed_minor)
    left = [(await service.pay_tax(FINANCE, paid, now=NOW)).owed_minor for _ in range(2)]

    assert (payment.amount_minor, payment.withheld_minor, payment.net_minor) == (
        *(2_000_00, 240_00, 1_760_00),
    )
    [told] = [line for line in file.decode("gb18030").splitlines() if str(payment.id) in line]
    assert ",1760.00,CNY," in told
    assert exports.year_csv(year).decode("utf-8-sig").splitlines()[-1] == (
        "合计,,CNY,2000.00,0.00,0.00,2000.00,0.00,240.00,1760.00"
    )
    assert [row[1:] for row in sheets["付款"].iter_rows(min_row=2, values_only=True)] == [
        ("付款", "CNY", 2000, 240, 1760)
    ]
    assert left == [0, 0]
    assert await queries.is_person(FINANCE, tenant.tenant_id, now=NOW)
    assert (await trail_of(tenant.tenant_id)).count("natural_person.said") == 1
    assert await trail_of(paid.id) == ["withheld_tax.paid"]


async def _heard(tenant: Tenant) -> list[tuple[Kind, str]]:
    """Do what waits for the worker, twice, and list what the owner was told."""
    async with db.job_transaction():
        rows = await db.connection().fetch(
            "SELECT payload FROM outbox WHERE tenant_id = $1 AND topic = $2 ORDER BY id",
            tenant.tenant_id,
            service.PERSON_SAID,
        )
    for row in [*rows, *rows]:
        job = outbox.Job(
            id=new_id(),
            tenant_id=tenant.tenant_id,
            topic=service.PERSON_SAID,
            payload=msgspec.json.decode(row["payload"]),
            attempts=0,
            lease=1,
        )
        await jobs.tell(job, NOW)
    found = (await notifications.notifications(tenant.owner)).items
    return sorted((each.kind, each.link) for each in found)


async def test_an_agent_is_told_that_it_is_held_for_a_natural_person_and_who_looked(
    tenant: Tenant, rival: Tenant
) -> None:
    for each in (tenant, rival):
        await stories.admit(each)
    for is_one in (True, False, True):
        said = NewNaturalPerson(id=new_id(), is_one=is_one)
        for _ in range(2):
            await service.say_person(FINANCE, tenant.tenant_id, said, now=NOW)

    shown = {each.agent_id for each in await queries.natural_persons(FINANCE, now=NOW)}
    assert not await queries.is_person(FINANCE, rival.tenant_id, now=NOW)

    page = "/commissions/year"
    assert await _heard(tenant) == [
        *[(Kind.PERSON_SAID, page)] * 2,
        (Kind.PERSON_UNSAID, page),
    ]
    assert tenant.tenant_id in shown
    assert await told_of(tenant) == [
        "commissions.natural_persons",
        *["commissions.person_said"] * 2,
        "commissions.person_unsaid",
    ]
    assert (await _heard(rival), await told_of(rival)) == ([], [])


async def test_who_is_no_agent_or_no_finance_is_refused(tenant: Tenant) -> None:
    said = NewNaturalPerson(id=new_id(), is_one=True)
    with pytest.raises(NotFound):
        await service.say_person(FINANCE, new_id(), said, now=NOW)
    await stories.admit(tenant)
    await service.say_person(FINANCE, tenant.tenant_id, said, now=NOW)
    no_more = msgspec.structs.replace(said, is_one=False)
    with pytest.raises(CommissionKeyReused):
        await service.say_person(FINANCE, tenant.tenant_id, no_more, now=NOW)
    with pytest.raises(NotPermitted):
        await service.say_person(tenant.owner, tenant.tenant_id, no_more, now=NOW)
    due = (await queries.withheld_tax(FINANCE)).owed_minor
    paid = NewTaxPayment(id=new_id(), amount_minor=max(0, due) + 1)
    with pytest.raises(TaxTooLarge):
        await service.pay_tax(FINANCE, paid, now=NOW)
    with pytest.raises(NotPermitted):
        await queries.withheld_tax(tenant.owner)
