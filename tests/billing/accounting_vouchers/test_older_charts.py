"""A chart that was begun before tax was withheld takes the vouchers of a month that had some."""

from datetime import timedelta

import asyncpg
import msgspec
import pytest

from billing.accounting_vouchers import queries, service
from billing.accounting_vouchers.piccolo_migrations import (
    accounting_vouchers_2026_11_29_withheld as migration,
)
from billing.accounting_vouchers.rules import charts
from billing.accounting_vouchers.rules.posting import PostingUnmapped
from billing.accounting_vouchers.schemas import PostingRule, Standard
from billing.commissions import paying, taxes
from billing.commissions import service as commissions
from billing.commissions.schemas import NaturalPersonSaid
from billing.ledger.schemas import AccountKind
from billing.periods.schemas import PeriodState, PeriodView
from server.kit import db
from server.settings import Settings
from tests.billing.accounting_vouchers import test_service as vouchers
from tests.billing.accounting_vouchers.test_service import (  # noqa: F401 - a fixture
    check,
    close,
    make,
    month,
    rows,
)
from tests.billing.books import OPERATOR
from tests.billing.commissions.test_service import CHECKER, MAKER, a_plan, a_sale, accrue, do
from tests.factories import new_id


@pytest.fixture(scope="module")
async def older_chart(own_books: Settings) -> None:
    """The enterprise's chart as it was begun before tax was withheld."""
    held = [each for each in charts.accounts(Standard.ENTERPRISE) if each.code != "222101"]
    posted = charts.postings(Standard.ENTERPRISE)
    del posted[AccountKind.WITHHELD_TAX]
    async with db.platform_transaction(OPERATOR):
        await service.add_accounts(held, vouchers.MAKER)
        await service.publish_rules(
            [
                PostingRule(
                    id=new_id(), kind=kind, account_code=code, begins_on=vouchers.BEGINS_AT.date()
                )
                for kind, code in posted.items()
            ],
            vouchers.MAKER,
        )


async def _migrate(settings: Settings) -> None:
    """Do what the migration does, as who does it."""
    owner = await asyncpg.connect(settings.owner_database_url)
    try:
        async with owner.transaction():
            for statement in migration.WITHHELD:
                await owner.execute(statement)
    finally:
        await owner.close()


@pytest.mark.usefixtures("older_chart")
async def test_an_older_chart_gets_what_withheld_tax_is_posted_to_once(
    own_books: Settings,
    month: PeriodView,  # noqa: F811 - the fixture
) -> None:
    at = {"now": month.starts_at + timedelta(days=1)}
    keeper, checker = (msgspec.structs.replace(each, **at) for each in (MAKER, CHECKER))
    plan, agent = await a_plan(), new_id()
    await do(taxes.say, NaturalPersonSaid(id=new_id(), agent_id=agent, is_one=True), keeper)
    await accrue(a_sale(plan, agent, 20_000_00))
    await do(commissions.earn_due, new_id(), MAKER.now.date(), keeper)
    batch = await do(paying.make_batch, new_id(), keeper, minimum_minor=1)
    await do(paying.approve, batch.id, batch.hash, checker)
    await close(month, PeriodState.HARD_CLOSED)
    with pytest.raises(PostingUnmapped):
        await make(month)

    for _ in range(2):
        await _migrate(own_books)

    await check(await make(month))
    told = {summary.partition("日")[2]: minor for _, _, summary, minor in await rows(month)}
    assert told["代扣个人所得税 1笔"] == 240_00
    [added] = [each for each in charts.accounts(Standard.ENTERPRISE) if each.code == "222101"]
    async with db.platform_transaction(OPERATOR):
        assert (await queries.chart())["222101"] == added
        of_tax = [
            each for each in await queries.posting_rules() if each.kind is AccountKind.WITHHELD_TAX
        ]
    assert [(each.account_code, each.begins_on) for each in of_tax] == [
        ("222101", vouchers.BEGINS_AT.date())
    ]
