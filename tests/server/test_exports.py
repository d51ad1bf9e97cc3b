"""Lists as sheets: each cell in its column, none a formula, and a line in the trail."""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Final

import msgspec
import pytest

from server.access import Actor
from server.access.rules import NotPermitted
from server.activities import exports as activities
from server.activities import service as doing
from server.activities.schemas import NewTask, NewVisit, TaskFilters, VisitFilters
from server.audit import queries as audit
from server.cases import exports as cases
from server.cases.schemas import CaseFilters
from server.contracts import exports as contracts
from server.contracts.schemas import ContractFilters
from server.pipeline import exports as deals
from server.pipeline.schemas import DealFilters
from server.sales import exports as quotes
from server.sales.schemas import QuoteFilters
from tests.factories import NOW, Tenant
from tests.server.cases.test_cases import open_case
from tests.server.contracts import stories as paper
from tests.server.pipeline.stories import begin, make_customer
from tests.server.sales import stories as selling

FORMULA: Final = "=HYPERLINK(1)"

Export = Callable[[Actor], Awaitable[AsyncIterator[bytes]]]
EXPORTS: Final[dict[str, Export]] = {
    "deals": lambda who: deals.as_csv(who, DealFilters(), now=NOW),
    "quotes": lambda who: quotes.as_csv(who, QuoteFilters(), now=NOW),
    "cases": lambda who: cases.as_csv(who, CaseFilters(), now=NOW),
    "tasks": lambda who: activities.tasks(who, TaskFilters(), now=NOW),
    "visits": lambda who: activities.visits(who, VisitFilters(), now=NOW),
    "contracts": lambda who: contracts.as_csv(who, ContractFilters(), now=NOW),
}


async def rows(export: Export, who: Actor) -> list[dict[str, str]]:
    """Read an export as a spreadsheet program does."""
    text = b"".join([block async for block in await export(who)]).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


async def test_each_list_is_a_sheet_that_no_program_runs(tenant: Tenant) -> None:
    rep, manager = tenant.rep, tenant.manager
    customer = await make_customer(rep, name="平江路茶馆")
    shelf = await selling.stock(manager)
    deal = await begin(rep, customer, name=FORMULA, amount_minor=1_234_05, expected_on="2026-04-01")
    await selling.write(tenant, shelf, deal=deal, name=FORMULA, discount_minor=130_00)
    await open_case(rep, customer_id=customer, subject=FORMULA)
    due = NOW + timedelta(hours=5)
    await doing.add_task(rep, customer, NewTask(title=FORMULA, due_at=due), now=NOW)
    await doing.add_visit(rep, customer, NewVisit(planned_at=due, purpose=FORMULA), now=NOW)
    contract = await paper.write(
        rep, customer_id=customer, title=FORMULA, number="HT-1", amount_minor=99
    )

    sheets = {what: await rows(export, manager) for what, export in EXPORTS.items()}

    assert {what: len(lines) for what, lines in sheets.items()} == dict.fromkeys(EXPORTS, 1)
    for what, (line,) in sheets.items():
        assert line["客户名称"] == "平江路茶馆", what
        assert f"'{FORMULA}" in line.values(), what
        assert FORMULA not in line.values(), what
    assert sheets["deals"][0]["金额(元)"] == "1234.05"
    assert sheets["deals"][0]["预计签约日"] == "2026-04-01"
    assert sheets["contracts"][0]["金额"] == "0.99"
    assert sheets["contracts"][0]["记录编号(勿改)"] == str(contract)
    # Ten pieces of 100 yuan, 130 off; the total has 13 % tax in it, as on the quote's own page.
    quote = sheets["quotes"][0]
    money = [quote[name] for name in ("金额", "折扣", "合计", "其中税额")]
    assert money == ["1000.00", "130.00", "870.00", "100.09"]
    # NOW is nine o'clock in Shanghai.
    assert sheets["tasks"][0]["截止时间"] == sheets["visits"][0]["计划时间"] == "2026-03-02 14:00"
    trail = {each.action for each in (await audit.entries(tenant.owner)).items}
    assert {f"{what}.exported" for what in EXPORTS} <= trail


@pytest.mark.parametrize("what", EXPORTS)
async def test_who_may_not_export_takes_nothing_out(tenant: Tenant, what: str) -> None:
    with pytest.raises(NotPermitted):
        await EXPORTS[what](tenant.rep)

    trail = {each.action for each in (await audit.entries(tenant.owner)).items}
    assert f"{what}.exported" not in trail


async def test_a_long_list_is_written_to_its_end_once(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await make_customer(tenant.rep)
    for number in range(5):
        await doing.add_task(tenant.rep, customer, NewTask(title=f"任务{number}"), now=NOW)
    monkeypatch.setattr(activities, "PAGE_SIZE_MAX", 2)

    lines = await rows(EXPORTS["tasks"], tenant.manager)

    assert sorted(line["任务"] for line in lines) == [f"任务{number}" for number in range(5)]


async def test_what_a_list_is_narrowed_by_narrows_its_sheet(tenant: Tenant, rival: Tenant) -> None:
    customer = await make_customer(tenant.rep)
    await begin(tenant.rep, customer, name="一单")
    won = msgspec.convert({"state": "won"}, DealFilters)

    assert await rows(lambda who: deals.as_csv(who, won, now=NOW), tenant.manager) == []
    assert await rows(EXPORTS["deals"], rival.manager) == []
    assert len(await rows(EXPORTS["deals"], tenant.manager)) == 1
