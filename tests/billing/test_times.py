"""When value moved and when that was written down: balances at any time, in any order (I18)."""

import random
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from billing.errors import NotYetHappened
from billing.ledger import queries
from billing.ledger.schemas import AccountKind, Code, Dimension, Hold, Reversal
from billing.money import Money
from server.kit import db
from server.settings import Settings
from tests.billing import accounts, books
from tests.billing.books import OPERATOR
from tests.factories import NOW, Tenant, new_id

pytestmark = pytest.mark.usefixtures("database")
DAY = timedelta(days=1)


async def test_a_balance_at_a_time_is_what_the_statement_sums_up_to() -> None:
    fortune = random.Random(4)
    one, other = await accounts.open_account(), await accounts.open_account()
    for day in range(40):
        # Most happened today, some long ago; some clocks are behind.
        happened = NOW + DAY * day - DAY * fortune.choice([0, 0, 0, 0, 7, 30])
        moved = accounts.single(one, other, fortune.randint(1, 99))
        held = Hold(
            id=new_id(),
            debit_id=other,
            credit_id=one,
            amount=Money(fortune.randint(1, 9), "CNY"),
            event="test.held",
        )
        skew = timedelta(hours=fortune.choice([0, 0, 0, 48]))
        written = max(happened, NOW + DAY * day - skew)
        await accounts.record([moved, held], effective_at=happened, now=written)

    lines = await accounts.lines(other)
    for _ in range(60):
        effective = NOW + DAY * fortune.randint(-32, 41)
        recorded = NOW + DAY * fortune.randint(-1, 41)
        known = [line for line in lines if line.recorded_at <= recorded]
        counted = [line for line in known if line.effective_at <= effective]
        found = await accounts.balance_at(other, effective, recorded)
        assert found.lines == len(known)
        assert found.posted_minor == sum(line.posted_minor for line in counted)
        assert found.pending_minor == sum(line.pending_minor for line in counted)


async def test_the_order_of_writing_does_not_change_what_stood_when() -> None:
    fortune = random.Random(18)
    story = [(NOW + DAY * fortune.randint(0, 20), fortune.randint(1, 99)) for _ in range(12)]
    later = NOW + DAY * 30

    async def told(order: list[tuple[datetime, int]]) -> list[int]:
        one, other = await accounts.open_account(), await accounts.open_account()
        for happened, minor in order:
            await accounts.record(
                [accounts.single(one, other, minor)], effective_at=happened, now=later
            )
        return [(await accounts.balance_at(other, NOW + DAY * n)).posted_minor for n in range(22)]

    straight = await told(sorted(story))
    shuffled = await told(fortune.sample(story, len(story)))
    backwards = await told(sorted(story, reverse=True))

    assert straight[-1] == sum(minor for _, minor in story)
    assert straight == shuffled == backwards


async def test_what_was_known_before_a_correction_can_still_be_asked() -> None:
    one, other = await accounts.open_account(), await accounts.open_account()
    moved = accounts.single(one, other, 500)
    await accounts.record([moved], effective_at=NOW, now=NOW)
    undo = Reversal(id=new_id(), reversal_of=moved.id, event="test.undone")
    await accounts.record([undo], effective_at=NOW, now=NOW + DAY)

    assert (await accounts.balance_at(other, NOW, NOW)).posted_minor == 500
    assert (await accounts.balance_at(other, NOW, NOW + DAY)).posted_minor == 0


async def test_a_line_is_never_recorded_before_the_one_above_it() -> None:
    one, other = await accounts.open_account(), await accounts.open_account()
    for now in (NOW + DAY, NOW):
        await accounts.record([accounts.single(one, other, 1)], effective_at=NOW, now=now)

    assert [line.recorded_at for line in await accounts.lines(one)] == [NOW + DAY, NOW + DAY]


async def test_what_lies_ahead_is_not_booked(tenant: Tenant, database: Settings) -> None:
    one, other = await accounts.open_account(), await accounts.open_account()

    with pytest.raises(NotYetHappened):
        await accounts.record([accounts.single(one, other, 1)], effective_at=NOW + DAY, now=NOW)


# ------------------------------------------------------------------------------------ dimensions


async def test_what_an_account_is_for_follows_from_whose_it_is(tenant: Tenant) -> None:
    program = await books.make_program(1_000)
    await books.issue(program, [books.ask(tenant.tenant_id)])

    async with db.platform_transaction(OPERATOR):
        held = await db.connection().fetch(
            "SELECT kind, dims::jsonb ->> 'agent' AS agent, dims ->> 'program' AS program"
            " FROM ledger_account WHERE subject_id = $1 ORDER BY kind",
            program.id,
        )
    assert [tuple(row) for row in held] == [
        ("budget", None, str(program.id)),
        ("issued", str(tenant.tenant_id), str(program.id)),
    ]


async def test_an_account_wants_what_its_kind_says() -> None:
    funding = await accounts.open_account()
    travel = await accounts.open_account(AccountKind.EXPENSE, dims={Dimension.PROGRAM: "spring"})
    without = await accounts.record([accounts.single(travel, funding, 5)])
    with_it = await accounts.record(
        [accounts.single(travel, funding, 5, dims={Dimension.DEPARTMENT: "sales"})]
    )

    assert (without.code, with_it.code) == (Code.DIMENSION_MISSING, Code.RECORDED)


async def test_the_database_wants_it_too() -> None:
    funding = await accounts.open_account()
    travel = await accounts.open_account(AccountKind.EXPENSE)

    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="wants a dimension"):
        await _insert(travel, funding, "{}")
    with pytest.raises(asyncpg.CheckViolationError, match="ledger_transfer_dims"):
        await _insert(funding, travel, '{"weather": "fine"}')
    account = """
        INSERT INTO ledger_account (
            id, owner_id, kind, currency, bound, subject_id, dims, opened_at
        ) VALUES ($1, $1, 'funding', 'CNY', 'none', $1, $2, $3)
    """
    for dims in ('{"weather": "fine"}', '{"project": ""}', '{"project": 7}'):
        with pytest.raises(asyncpg.CheckViolationError, match="no dimension"):
            async with db.platform_transaction(OPERATOR):
                await db.connection().execute(account, new_id(), dims, NOW)


async def _insert(debit_id: UUID, credit_id: UUID, dims: str) -> None:
    """Insert a transfer past every function."""
    async with db.platform_transaction(OPERATOR):
        await db.connection().execute(
            """
            INSERT INTO ledger_transfer (
                id, owner_id, group_id, position, kind, debit_id, credit_id, currency,
                amount_minor, event, effective_at, recorded_at, actor_id, dims
            ) VALUES ($1, $1, $1, 0, 'single', $2, $3, 'CNY', 1, 'test.forged', $4, $4, $1, $5)
            """,
            *(new_id(), debit_id, credit_id, NOW, dims),
        )


async def test_turnover_is_told_by_dimension() -> None:
    funding = await accounts.open_account()
    project = new_id().hex
    travel = await accounts.open_account(AccountKind.EXPENSE, dims={Dimension.PROJECT: project})
    for department, minor in (("sales", 5), ("sales", 6), ("service", 7)):
        dims = {Dimension.DEPARTMENT: department, Dimension.PROGRAM: "spring"}
        await accounts.record([accounts.single(travel, funding, minor, dims=dims)])

    async with db.platform_transaction(OPERATOR):
        found = await queries.turnover(
            [Dimension.PROJECT, Dimension.DEPARTMENT], since=NOW, until=NOW + DAY
        )

    mine = {
        line.dims[Dimension.DEPARTMENT]: (line.debits_minor, line.credits_minor)
        for line in found
        if line.dims[Dimension.PROJECT] == project and line.kind is AccountKind.EXPENSE
    }
    assert mine == {"sales": (11, 0), "service": (7, 0)}
