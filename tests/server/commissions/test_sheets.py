"""Finance hands a spreadsheet of sales in: each row has one outcome, however often it is sent."""

import asyncio
import contextvars
import io
from datetime import timedelta
from uuid import UUID

import asyncpg
import msgspec
import pytest
import xlsxwriter

from billing.commissions.rules.plans import Measure
from billing.commissions.rules.shares import Seller
from billing.commissions.schemas import LineState
from billing.reconciliation.rules.columns import AmountsScaled, ColumnsMissing, ColumnsUnknown
from server.access import Actor
from server.access.rules import NotPermitted
from server.commissions import jobs, queries
from server.commissions import service as kept
from server.commissions.schemas import NewSale
from server.commissions.sheets import exports, parts, service
from server.commissions.sheets import queries as sheets
from server.commissions.sheets.columns import SaleField, SaleMap
from server.commissions.sheets.schemas import (
    NewSheetMap,
    SaleColumnsSaid,
    SheetAsSeen,
    SheetCounts,
    SheetResult,
    SheetState,
)
from server.kit import db, outbox
from server.kit.errors import IdReused, Invalid, NotFound
from tests.factories import NOW, Tenant, make_platform_actor, new_id
from tests.server.benefits import stories
from tests.server.commissions.sheets import (
    COLUMNS,
    DAY,
    HEADER,
    a_keeper,
    a_map,
    a_plan,
    a_sheet,
    handed_in,
    recorded,
    rows_of,
    sold_by,
    why,
)
from tests.server.exits.stories import WAITS

pytestmark = pytest.mark.usefixtures("database")

HELD = "SELECT FROM commission_sheet WHERE id = $1 FOR UPDATE"


@pytest.fixture
async def finance(database: object) -> Actor:
    """Somebody of the platform's finance, whom the worker finds again."""
    del database
    return await a_keeper()


@pytest.fixture
async def agent(tenant: Tenant) -> Tenant:
    """An agent that the platform knows."""
    await stories.admit(tenant)
    return tenant


@pytest.fixture
async def by(finance: Actor) -> NewSheetMap:
    """How sheets are read: by a plan of 10 % of the revenue."""
    return await a_map(finance, (await a_plan(finance)).plan_id)


def mark() -> str:
    """Make what a test's own numbers begin with."""
    return f"N{new_id().hex[-10:]}"


async def test_a_sheet_is_recorded_as_its_sales_would_be_one_by_one(
    finance: Actor, agent: Tenant, by: NewSheetMap
) -> None:
    n = mark()
    content = a_sheet(
        [
            # The refund stands before its sale, and a row between them that sums up.
            f"{n}-R,{n}-1,,,,300",
            f'{n}-1,,{agent.name},HT-{n},{DAY},"1,000.00"',
            "合计,,,,,700",
            f"{n}-2,,{agent.tenant_id},HT-{n},{DAY},¥20.5",
        ]
    )

    view, rows = await recorded(finance, by, content)

    assert (view.state, view.rows) == (SheetState.RECORDED, 3)
    assert view.counts == SheetCounts(sales=2, refunds=1)
    assert {row: each.result for row, each in rows.items()} == dict.fromkeys(
        (2, 3, 5), SheetResult.RECORDED
    )
    first, second = sorted(await sold_by(finance, agent.tenant_id), key=lambda each: -each.sold)
    assert (first.sold, first.refunded, first.commission_minor) == (1_000_00, 300_00, 100_00)
    assert (second.sold, second.commission_minor) == (20_50, 2_05)
    assert (first.contract_id, first.contract_number) == (second.contract_id, f"HT-{n}")
    assert (rows[2].sale_id, rows[3].sale_id, rows[3].agent_id) == (
        first.id,
        first.id,
        agent.tenant_id,
    )
    # What is left of it is earned: 700 yuan of 1,000, and the other sale.
    await jobs.earn(NOW)
    lines = [
        line
        for sale in (first, second)
        for line in await queries.lines_of_sale(finance, sale.id, now=NOW)
    ]
    assert {line.state for line in lines} == {LineState.EARNED}
    told = await queries.own_statement(agent.owner, f"{NOW:%Y-%m}", "CNY")
    assert told.closing_minor == 70_00 + 2_05


async def test_a_row_that_comes_again_changes_nothing_and_other_content_is_refused(
    finance: Actor, agent: Tenant, by: NewSheetMap
) -> None:
    n = mark()
    sale = f"{n}-1,,{agent.name},HT-{n},{DAY},1000"
    refund = f"{n}-R,{n}-1,,,,300"
    content = a_sheet([sale, refund])
    first, _ = await recorded(finance, by, content)
    before = await sold_by(finance, agent.tenant_id)

    again, _ = await recorded(finance, by, content)
    mixed, rows = await recorded(
        finance, by, a_sheet([sale.replace("1000", "1001"), refund, f"{n}-R,{n}-1,,,,301"])
    )

    assert first.counts == SheetCounts(sales=1, refunds=1)
    assert again.counts == SheetCounts(known=2)
    assert mixed.counts == SheetCounts(known=1, refused=2)
    assert why(rows[2]) == why(rows[4]) == [("reference", "commission_id_reused")]
    assert await sold_by(finance, agent.tenant_id) == before
    # The same request again is the same sheet; its id for another file is refused.
    same = await handed_in(finance, by, content, sheet_id=first.id)
    assert msgspec.structs.replace(same, handed_in_at=first.handed_in_at) == first
    with pytest.raises(IdReused):
        await handed_in(finance, by, a_sheet([sale]), sheet_id=first.id)


@pytest.mark.parametrize(
    ("written", "minor"),
    [
        ("12000.50", 12_000_50),
        ('"12,000.50"', 12_000_50),
        ("￥１２，０００．５０".replace("，", ""), 12_000_50),
        ("12000.5元", 12_000_50),
        ("CNY 12000.50", 12_000_50),
        ("0.01", 1),
        ("100000000000.00", 10**13),
    ],
)
async def test_an_amount_is_read_to_the_fen(
    finance: Actor, agent: Tenant, by: NewSheetMap, written: str, minor: int
) -> None:
    n = mark()
    content = a_sheet([f"{n},,{agent.name},HT-{n},{DAY},{written}"])

    seen = await service.preview(
        finance,
        content,
        said=SaleColumnsSaid(
            header=HEADER.split(","), fields=list(COLUMNS), plan=by.column_map.plan
        ),
        now=NOW,
    )

    assert [each.amount for each in seen.rows] == [minor], seen.problems


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ("{n},,{agent},HT-{n},{day},12.345", "sold", "amount_off_scale"),
        ("{n},,{agent},HT-{n},{day},-12", "sold", "sold_negative"),
        ("{n},,{agent},HT-{n},{day},0", "sold", "amount_too_large"),
        ("{n},,{agent},HT-{n},{day},100000000000.01", "sold", "amount_too_large"),
        ("{n},,{agent},HT-{n},{day},$12", "sold", "currency_unexpected"),
        ("{n},,{agent},HT-{n},{day},=A1*2", "sold", "cell_unread"),
        ("{n},,{agent},HT-{n},{day},1200①", "sold", "cell_unread"),
        ("{n},,{agent},HT-{n},2026-03-1²,12", "day", "cell_unread"),
        ("{n},,{agent},HT-{n},{day},", "sold", "cell_empty"),
        ("{n},,{agent},HT-{n},{day},1.2E+13", "sold", "digits_lost"),
        ("{n},,{agent},HT-{n},2026-02-30,12", "day", "cell_unread"),
        ("{n},,{agent},HT-{n},1900-01-01,12", "day", "invalid"),
        ("{n},,{agent},HT-{n},2026-03-03,12", "day", "commission_sale_ahead"),
        ("{n},,{agent},HT-{n},2020-01-01,12", "day", "no_plan_in_force"),
        ("{n},,{agent},HT-{n},,12", "day", "cell_empty"),
        ("{n},,没有这家,HT-{n},{day},12", "agent", "agent_unknown"),
        ("{n},,,HT-{n},{day},12", "agent", "cell_empty"),
        ("{n},,{agent},,{day},12", "contract", "cell_empty"),
        (",,{agent},HT-{n},{day},12", "reference", "cell_empty"),
        ("=B2,,{agent},HT-{n},{day},12", "reference", "cell_unread"),
        ("1.23E+15,,{agent},HT-{n},{day},12", "reference", "digits_lost"),
        ("#N/A,,{agent},HT-{n},{day},12", "reference", "cell_unread"),
        ("{n},{n}-X,,,,12", "sale", "commission_sale_not_found"),
    ],
)
async def test_a_cell_that_cannot_be_recorded_is_named_and_its_neighbours_are_recorded(
    finance: Actor, agent: Tenant, by: NewSheetMap, row: str, field: str, code: str
) -> None:
    n = mark()
    said = row.format(n=n, agent=agent.name, day=DAY)
    good = [f"{n}-{at},,{agent.name},HT-{n},{DAY},{at}" for at in (1, 2)]

    view, rows = await recorded(finance, by, a_sheet([good[0], said, good[1]]))

    assert view.counts == SheetCounts(sales=2, refused=1)
    assert why(rows[3]) == [(field, code)]
    assert rows[3].problems[0].detail
    assert rows[3].cells == said.split(",")
    assert len(await sold_by(finance, agent.tenant_id)) == 2


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026/3/2", "2026-03-02"),
        ("2026年3月2日", "2026-03-02"),
        ("46083", "2026-03-02"),
        ("2026-03-01T20:00:00Z", "2026-03-02"),
        ("2026-03-02 23:59", "2026-03-02"),
        ("2026-03-02T01:00:00+09:00", "2026-03-02"),
        ("2026-03-02T00:30:00+09:00", "2026-03-01"),
    ],
)
async def test_a_day_is_that_in_china(
    finance: Actor, agent: Tenant, written: str, day: str
) -> None:
    plan = await a_plan(finance)
    earlier = msgspec.structs.replace(
        plan, id=new_id(), plan_id=new_id(), begins_on=NOW.date().replace(year=2020)
    )
    await kept.publish(finance, earlier, now=NOW)
    by = await a_map(finance, earlier.plan_id)
    n = mark()

    await recorded(finance, by, a_sheet([f"{n},,{agent.name},HT-{n},{written},5"]))

    [sale] = await sold_by(finance, agent.tenant_id)
    assert f"{sale.on}" == day


async def test_gbk_and_a_workbook_say_the_same_as_a_csv(
    finance: Actor, agent: Tenant, by: NewSheetMap
) -> None:
    n = mark()
    rows = [f"{n}-1,,{agent.name},合同-{n},{DAY},1000.10", f"{n}-R,{n}-1,,,,0.20"]
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER.split(","))
        sheet.write_row(1, 0, [*rows[0].split(",")[:5], 1000.1])
        sheet.write_row(2, 0, [*rows[1].split(",")[:5], 0.2])

    gbk, _ = await recorded(finance, by, a_sheet(rows).decode().encode("gb18030"))
    xlsx, _ = await recorded(finance, by, content.getvalue())
    utf8, _ = await recorded(finance, by, a_sheet(rows))

    assert gbk.counts == SheetCounts(sales=1, refunds=1)
    assert xlsx.counts == utf8.counts == SheetCounts(known=2)
    [sale] = await sold_by(finance, agent.tenant_id)
    assert (sale.sold, sale.refunded, sale.contract_number) == (1_000_10, 20, f"合同-{n}")


async def test_what_a_plan_measures_says_how_amounts_are_read(
    finance: Actor, agent: Tenant
) -> None:
    pieces = await a_plan(finance, measure=Measure.UNITS, rate=3_00)
    yen = await a_plan(finance, currency="JPY")
    n = mark()
    columns = {
        **COLUMNS,
        SaleField.PLAN: "方案",
        SaleField.CURRENCY: "币种",
        SaleField.REVENUE: "客户付款",
        SaleField.KIND: "类型",
        SaleField.REASON: "退款原因",
    }
    by = await a_map(finance, None, columns)
    rows = [
        f'{n}-1,,{agent.name},A-{n},{DAY},"1,200",{pieces.plan_id},,99.90,销售,',
        f"{n}-2,,{agent.name},B-{n},{DAY},5000,{str(yen.plan_id).upper()},日元,,销售,",
        f"{n}-3,,{agent.name},B-{n},{DAY},5000,{yen.plan_id},jpy,,订单,",
        f"{n}-4,,{agent.name},B-{n},{DAY},5000.5,{yen.plan_id},JPY,,,",
        f"{n}-5,,{agent.name},A-{n},{DAY},1.5,{pieces.plan_id},CNY,,,",
        f"{n}-6,,{agent.name},A-{n},{DAY},1,没有的,CNY,,,",
        f"{n}-W,,{agent.name},A-{n},{DAY},{'9' * 5_000},{pieces.plan_id},,,,",
        f"{n}-X,,{agent.name},A-{n},{DAY},12①,{pieces.plan_id},,,,",
        f"{n}-Y,,{agent.name},A-{n},{DAY},12,{pieces.plan_id},,9.9²,,",
        f"{n}-R,{n}-1,,,,200,,,,退货,客户退货：少 200 件",
        f"{n}-S,{n}-1,,,,1,,USD,,退货,",
        f"{n}-T,{n}-1,,,,1,,,,销售,",
        f"{n}-U,,{agent.name},A-{n},{DAY},1,{pieces.plan_id},,,退款,",
        f"{n}-V,,{agent.name},A-{n},{DAY},1,{pieces.plan_id},,,赠送,",
    ]

    view, told = await recorded(
        finance, by, a_sheet(rows, f"{HEADER},方案,币种,客户付款,类型,退款原因")
    )

    assert view.counts == SheetCounts(sales=2, refunds=1, refused=11)
    assert {row: why(each) for row, each in told.items() if each.problems} == {
        3: [("currency", "cell_unread")],
        5: [("sold", "amount_off_scale")],
        6: [("sold", "cell_unread")],
        7: [("plan", "plan_unknown")],
        8: [("sold", "cell_unread")],
        9: [("sold", "cell_unread")],
        10: [("revenue", "cell_unread")],
        12: [("currency", "currency_unexpected")],
        13: [("kind", "row_kind_contradicts")],
        14: [("kind", "row_kind_contradicts")],
        15: [("kind", "cell_unread")],
    }
    by_sold = {each.sold: each for each in await sold_by(finance, agent.tenant_id)}
    assert (by_sold[1_200].commission_minor, by_sold[1_200].revenue_minor) == (3_600_00, 99_90)
    assert (by_sold[1_200].refunded, by_sold[5_000].commission_minor) == (200, 500)
    [refund] = await queries.refunds_of_sale(finance, by_sold[1_200].id, now=NOW)
    assert refund.reason == "客户退货：少 200 件"


async def test_who_stands_above_shares_and_a_refund_of_another_agent_is_refused(
    finance: Actor, agent: Tenant, rival: Tenant
) -> None:
    await stories.admit(rival)
    plan = await a_plan(finance, upline_ppm=[100_000])
    by = await a_map(finance, plan.plan_id, {**COLUMNS, SaleField.ABOVE: "上级"})
    n = mark()
    rows = [
        f"{n}-1,,{agent.name},A-{n},{DAY},1000,{rival.name}",
        f"{n}-2,,{agent.name},A-{n},{DAY},1001,{agent.name}",
        f"{n}-R,{n}-1,{rival.name},,,5,",
        f"{n}-S,{n}-1,{agent.name},,,1000.01,",
    ]

    view, told = await recorded(finance, by, a_sheet(rows, f"{HEADER},上级"))

    assert view.counts == SheetCounts(sales=1, refused=3)
    assert [why(told[row]) for row in (3, 4, 5)] == [
        [("above", "upline_circular")],
        [("agent", "refund_agent_differs")],
        [("sold", "refund_too_large")],
    ]
    [sale] = await sold_by(finance, agent.tenant_id)
    lines = await queries.lines_of_sale(finance, sale.id, now=NOW)
    assert {line.agent_id: line.amount_minor for line in lines} == {
        agent.tenant_id: 90_00,
        rival.tenant_id: 10_00,
    }


async def test_a_contract_is_the_one_that_the_books_know_by_its_number(
    finance: Actor, agent: Tenant, by: NewSheetMap
) -> None:
    n = mark()
    assert by.column_map.plan is not None

    async def by_api(contract_id: UUID, number: str, sold: int = 100) -> UUID:
        """Record a sale one by one."""
        sale = NewSale(
            id=new_id(),
            plan_id=by.column_map.plan or new_id(),
            contract_id=contract_id,
            contract_number=number,
            on=NOW.date(),
            sold=sold,
            sellers=[Seller(agent.tenant_id)],
        )
        await kept.record_sale(finance, sale, now=NOW)
        return sale.id

    known = new_id()
    sale_id = await by_api(known, f"A-{n}")
    await by_api(new_id(), f"B-{n}")
    await by_api(new_id(), f"B-{n}", 200)
    own = a_sheet([f"{n}-0,,{agent.name},C-{n},{DAY},5"])
    await recorded(finance, by, own)
    await by_api(new_id(), f"C-{n}")
    rows = [
        f"{n}-1,,{agent.name},A-{n},{DAY},5",
        f"{n}-2,,{agent.name},B-{n},{DAY},5",
        f"{n}-3,,{agent.name},{known},{DAY},6",
        # A sale of the books is named by its id.
        f"{n}-R,{sale_id},,,,1",
    ]

    view, told = await recorded(finance, by, a_sheet(rows))
    again, _ = await recorded(finance, by, own)

    assert view.counts == SheetCounts(sales=2, refunds=1, refused=1)
    assert why(told[3]) == [("contract", "contract_ambiguous")]
    sales = {each.id: each for each in await sold_by(finance, agent.tenant_id)}
    for row in (2, 4):
        held = told[row].sale_id
        assert held is not None
        assert sales[held].contract_id == known
    assert sales[sale_id].refunded == 100
    # What was recorded stays itself, though its number means two contracts by now.
    assert again.counts == SheetCounts(known=1)


async def test_contracts_of_two_agents_with_one_number_are_two(
    finance: Actor, agent: Tenant, rival: Tenant, by: NewSheetMap
) -> None:
    await stories.admit(rival)
    n = mark()
    rows = [
        f"{n}-1,,{agent.name},HT-{n},{DAY},5",
        f"{n}-2,,{rival.name},HT-{n},{DAY},5",
    ]
    later = [f"{n}-3,,{rival.name},HT-{n},{DAY},6", f"{n}-4,,{agent.name},HT-{n},{DAY},6"]

    _, told = await recorded(finance, by, a_sheet(rows))
    _, after = await recorded(finance, by, a_sheet(later))

    ids = {told[2].sale_id: "own", told[3].sale_id: "other", after[2].sale_id: "other"}
    ids[after[3].sale_id] = "own"
    sales = [
        *await sold_by(finance, agent.tenant_id),
        *await sold_by(finance, rival.tenant_id),
    ]
    on = {(ids[each.id], each.contract_id) for each in sales if each.id in ids}
    assert len(ids) == 4
    assert len(on) == 2, "a contract for each of the two"
    assert len({contract for _, contract in on}) == 2


async def test_a_look_guesses_asks_and_keeps_nothing(finance: Actor, agent: Tenant) -> None:
    n = mark()
    plan = await a_plan(finance)
    header = ["订单号", "渠道商", "合同编号", "成交日期", "实收", "套餐", "原订单号", "经办人"]
    content = a_sheet(
        [
            f"{n}-1,{n}号渠道,HT-{n},{DAY},1000,老方案,,某经办",
            f"{n}-R,,,,1.5,,{n}-1,某经办",
            f"{n}-2,{agent.name},HT-{n},{DAY},-3,{plan.plan_id},,某经办",
        ],
        ",".join(header),
    )
    fields = [
        SaleField.REFERENCE,
        SaleField.AGENT,
        SaleField.CONTRACT,
        SaleField.DAY,
        SaleField.SOLD,
        SaleField.PLAN,
        SaleField.SALE,
        None,
    ]
    unsaid = SaleColumnsSaid(header=header, fields=fields)
    said = msgspec.structs.replace(
        unsaid,
        plan_words={"老方案": plan.plan_id},
        agent_words={f"{n}号渠道": agent.tenant_id},
    )

    guessed = await service.preview(finance, content, now=NOW)
    asked = await service.preview(finance, content, said=unsaid, now=NOW)
    seen = await service.preview(finance, content, said=said, now=NOW)

    assert guessed.fields == [*fields[:4], None, None, SaleField.SALE, None]
    assert isinstance(guessed.refusal, ColumnsMissing)
    assert (asked.agent_words, asked.plan_words) == ([f"{n}号渠道"], ["老方案"])
    assert (asked.sales, asked.refunds, asked.refused) == (0, 0, 3)
    assert (seen.refusal, seen.saved, seen.sales, seen.refunds) == (None, None, 1, 1)
    assert (seen.refused, seen.known, seen.looked_at, seen.is_whole) == (1, 0, 3, True)
    assert [(each.row, each.is_refund, each.amount) for each in seen.rows] == [
        (2, False, 1_000_00),
        (3, True, 1_50),
    ]
    assert [(each.row, each.field, each.code) for each in seen.problems] == [
        (4, "sold", "sold_negative")
    ]
    assert await sold_by(finance, agent.tenant_id) == []

    new = SheetAsSeen(id=new_id(), map_id=new_id(), file_name="九月.csv")
    with pytest.raises(Invalid) as nameless:
        await service.hand_in_as_seen(finance, new, said, content, now=NOW)
    assert nameless.value.field == "name"
    named = msgspec.structs.replace(new, name="渠道系统")
    view = await service.hand_in_as_seen(finance, named, said, content, now=NOW)
    await service.go_on(view.id, now=NOW)
    later = await service.preview(finance, content, said=said, now=NOW)
    assert later.saved is not None
    assert (later.saved.name, later.known) == ("渠道系统", 2)
    rows = await rows_of(finance, view.id)
    # Of the column that is ignored nothing is kept.
    assert "某经办" not in str(rows)
    assert (await service.preview(finance, content, now=NOW)).saved == later.saved


async def test_what_is_refused_comes_back_corrected_and_is_recorded(
    finance: Actor, agent: Tenant, by: NewSheetMap
) -> None:
    n = mark()
    bad = f"{n}-2,,没有这家,HT-{n},{DAY},=SUM(A1)"
    view, _ = await recorded(finance, by, a_sheet([f"{n}-1,,{agent.name},HT-{n},{DAY},5", bad]))

    blocks = [block async for block in await exports.refused(finance, view.id, now=NOW)]
    sheet = b"".join(blocks).decode("utf-8-sig")
    corrected = sheet.replace("没有这家", agent.name).replace("'=SUM(A1)", "7")
    again, rows = await recorded(finance, by, corrected.encode())

    heading, line, rest = sheet.split("\r\n")
    assert heading == f"{HEADER},行号,原因代码,不予记录的原因,why_refused"
    assert line.startswith(f"{n}-2,,没有这家,HT-{n},{DAY},'=SUM(A1),3,agent_unknown cell_unread,")
    assert "代理商：没有这个代理商" in line
    assert rest == ""
    assert again.counts == SheetCounts(sales=1), [why(each) for each in rows.values()]
    assert sorted(each.sold for each in await sold_by(finance, agent.tenant_id)) == [5_00, 7_00]


async def test_columns_that_do_not_do_are_refused_before_anything_is_kept(
    finance: Actor, by: NewSheetMap
) -> None:
    with pytest.raises(ColumnsUnknown) as unknown:
        await handed_in(finance, by, a_sheet(["1,,,,,,2"], f"{HEADER},经办人"))
    with pytest.raises(ColumnsMissing) as missing:
        await handed_in(finance, by, a_sheet(["1,,,,"], HEADER.removesuffix(",金额")))
    for field, called in ((SaleField.SOLD, "金额(万元)"), (SaleField.REVENUE, "客户付款（千元）")):
        scaled = await a_map(finance, by.column_map.plan, {**COLUMNS, field: called})
        header = ",".join(scaled.column_map.columns.values())
        with pytest.raises(AmountsScaled) as thousands:
            await handed_in(finance, scaled, a_sheet(["1"], header))
        assert thousands.value.columns == (called,)
    refunds_alone = SaleMap(columns={SaleField.REFERENCE: "单号", SaleField.SOLD: "金额"})
    of_nothing = NewSheetMap(id=new_id(), name="少了", column_map=refunds_alone)
    await service.save_map(finance, of_nothing, now=NOW)
    with pytest.raises(ColumnsMissing) as unsaid:
        await handed_in(finance, of_nothing, a_sheet(["1,2"], "单号,金额"))

    assert unknown.value.columns == ("经办人",)
    assert missing.value.columns == ("金额",)
    assert unsaid.value.columns == ("agent", "contract", "day")
    assert await service.save_map(finance, of_nothing, now=NOW) == of_nothing
    with pytest.raises(IdReused):
        await service.save_map(finance, msgspec.structs.replace(of_nothing, name="别的"), now=NOW)


async def test_only_the_platforms_finance_hands_in_and_sees(
    finance: Actor, agent: Tenant, by: NewSheetMap
) -> None:
    view = await handed_in(finance, by, a_sheet([f"1,,{agent.name},HT,{DAY},="]))
    for other in (make_platform_actor(), agent.owner):
        with pytest.raises(NotPermitted):
            await service.preview(other, b"", now=NOW)
        with pytest.raises(NotPermitted):
            await handed_in(other, by, a_sheet([]))
        with pytest.raises(NotPermitted):
            await service.save_map(other, by, now=NOW)
        with pytest.raises(NotPermitted):
            await sheets.sheet(other, view.id)
        with pytest.raises(NotPermitted):
            await sheets.sheets(other)
        with pytest.raises(NotPermitted):
            await sheets.maps(other)
        with pytest.raises(NotPermitted):
            await sheets.rows(other, view.id, now=NOW)
        with pytest.raises(NotPermitted):
            await exports.refused(other, view.id, now=NOW)
    for asked in (sheets.sheet(finance, new_id()), sheets.rows(finance, new_id(), now=NOW)):
        with pytest.raises(NotFound):
            await asked
    assert view in (await sheets.sheets(finance)).items


async def test_it_stops_where_who_handed_it_in_was_let_go(
    finance: Actor, agent: Tenant, by: NewSheetMap
) -> None:
    n = mark()
    content = a_sheet([f"{n},,{agent.name},HT-{n},{DAY},5"])
    view = await handed_in(finance, by, content)
    await _let_go(finance)

    await service.go_on(view.id, now=NOW)

    colleague = await a_keeper()
    stopped = await sheets.sheet(colleague, view.id)
    assert (stopped.state, stopped.counts) == (SheetState.STOPPED, SheetCounts())
    assert await sold_by(colleague, agent.tenant_id) == []
    await service.go_on(view.id, now=NOW)
    once_more, _ = await recorded(colleague, by, content)
    assert once_more.counts == SheetCounts(sales=1)


async def _let_go(person: Actor) -> None:
    """Take somebody of the platform's staff out."""
    async with db.tenant_transaction(person.tenant_id):
        await db.connection().execute(
            "UPDATE user_account SET disabled_at = $2 WHERE id = $1", person.user_id, NOW
        )


async def test_a_sheet_with_which_no_job_goes_on_is_ended_and_what_was_recorded_stays(
    finance: Actor, agent: Tenant, by: NewSheetMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 2)
    monkeypatch.setattr(service, "BUDGET_S", 0.0)
    n = mark()
    rows = [f"{n}-{at},,{agent.name},HT-{n},{DAY},{at + 1}" for at in range(5)]
    view = await handed_in(finance, by, a_sheet(rows))
    await service.go_on(view.id, now=NOW)
    await service.give_up_lost(now=NOW)
    going = await sheets.sheet(finance, view.id)
    async with db.job_transaction():
        await db.connection().execute(
            "UPDATE outbox SET attempts = $1 WHERE topic = $2 AND payload ->> 'sheet_id' = $3",
            outbox.ATTEMPTS_MAX,
            service.TOPIC,
            str(view.id),
        )

    await service.give_up_lost(now=NOW + timedelta(minutes=5))

    stopped = await sheets.sheet(finance, view.id)
    assert (going.state, going.counts) == (SheetState.RECORDING, SheetCounts(sales=2))
    assert (stopped.state, stopped.counts) == (SheetState.STOPPED, SheetCounts(sales=2))
    again, _ = await recorded_at_once(finance, by, a_sheet(rows), monkeypatch)
    assert again == SheetCounts(sales=3, known=2)


async def recorded_at_once(
    finance: Actor, by: NewSheetMap, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> tuple[SheetCounts, UUID]:
    """Have a sheet recorded by one job."""
    monkeypatch.setattr(service, "BUDGET_S", 60.0)
    view, _ = await recorded(finance, by, content)
    return view.counts, view.id


async def test_two_sheets_of_the_same_sales_beside_each_other_record_each_once(
    finance: Actor, agent: Tenant, rival: Tenant, by: NewSheetMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stories.admit(rival)
    monkeypatch.setattr(parts, "PART_ROWS", 7)
    n = mark()
    sales = [f"{n}-{at},,{(agent, rival)[at % 2].name},HT-{n},{DAY},{at + 1}" for at in range(30)]
    refunds = [f"{n}-R{at},{n}-{at},,,,0.5" for at in range(30)]
    views = [
        await handed_in(finance, by, a_sheet(rows))
        for rows in ([*sales, *refunds], [*refunds[::-1], *sales[::-1]], [*sales[::-1], *refunds])
    ]

    await asyncio.gather(*(service.go_on(each.id, now=NOW) for each in views))

    done = [(await sheets.sheet(finance, each.id)).counts for each in views]
    assert [each.done for each in done] == [60, 60, 60]
    assert sum(each.sales for each in done) == 30
    held = await sold_by(finance, agent.tenant_id) + await sold_by(finance, rival.tenant_id)
    assert sum(each.sold for each in held) == sum(range(1, 31)) * 100
    # One that came before its sale, in the other sheet, was refused; none was recorded twice.
    assert sum(each.refunded for each in held) == 50 * sum(each.refunds for each in done)


async def test_a_row_is_read_by_the_version_that_pays_for_it_though_published_meanwhile(
    finance: Actor, agent: Tenant
) -> None:
    revenue = await a_plan(finance)
    by = await a_map(finance, revenue.plan_id)
    view = await handed_in(finance, by, a_sheet([f"{mark()},,{agent.name},HT,{DAY},12"]))
    pieces = msgspec.structs.replace(
        revenue, id=new_id(), begins_on=NOW.date(), measure=Measure.UNITS
    )

    async with db.platform_transaction(finance):
        await db.connection().execute(HELD, view.id)
        recording = asyncio.create_task(
            service.go_on(view.id, now=NOW), context=contextvars.Context()
        )
        while not await db.connection().fetchval(WAITS):
            assert not recording.done(), "nothing held it up"
        await asyncio.create_task(
            kept.publish(finance, pieces, now=NOW), context=contextvars.Context()
        )
    await recording

    [sale] = await sold_by(finance, agent.tenant_id)
    assert (sale.version_id, sale.measure, sale.sold) == (pieces.id, Measure.UNITS, 12)


async def test_what_became_of_a_row_stays(finance: Actor, by: NewSheetMap) -> None:
    view, _ = await recorded(finance, by, a_sheet([f"{mark()},,没有这家,HT,{DAY},5"]))

    async def change() -> None:
        async with db.platform_transaction(finance):
            await db.connection().execute(
                "UPDATE commission_sheet_part SET outcomes = '[]' WHERE sheet_id = $1", view.id
            )

    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="stays"):
        await change()
