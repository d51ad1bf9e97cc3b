"""Files as agents' own systems write them: what differs is never said to be matched."""

from uuid import UUID

import pytest

from billing.reconciliation.rules.columns import ColumnMap, Field
from billing.reconciliation.rules.findings import Kind, Step
from billing.reconciliation.rules.lines import Side
from billing.reconciliation.schemas import FileState
from server.imports.sandbox import RowTooLong
from server.kit import db
from server.reconciliation import parts, queries, service
from server.reconciliation.schemas import NewSource, ReconFileDetail
from tests.factories import NOW, Tenant, new_id
from tests.server.benefits import stories
from tests.server.reconciliation.stories import (
    DAY,
    FINANCE,
    HEADER,
    NAME,
    PHONE,
    a_file,
    a_row,
    a_source,
    handed_in,
    issued,
)

pytestmark = pytest.mark.usefixtures("database")


async def a_source_of(tenant: Tenant, header: str, fields: list[Field], program: UUID) -> NewSource:
    """Save that files have these columns, all lines being of one program."""
    columns = dict(zip(fields, header.split(","), strict=True))
    by = ColumnMap(columns=columns, program=str(program))
    new = NewSource(id=new_id(), agent_id=tenant.tenant_id, name="ERP", column_map=by)
    return await service.save_source(FINANCE, Side.HERE, new, now=NOW)


async def compared(source: NewSource, content: bytes) -> ReconFileDetail:
    """Hand a file in and compare it."""
    view = await handed_in(source, content)
    await service.go_on(view.id, now=NOW)
    found = await queries.file(FINANCE, Side.HERE, view.id, now=NOW)
    assert found.state is FileState.COMPARED
    return found


async def program_of_two(tenant: Tenant) -> UUID:
    """Issue two benefits of 50 yuan on one day; give their program."""
    await stories.admit(tenant)
    [one, _] = await issued(tenant, 2)
    async with db.platform_transaction(FINANCE):
        program: UUID = await db.connection().fetchval(
            "SELECT program_id FROM issuance WHERE id = $1", one["id"]
        )
    return program


@pytest.mark.parametrize(
    ("called", "field", "rows"),
    [
        ("客户名称", Field.NAME, ["甲店,30.00", "乙店,70.00"]),
        ("客户名称", Field.NAME, ["甲店,100.00"]),
        ("客户编号", Field.CUSTOMER, ["K-1,99.99", "K-2,0.01"]),
    ],
)
async def test_lines_of_customers_whom_nobody_knows_are_no_days_sum(
    tenant: Tenant, called: str, field: Field, rows: list[str]
) -> None:
    program = await program_of_two(tenant)
    header = f"{called},金额,日期"
    source = await a_source_of(tenant, header, [field, Field.AMOUNT, Field.DAY], program)
    view = await handed_in(source, a_file([f"{row},{DAY}" for row in rows], header))
    async with db.platform_transaction(FINANCE):
        part = await parts.upcoming(view.id)
    assert not any(row.split(",")[0] in str(part) for row in rows)

    await service.go_on(view.id, now=NOW)
    found = await queries.file(FINANCE, Side.HERE, view.id, now=NOW)

    assert found.matches == {}
    assert found.exceptions == {Kind.MISSING_THERE: 2, Kind.MISSING_HERE: len(rows)}


@pytest.mark.parametrize("at", [0, 1_500])
async def test_a_row_of_more_cells_than_columns_is_refused_since_one_is_cut_in_two(
    tenant: Tenant, at: int
) -> None:
    """1,234.50 without quotation marks is two cells: 1 yuan would be read of it."""
    source = await a_source(tenant)
    header = "权益编号,客户标识,客户名称,手机,日期,金额"
    rows = [f"X-{n},,{NAME},{PHONE},{DAY},50.00" for n in range(2_000)]
    await compared(source, a_file([*rows, "合计,,,,,100000.00,,"], header))

    rows[at] = f"X-{at},,{NAME},{PHONE},{DAY},1,234.50"
    with pytest.raises(RowTooLong) as refused:
        await handed_in(source, a_file(rows, header))

    assert f"Row {at + 2} " in refused.value.detail


async def test_days_sums_are_matched_where_a_file_tells_nobody(tenant: Tenant) -> None:
    program = await program_of_two(tenant)
    source = await a_source_of(tenant, "金额,日期", [Field.AMOUNT, Field.DAY], program)

    right = await compared(source, a_file([f"100.00,{DAY}"], "金额,日期"))

    assert (right.matches, right.exceptions) == ({Step.SUM: 1}, {})


async def test_a_sum_with_a_day_and_texts_as_formulas_do_not_change_what_is_matched(
    tenant: Tenant,
) -> None:
    source = await a_source(tenant)
    [one, two] = await issued(tenant, 2)
    rows = [
        f'="{one["id"]}",="{one["customer_token"]}",{NAME},{PHONE},="50.00",="{DAY}"',
        a_row(two["id"], two["customer_token"]),
        f"合计,,,,100.00,{DAY}",
        f",,总计,,100.00,{DAY}",
    ]
    header = ",".join(f'="{name}"' for name in HEADER.split(","))

    found = await compared(source, a_file(rows, header))

    assert (found.matches, found.exceptions) == ({Step.ID: 2}, {})
    assert {each.side: each.counting_minor for each in found.sides} == {
        Side.HERE: 100_00,
        Side.THERE: 100_00,
    }
