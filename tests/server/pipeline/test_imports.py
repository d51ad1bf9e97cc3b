"""Sheets become deals (S38): begun and edited, never moved past a gate."""

import csv
import io
from datetime import timedelta
from typing import Any, Final

import msgspec
import pytest
from openpyxl import Workbook

from server.access import Actor, Role
from server.access.rules import NotPermitted
from server.audit import queries as audit
from server.customers import queries as customers
from server.identity import service as identity
from server.imports import queries as import_queries
from server.imports import service as imports
from server.imports.schemas import Counts, ImportView, Policy, StartImport
from server.pipeline import exports, queries, rules
from server.pipeline.schemas import DealFilters, OpportunityView
from sync_protocol.process.built_in import BUILT_IN
from sync_protocol.process.definition import Canonical, Gate
from sync_protocol.process.gates import State
from tests.factories import NOW, Tenant, new_id
from tests.server.customers.custom.stories import choice, field
from tests.server.pipeline.stories import (
    FIRST,
    SECOND,
    begin,
    do,
    make_customer,
    move,
    process_of,
    publish,
    seen,
    step,
    win,
)

LATER: Final[dict[str, Any]] = {"stage": "商机", "state": None, "may_skip": True}


async def brought_in(
    actor: Actor, sheet: str | bytes, policy: Policy = Policy.UPDATE, name: str = "商机.csv"
) -> ImportView:
    """Import a sheet to its end."""
    content = sheet if isinstance(sheet, bytes) else sheet.encode()
    view = await imports.upload(actor, name, content, target="deals", now=NOW)
    await imports.start(actor, view.id, StartImport(duplicates=policy), now=NOW)
    await imports.run(actor, view.id, now=NOW)
    return await import_queries.one(actor, view.id)


async def taken_out(actor: Actor) -> bytes:
    """Export all deals within sight."""
    return b"".join([block async for block in await exports.as_csv(actor, DealFilters(), now=NOW)])


async def told(actor: Actor, view: ImportView) -> dict[int, tuple[str, str]]:
    """Give field and code of what is wrong, by row."""
    page = await import_queries.problems(actor, view.id)
    return {each.row: (each.field, each.code) for each in page.items}


async def by_name(actor: Actor) -> dict[str, OpportunityView]:
    """Give the deals within sight by their names."""
    page = await queries.list_page(actor, DealFilters(), now=NOW)
    return {each.name: each for each in page.items}


# ---------------------------------------------------------------------------------------- rules


def test_s53_a_deal_that_arrives_late_has_shown_nothing_of_the_stages_before() -> None:
    arrival = rules.arrive(BUILT_IN, {"amount_minor": 1}, **LATER)

    assert arrival is not None
    assert (arrival.stage.id, arrival.state) == ("opportunity", State.OPEN)
    strict = {each.id for each in arrival.unproven if each.gate is Gate.STRICT}
    assert strict == {*FIRST, *SECOND}


def test_s53_a_deal_without_a_stage_or_in_the_first_begins_as_every_deal() -> None:
    for stage in (None, "线索", "lead"):
        for state in (None, State.OPEN):
            assert rules.arrive(BUILT_IN, {}, stage=stage, state=state, may_skip=False) is None


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({"stage": "没有这个"}, rules.StageUnknown),
        ({"stage": "签约", "state": State.OPEN}, rules.StageContradicted),
        ({"stage": "商机", "state": State.WON}, rules.StageContradicted),
        ({"stage": "准商机", "may_skip": False}, rules.LaterStageNotPermitted),
        ({"stage": "准商机", "state": State.LOST, "may_skip": False}, rules.LaterStageNotPermitted),
        ({"state": State.WON}, rules.WinNotImported),
        ({"stage": "签约"}, rules.WinNotImported),
    ],
)
def test_s53_no_file_puts_a_deal_where_the_pipeline_would_not(
    said: dict[str, Any], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        rules.arrive(BUILT_IN, {}, **{"stage": None, "state": None, "may_skip": True, **said})


def test_s53_a_win_is_taken_where_no_strict_gate_stands_before_it() -> None:
    process = process_of(
        ("a", Canonical.LEAD, 10), steps={"a": (step("随手记", Gate.LOOSE), step("可选", None))}
    )

    arrival = rules.arrive(process, {}, stage=None, state=State.WON, may_skip=True)

    assert arrival is not None
    assert (arrival.stage.id, [each.name for each in arrival.unproven]) == ("signed", ["随手记"])


@pytest.mark.parametrize(
    ("state", "reason", "day", "field"),
    [
        (State.LOST, None, "2026-01-01", "lost_reason"),
        (State.LOST, "price", None, "closed_on"),
        (State.WON, None, None, "closed_on"),
        (State.OPEN, "price", None, "lost_reason"),
        (State.OPEN, None, "2026-01-01", "closed_on"),
    ],
)
def test_what_ended_says_why_and_when_and_what_goes_on_does_not(
    state: State, reason: str | None, day: str | None, field: str
) -> None:
    with pytest.raises(
        (rules.LostReasonMissing, rules.ClosingDayInvalid, rules.StageContradicted)
    ) as it:
        rules.ensure_closing_fits(state, reason, day)

    assert getattr(it.value, "field", None) == field


# ------------------------------------------------------------------------------------ own export


async def test_s38_what_an_export_of_deals_wrote_comes_back_and_changes_nothing(
    tenant: Tenant,
) -> None:
    boss = tenant.owner
    slot = await choice(boss, "早", "晚", type_="choices", label="时段", subject="opportunity")
    # Called as a column that every deal has.
    size = await field(boss, "decimal", "金额", subject="opportunity")
    shop = await make_customer(boss, name="福满楼")
    own = {slot.name: [str(each.id) for each in slot.options], size.name: 1250}
    await begin(
        *(boss, shop),
        name="=封口机",
        amount_minor=1_234_05,
        expected_on="2026-04-01",
        forecast_category="best",
        competitor="对手甲",
        remark="第一行\n+第二行",
        solution_manager_id=tenant.rep.user_id,
        custom=own,
    )
    lost, won, moved = [await begin(boss, shop, name=each) for each in ("丢了", "赢了", "走着")]
    await move(boss, lost, "lose", reason="price")
    await win(boss, won)
    await do(boss, moved, *FIRST)
    await move(boss, moved)
    before = await by_name(boss)

    for policy in (Policy.UPDATE, Policy.SKIP, Policy.CREATE):
        done = await brought_in(boss, await taken_out(boss), policy)
        assert await told(boss, done) == {}
        assert done.counts.unchanged + done.counts.skipped == done.counts.rows == 4
    assert await by_name(boss) == before


async def test_s38_fields_called_alike_but_for_a_space_come_back_each_into_its_own(
    tenant: Tenant,
) -> None:
    boss = tenant.owner
    own = {
        (await field(boss, "text", label, subject="opportunity")).name: label
        for label in ("时段", "时 段", "Size", "size")
    }
    deal = await begin(boss, custom=own)

    done = await brought_in(boss, await taken_out(boss))

    assert (await told(boss, done), done.counts.unchanged) == ({}, 1)
    assert (await seen(boss, deal)).custom == own


async def test_s38_an_export_that_somebody_mended_edits_the_facts_of_its_deals(
    tenant: Tenant,
) -> None:
    boss = tenant.owner
    slot = await choice(boss, "早", "晚", type_="choices", label="时段", subject="opportunity")
    early, late = (str(each.id) for each in slot.options)
    deal = await begin(boss, name="一单", custom={slot.name: [early]})
    text = (await taken_out(boss)).decode("utf-8-sig")
    (line,) = csv.DictReader(io.StringIO(text))
    mended = line | {
        "商机名称": "一单二期",
        "金额(元)": "￥１２,５００.５０",
        "预计签约日": "46113",
        "预测": "承诺",
        "客户经理": "",
        "方案经理": tenant.rep.name,
        "时段": "晚",
    }
    target = io.StringIO()
    writer = csv.DictWriter(target, list(line))
    writer.writeheader()
    writer.writerow(mended)

    done = await brought_in(boss, target.getvalue())

    assert done.counts == Counts(rows=1, updated=1)
    held = await seen(boss, deal)
    assert (held.name, held.amount_minor, held.expected_on) == (
        "一单二期",
        12_500_50,
        "2026-04-01",
    )
    assert (held.forecast_category, held.custom[slot.name]) == ("commit", [late])
    people = (held.account_manager_id, held.solution_manager_id)
    assert people == (boss.user_id, tenant.rep.user_id)
    assert (held.stage, held.state) == ("lead", "open")


async def test_s53_no_file_names_somebody_anew_who_has_left(tenant: Tenant) -> None:
    boss, gone = tenant.owner, tenant.rep
    shop = await make_customer(boss, name="福满楼")
    await begin(boss, shop, name="旧单", solution_manager_id=gone.user_id)
    await identity.disable_user(boss, gone.user_id, now=NOW)
    rows = "".join(f"福满楼,{name},{gone.name},100\n" for name in ("旧单", "新单"))

    done = await brought_in(boss, f"客户名称,商机名称,方案经理,金额\n{rows}")

    assert await told(boss, done) == {3: ("solution_manager_id", "unknown_person")}
    deals = await by_name(boss)
    assert {each.name: each.amount_minor for each in deals.values()} == {"旧单": 100_00}


async def test_s53_a_row_that_would_move_its_deal_changes_nothing_of_it(tenant: Tenant) -> None:
    boss = tenant.owner
    deal = await begin(boss, name="一单", amount_minor=100)
    await publish(boss, process_of(("a", Canonical.LEAD, 10)), name="别的")
    before = await seen(boss, deal)
    header = "商机编号,商机名称,金额,流程,阶段,状态,流失原因,结束时间\n"
    rows = ["别的,,,,", ",准商机,,,", ",,已流失,价格,2026-01-01", ",,,价格,", ",,,,2026-01-01"]
    fields = ["process", "stage", "state", "lost_reason", "closed_on"]

    for row, column in zip(rows, fields, strict=True):
        done = await brought_in(boss, f"{header}{deal},改名,999,{row}\n")
        assert await told(boss, done) == {2: (column, "stage_not_imported")}
    assert await seen(boss, deal) == before
    mend = await import_queries.error_file(boss, done.id)
    assert "请在商机看板里推进" in mend.decode()


# ------------------------------------------------------------------------------------- new deals


async def test_s38_new_deals_begin_with_the_customer_that_the_row_means(tenant: Tenant) -> None:
    boss = tenant.owner
    twins = [await make_customer(boss, name="重名店", phone=f"1380000000{at}") for at in (1, 2)]
    shop = await make_customer(boss, name="福满楼", uscc="91350100M000100Y43")
    sheet = (
        "客户名称,客户编号,信用代码,客户电话,商机名称,金额\n"
        "福满楼,,,,一,1.2万\n"
        ",,91350100M000100Y43,,二,\n"
        f"名字改过了,{twins[0]},,,三,\n"
        "重名店,,,13800000002.0,四,\n"
        "重名店,,,,五,\n"
        "福满楼,,,１３８０００００００２,六,\n"
        "没这家,,,,七,\n"
        "福满楼,,,,,\n"
        ",,,,八,\n"
        "合计,,,,九,\n"
        "福满楼,,,,一,3\n"
        f",{boss.user_id},,,十,\n"
    )

    done = await brought_in(boss, sheet)

    assert {row: code for row, (_, code) in (await told(boss, done)).items()} == {
        6: "ambiguous_customer",
        # Name and number say two different ones.
        7: "ambiguous_customer",
        8: "unknown_customer",
        9: "field_required",
        10: "field_required",
        11: "sum_row",
        12: "duplicate_in_file",
        13: "unknown_customer",
    }
    held = await by_name(boss)
    assert {name: each.customer_id for name, each in held.items()} == {
        "一": shop, "二": shop, "三": twins[0], "四": twins[1],
    }  # fmt: skip
    assert (held["一"].amount_minor, held["一"].stage, held["一"].state) == (
        1_200_000,
        "lead",
        "open",
    )
    assert held["一"].account_manager_id == boss.user_id

    again = await brought_in(boss, sheet)
    assert (again.counts.created, again.counts.unchanged) == (0, 4)
    other = await brought_in(boss, sheet, Policy.CREATE)
    assert other.counts.created == 5


async def test_s38_a_customer_out_of_sight_is_one_that_is_not_known(tenant: Tenant) -> None:
    lead = tenant.actor(Role.SALES_MANAGER, team_id=new_id())
    elsewhere = await make_customer(tenant.owner, name="别队的店")
    theirs = await begin(tenant.owner, elsewhere, name="别队的单")
    sheet = f"商机编号,客户编号,客户名称,商机名称\n,,别队的店,一\n,{elsewhere},,二\n{theirs},,,三\n"

    done = await brought_in(lead, sheet)

    assert await told(lead, done) == {
        2: ("customer", "unknown_customer"),
        3: ("customer", "unknown_customer"),
        4: ("id", "not_found"),
    }
    assert (await seen(tenant.owner, theirs)).name == "别队的单"
    with pytest.raises(NotPermitted):
        await brought_in(tenant.rep, sheet)


async def test_s53_a_later_stage_is_said_by_who_sees_the_company_and_is_not_proven(
    tenant: Tenant,
) -> None:
    boss, lead = tenant.owner, tenant.manager
    shop = await make_customer(lead, name="福满楼")
    sheet = "客户名称,商机名称,阶段,金额\n福满楼,一,商机,100\n福满楼,二,线索,\n"

    narrow = await brought_in(lead, sheet)
    done = await brought_in(boss, sheet, Policy.SKIP)

    assert await told(lead, narrow) == {2: ("stage", "later_stage_not_permitted")}
    assert (done.counts.created, done.counts.skipped) == (1, 1)
    found = await queries.detail(boss, (await by_name(boss))["一"].id, now=NOW)
    (arrived,) = found.moves
    assert (arrived.verb, arrived.from_stage, arrived.to_stage) == ("import", "lead", "opportunity")
    assert (arrived.moved_by, arrived.moved_at, arrived.stayed_ms) == (boss.user_id, NOW, 0)
    must = len(FIRST) + len(SECOND)
    told_ = found.conformance
    assert (told_.done, told_.wanted, told_.unproven, told_.deviations) == (0, must, must, 0)
    assert (await customers.one(boss, shop)).status == "intent"
    trail = [each.action for each in (await audit.entries(boss)).items]
    assert trail.count("opportunity.imported") == 1

    await do(boss, found.opportunity.id, FIRST[0])
    mended = (await queries.detail(boss, found.opportunity.id, now=NOW)).conformance
    assert (mended.done, mended.unproven) == (1, must - 1)


async def test_s53_what_ended_before_is_brought_in_dated_and_no_win_without_its_gates(
    tenant: Tenant,
) -> None:
    boss = tenant.owner
    await make_customer(boss, name="福满楼")
    await publish(boss, process_of(("a", Canonical.LEAD, 10)), name="宽松")
    tomorrow = (NOW + timedelta(days=1)).date()
    sheet = (
        "客户名称,商机名称,流程,状态,流失原因,结束时间\n"
        "福满楼,丢了,,已流失,价格,2025年12月3日\n"
        "福满楼,没说为什么,,已流失,,2025-12-03\n"
        "福满楼,没说哪天,,已流失,价格,\n"
        f"福满楼,还没到,,已流失,价格,{tomorrow}\n"
        "福满楼,硬说赢了,,已签约,,2025-12-03\n"
        "福满楼,真赢了,宽松,已签约,,2025-12-03 10:00\n"
        "福满楼,没这流程,另一个,,,\n"
        "福满楼,太早,,已流失,价格,0001-01-01\n"
        "福满楼,早一天,,已流失,价格,1970-01-01\n"
    )

    done = await brought_in(boss, sheet)

    assert await told(boss, done) == {
        3: ("lost_reason", "lost_reason_missing"),
        4: ("closed_on", "closing_day_invalid"),
        5: ("closed_on", "closing_day_invalid"),
        6: ("state", "win_not_imported"),
        8: ("process", "unknown_process"),
        # Midnight of it in Shanghai is no moment: whatever list had shown the deal would fail.
        9: ("closed_on", "closing_day_invalid"),
        10: ("closed_on", "closing_day_invalid"),
    }
    held = await by_name(boss)
    assert set(held) == {"丢了", "真赢了"}
    lost, won = held["丢了"], held["真赢了"]
    assert (lost.state, lost.lost_reason, lost.stage) == ("lost", "price", "lead")
    assert lost.closed_at is not None
    assert lost.closed_at.isoformat() == "2025-12-02T16:00:00+00:00"
    assert (won.state, won.stage) == ("won", "signed")
    mend = (await import_queries.error_file(boss, done.id)).decode()
    assert "赢单要有合同" in mend

    back = await brought_in(boss, await taken_out(boss))
    assert (await told(boss, back), back.counts.unchanged) == ({}, 2)


async def test_s38_a_workbook_with_a_title_serial_dates_and_formulas_is_read(
    tenant: Tenant,
) -> None:
    boss = tenant.owner
    await make_customer(boss, name="福满楼", phone="13800000001")
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["二〇二六年商机汇总表"])
    sheet.merge_cells("A1:E1")
    sheet.append(["客户名称", "客户电话", "商机名称", "预计金额", "预计签约日期"])
    sheet.append(["福满楼", 13800000001.0, "一", 12000.5, 46113])
    sheet.append(["福满楼", "138 0000 0001", "二", "1,200,000.00", "2026/4/1"])
    sheet.append(["福满楼", None, "三", "=100*2", "四月"])
    content = io.BytesIO()
    book.save(content)

    done = await brought_in(boss, content.getvalue(), name="商机.xlsx")

    held = await by_name(boss)
    assert {name: (each.amount_minor, each.expected_on) for name, each in held.items()} == {
        "一": (12_000_50, "2026-04-01"),
        "二": (1_200_000_00, "2026-04-01"),
    }
    assert (await told(boss, done))[5] == ("expected_on", "bad_day")


async def test_a_file_of_somebody_under_the_mask_writes_no_stars_over_numbers(
    tenant: Tenant,
) -> None:
    deal = await begin(tenant.rep, name="一单", remark="找王总 13911112222")
    masked = msgspec.structs.replace(tenant.manager, masks_phones=True)
    before = await seen(tenant.owner, deal)

    for policy in (Policy.UPDATE, Policy.SKIP):
        done = await brought_in(masked, await taken_out(masked), policy)
        assert (done.counts.updated, done.counts.created) == (0, 0)
    assert await seen(tenant.owner, deal) == before


# --------------------------------------------------------------------------------------- a kill


async def test_s101_an_import_that_was_killed_goes_on_and_brings_nothing_twice(
    tenant: Tenant,
) -> None:
    boss = tenant.owner
    await make_customer(boss, name="福满楼")
    lines = ["福满楼,甲,商机", "福满楼,乙,", "福满楼,甲,商机", "福满楼,丙,"]
    lines += [f"福满楼,第{number}单," for number in range(1200)]
    lines += ["福满楼,乙,", "福满楼,丁,"]
    content = ("客户名称,商机名称,阶段\n" + "\n".join(lines) + "\n").encode()
    view = await imports.upload(boss, "商机.csv", content, target="deals", now=NOW)
    await imports.start(boss, view.id, StartImport(duplicates=Policy.UPDATE), now=NOW)

    while not await imports.run(boss, view.id, now=NOW, budget_s=0):
        pass

    done = await import_queries.one(boss, view.id)
    assert (done.counts.created, done.counts.skipped) == (1204, 2)
    assert await imports.run(boss, view.id, now=NOW)
    assert (await import_queries.one(boss, view.id)).counts == done.counts


async def test_s101_a_row_that_was_refused_stands_in_no_later_ones_way_killed_or_not(
    tenant: Tenant,
) -> None:
    boss = tenant.owner
    number = await field(boss, "text", "单号", subject="opportunity", is_unique=True)
    shop = await make_customer(boss, name="福满楼")
    await begin(boss, shop, name="零", custom={number.name: "D0"})
    sums = "".join("合计,,\n" for _ in range(1200))
    sheet = f"客户名称,商机名称,单号\n福满楼,甲,D0\n{sums}福满楼,甲,D1\n"

    for at, budget_s in enumerate((None, 0.0)):
        content = sheet.replace("甲", f"甲{at}").replace("D1", f"E{at}").encode()
        view = await imports.upload(boss, "商机.csv", content, target="deals", now=NOW)
        await imports.start(boss, view.id, StartImport(duplicates=Policy.UPDATE), now=NOW)
        while not await imports.run(boss, view.id, now=NOW, budget_s=budget_s):
            pass

    assert set(await by_name(boss)) == {"零", "甲0", "甲1"}


async def test_a_custom_field_that_must_be_given_is_missed_in_its_row(tenant: Tenant) -> None:
    boss = tenant.owner
    needed = await field(boss, "text", "合同类型", subject="opportunity", is_required=True)
    number = await field(boss, "text", "单号", subject="opportunity", is_unique=True)
    await make_customer(boss, name="福满楼")
    sheet = "客户名称,商机名称,合同类型,单号\n福满楼,一,,\n福满楼,二,年框,D1\n福满楼,三,年框,D1\n"

    done = await brought_in(boss, sheet)

    assert await told(boss, done) == {
        2: (needed.name, "field_required"),
        4: (number.name, "custom_value_taken"),
    }
