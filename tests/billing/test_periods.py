"""A closed period does not change; what comes late is booked behind it, with its date (I11)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import asyncpg
import msgspec
import pytest

from billing.errors import BillingRefusal
from billing.ledger.schemas import Code
from billing.periods import queries, rules, service
from billing.periods.schemas import (
    ChangeView,
    NewPeriod,
    PeriodChange,
    PeriodState,
    PeriodView,
    TrialLine,
)
from server.kit import db
from server.settings import Settings
from tests.billing import accounts
from tests.billing.books import OPERATOR
from tests.factories import NOW, new_id
from tests.postgres import Postgres

pytestmark = pytest.mark.usefixtures("own_books")
DAY = timedelta(days=1)
SOFT, HARD, OPEN = PeriodState.SOFT_CLOSED, PeriodState.HARD_CLOSED, PeriodState.OPEN


@pytest.fixture
async def month(own_books: Settings) -> AsyncIterator[PeriodView]:
    """The next month in the row, which the test leaves closed for good."""
    async with db.platform_transaction(OPERATOR):
        held = await queries.periods()
        starts_at = held[-1].ends_at if held else datetime(2020, 1, 1, tzinfo=UTC)
        new = NewPeriod(id=new_id(), starts_at=starts_at, ends_at=starts_at + DAY * 30)
        await service.open_period(new)
        await service.open_period(new)
        [period] = [one for one in await queries.periods() if one.id == new.id]
    yield period
    async with db.platform_transaction(OPERATOR):
        [period] = [one for one in await queries.periods() if one.id == new.id]
        if period.state is not HARD:
            await _change(period, HARD)
        assert await queries.contradictions() == []


async def _change(period: PeriodView, state: PeriodState) -> ChangeView:
    """Close or open a period."""
    asked = PeriodChange(
        period_id=period.id, state=state, actor_id=OPERATOR.user_id, reason="the month is over"
    )
    async with db.platform_transaction(OPERATOR):
        return await service.change(asked, now=NOW)


async def _trial(period: PeriodView, n: int) -> list[TrialLine]:
    async with db.platform_transaction(OPERATOR):
        return await queries.trial(period.id, n)


async def test_a_close_stores_the_trial_balance(month: PeriodView) -> None:
    one, other = await accounts.open_account(), await accounts.open_account()
    await accounts.record([accounts.single(one, other, 70)], effective_at=month.starts_at)
    await accounts.record([accounts.single(other, one, 20)], effective_at=month.ends_at - DAY)
    await accounts.record([accounts.single(one, other, 999)], effective_at=month.ends_at)

    closed = await _change(month, HARD)

    kept = {line.account_id: line for line in await _trial(month, closed.n)}
    told = [
        (line.opening_minor, line.debits_minor, line.credits_minor, line.closing_minor)
        for line in (kept[one], kept[other])
    ]
    assert told == [(0, 70, 20, -50), (0, 20, 70, 50)]
    assert sum(line.closing_minor for line in kept.values()) == 0
    assert closed.trial_hash is not None


async def test_the_next_close_goes_on_from_the_last_one(month: PeriodView) -> None:
    one, other = await accounts.open_account(), await accounts.open_account()
    await accounts.record([accounts.single(one, other, 5)], effective_at=month.starts_at)
    await _change(month, HARD)
    following = NewPeriod(id=new_id(), starts_at=month.ends_at, ends_at=month.ends_at + DAY)
    async with db.platform_transaction(OPERATOR):
        await service.open_period(following)
    await accounts.record([accounts.single(one, other, 7)], effective_at=month.ends_at)

    closed = await _change(_as_view(following), HARD)

    [line] = [line for line in await _trial(_as_view(following), closed.n) if
              line.account_id == other]  # fmt: skip
    assert (line.opening_minor, line.credits_minor, line.closing_minor) == (5, 7, 12)


def _as_view(new: NewPeriod) -> PeriodView:
    return PeriodView(
        id=new.id, starts_at=new.starts_at, ends_at=new.ends_at, state=OPEN, changes=0
    )


@pytest.mark.parametrize("state", [SOFT, HARD])
async def test_what_comes_late_is_booked_behind_and_keeps_its_date(
    month: PeriodView, state: PeriodState
) -> None:
    one, other = await accounts.open_account(), await accounts.open_account()
    await _change(month, state)

    late = await accounts.record([accounts.single(one, other, 5)], effective_at=month.starts_at)

    assert late.code is Code.RECORDED
    [line] = await accounts.lines(one)
    assert (line.effective_at, line.booked_at) == (month.starts_at, month.ends_at)
    assert (await accounts.balance_at(other, month.starts_at)).posted_minor == 5


async def test_who_has_the_right_adjusts_what_is_softly_closed_and_nothing_more(
    month: PeriodView,
) -> None:
    one, other = await accounts.open_account(), await accounts.open_account()
    await _change(month, SOFT)
    happened = month.starts_at + DAY
    adjusted = await accounts.record(
        [accounts.single(one, other, 5)], effective_at=happened, is_adjustment=True
    )
    closed = await _change(month, HARD)
    too_late = await accounts.record(
        [accounts.single(one, other, 6)], effective_at=happened, is_adjustment=True
    )

    assert (adjusted.code, too_late.code) == (Code.RECORDED, Code.PERIOD_CLOSED)
    assert [line.booked_at for line in await accounts.lines(one)] == [happened]
    kept = {line.account_id: line.closing_minor for line in await _trial(month, closed.n)}
    assert kept[other] == 5


async def test_opening_again_leaves_its_record(month: PeriodView) -> None:
    one, other = await accounts.open_account(), await accounts.open_account()
    first = await _change(month, HARD)
    await _change(month, OPEN)
    await accounts.record([accounts.single(one, other, 5)], effective_at=month.starts_at)
    second = await _change(month, HARD)

    async with db.platform_transaction(OPERATOR):
        told = await queries.changes(month.id)
    assert [change.state for change in told] == [HARD, OPEN, HARD]
    assert [change.n for change in told] == [1, 2, 3]
    assert all(change.actor_id == OPERATOR.user_id for change in told)
    assert first.trial_hash != second.trial_hash
    assert one not in {line.account_id for line in await _trial(month, 1)}
    assert one in {line.account_id for line in await _trial(month, 3)}


async def test_a_close_waits_for_what_is_being_written(month: PeriodView) -> None:
    one, other = await accounts.open_account(), await accounts.open_account()
    is_written, may_commit = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with db.platform_transaction(OPERATOR):
            await accounts.record([accounts.single(one, other, 5)], effective_at=month.starts_at)
            is_written.set()
            await may_commit.wait()

    writing = asyncio.create_task(write())
    await is_written.wait()
    closing = asyncio.create_task(_change(month, HARD))
    await _until_somebody_waits()
    assert not closing.done()
    may_commit.set()
    closed = await closing
    await writing

    kept = {line.account_id: line.closing_minor for line in await _trial(month, closed.n)}
    assert kept[other] == 5


async def _until_somebody_waits() -> None:
    """Look until a close stands in line for the books."""
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    while True:
        async with db.platform_transaction(OPERATOR):
            if await db.connection().fetchval(waiting):
                return


def test_a_period_is_closed_for_good_once_it_has_ended() -> None:
    row = [PeriodView(id=new_id(), starts_at=NOW, ends_at=NOW + DAY, state=OPEN, changes=0)]
    soft = [msgspec.structs.replace(row[0], state=SOFT)]

    rules.ensure_may_become(row[0].id, SOFT, row, now=NOW)
    for held in (row, soft):
        with pytest.raises(rules.PeriodNotOver):
            rules.ensure_may_become(row[0].id, HARD, held, now=NOW + DAY - DAY / 86_400)
        rules.ensure_may_become(row[0].id, HARD, held, now=NOW + DAY)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ([(0, HARD), (0, HARD)], "period_in_that_state"),
        ([(0, SOFT), (0, SOFT)], "period_in_that_state"),
        ([(0, HARD), (0, SOFT)], "period_in_that_state"),
        ([(0, OPEN)], "period_in_that_state"),
        ([(1, SOFT)], "period_out_of_order"),
        ([(0, SOFT), (1, HARD)], "period_out_of_order"),
        ([(0, HARD), (1, SOFT), (0, OPEN)], "period_out_of_order"),
        ([(2, HARD)], "period_not_found"),
    ],
)
def test_periods_are_closed_in_their_order(
    changes: list[tuple[int, PeriodState]], code: str
) -> None:
    row = [
        PeriodView(id=new_id(), starts_at=NOW + DAY * n, ends_at=NOW + DAY * (n + 1), state=OPEN,
                   changes=0)
        for n in range(2)
    ]  # fmt: skip
    for place, state in changes[:-1]:
        rules.ensure_may_become(row[place].id, state, row, now=NOW + DAY * 2)
        row[place] = msgspec.structs.replace(row[place], state=state)
    place, state = changes[-1]

    with pytest.raises(BillingRefusal) as refused:
        rules.ensure_may_become(
            row[place].id if place < len(row) else new_id(), state, row, now=NOW + DAY * 2
        )

    assert refused.value.code == code


async def test_a_period_leaves_no_gap(month: PeriodView) -> None:
    for starts_at, ends_at in (
        (month.ends_at + DAY, month.ends_at + DAY * 2),
        (month.starts_at, month.ends_at + DAY),
        (month.ends_at, month.ends_at),
    ):
        with pytest.raises(rules.PeriodNotNext):
            async with db.platform_transaction(OPERATOR):
                await service.open_period(
                    NewPeriod(id=new_id(), starts_at=starts_at, ends_at=ends_at)
                )


# ----------------------------------------------------------------------- whoever asks, as it is


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_period SET state = 'open'",
        "DELETE FROM ledger_period",
        "UPDATE ledger_period_change SET reason = 'none'",
        "DELETE FROM ledger_trial",
        "INSERT INTO ledger_trial SELECT id, 9, id, 'CNY', 0, 0, 0, 0, 0 FROM ledger_period",
        """
        INSERT INTO ledger_period_change (period_id, state, recorded_at, actor_id, reason)
        SELECT id, 'soft_closed', now(), id, '' FROM ledger_period WHERE state = 'hard_closed'
        """,
        """
        INSERT INTO ledger_period (id, starts_at, ends_at)
        SELECT gen_random_uuid(), max(ends_at) + '1 day', max(ends_at) + '2 days'
        FROM ledger_period
        """,
    ],
)
async def test_the_database_refuses_what_no_close_is(month: PeriodView, statement: str) -> None:
    await _change(month, HARD)

    with pytest.raises(
        (asyncpg.RestrictViolationError, asyncpg.InsufficientPrivilegeError,
         asyncpg.IntegrityConstraintViolationError)
    ):  # fmt: skip
        async with db.platform_transaction(OPERATOR):
            await db.connection().execute(statement)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE ledger_entry SET posted_minor = posted_minor + 1 WHERE account_id = $1",
        "UPDATE ledger_entry SET booked_at = booked_at - interval '31 days' WHERE account_id = $1",
        "UPDATE ledger_entry SET booked_at = booked_at + interval '31 days' WHERE account_id = $1",
        "UPDATE ledger_trial SET closing_minor = closing_minor + 1 WHERE account_id = $1",
        "DELETE FROM ledger_trial WHERE account_id = $1",
        "DELETE FROM ledger_entry WHERE account_id = $1",
        """
        INSERT INTO ledger_entry SELECT account_id, 99, transfer_id, owner_id, currency, 0, 1, 0,
            0, effective_at, recorded_at, booked_at, effective_until
        FROM ledger_entry WHERE account_id = $1
        """,
        "UPDATE ledger_period SET state = 'soft_closed' WHERE $1::uuid IS NOT NULL",
    ],
)
async def test_tampering_with_a_closed_period_is_found(
    month: PeriodView, postgres: Postgres, own_books: Settings, tampering: str
) -> None:
    one, other = await accounts.open_account(), await accounts.open_account()
    await accounts.record([accounts.single(one, other, 5)], effective_at=month.starts_at)
    await _change(month, HARD)
    name = urlsplit(own_books.database_url).path.removeprefix("/")
    superuser = await asyncpg.connect(postgres.superuser_url(name))
    undone = superuser.transaction()
    await undone.start()
    try:
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.execute("ALTER TABLE ledger_entry DROP CONSTRAINT"
                                " ledger_entry_transfer_id_account_id_key")  # fmt: skip
        await superuser.execute("ALTER TABLE ledger_trial DROP CONSTRAINT ledger_trial_check")
        await superuser.execute(tampering, one)
        found = await superuser.fetch(queries.CHECKS["I11"])
    finally:
        await undone.rollback()
        await superuser.close()

    assert found
