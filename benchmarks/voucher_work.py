"""G12: the vouchers of a month made, checked, tied, and written for each accounting package."""

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from benchmarks import voucher_readers
from benchmarks.figures import Figure, Spread
from billing.accounting_vouchers import exports, queries, service
from billing.accounting_vouchers.schemas import (
    Detail,
    Format,
    NewExport,
    RunView,
    Standard,
    Voucher,
    VoucherTemplate,
    Written,
)
from billing.accounting_vouchers.service import By
from billing.ledger import service as ledger
from billing.ledger.schemas import AccountKind, Code, Dimension, Journal, NewAccount, Single
from billing.money import Money
from billing.periods import service as periods
from billing.periods.schemas import NewPeriod, PeriodChange, PeriodState
from server.access import PLATFORM_TENANT, Actor, Role, Scope
from server.kit import clock, db, ids
from server.kit.apart import made_apart

T = TypeVar("T")

_FINANCE: Final = Actor(
    user_id=PLATFORM_TENANT,
    tenant_id=PLATFORM_TENANT,
    role=Role.PLATFORM_FINANCE,
    scope=Scope.TENANT,
)
_AGENTS: Final = 40
_AT_ONCE: Final = 500
_EARNED: Final = "commission.earned"
_EACH_S: Final = 60.0
"""What the goal allows a format, however many lines up to 100,000."""
_READ: Final[Mapping[Format, Callable[[bytes], list[voucher_readers.Row]]]] = {
    Format.U8: voucher_readers.read_u8,
    Format.KINGDEE: voucher_readers.read_kingdee,
    Format.CSV: voucher_readers.read_csv,
    Format.XLSX: voucher_readers.read_xlsx,
    Format.GBT24589: voucher_readers.read_gbt24589,
}
_FLOOR: Final = """
SELECT number.word, number.no, line.* FROM accounting_voucher_number number
JOIN accounting_voucher_line line ON line.voucher_id = number.voucher_id
WHERE number.period_id = $1 ORDER BY number.word, number.no, line.n
"""


async def measure(rng: random.Random, lines: int) -> list[Figure]:
    """Book a month long ago, a voucher of two lines for each transfer, and take it along."""
    now = clock.now()
    starts_at = datetime(now.year - 1, now.month, 1, tzinfo=queries.SHANGHAI)
    moved = lines // 2
    await _book(rng, moved, starts_at, now)
    period_id = await _closed(rng, starts_at, now)
    run, made_s = await _timed(lambda: _made(rng, period_id, now))
    _, checked_s = await _timed(lambda: _checked(run, now))
    untied, tied_s = await _timed(lambda: queries.ties(period_id))
    assert (run.vouchers, untied) == (moved, []), "each transfer is in a voucher, and all tie"
    taken = [
        _figure(f"{moved:,} vouchers of {lines:,} lines put up", made_s),
        _figure("the same checked and numbered", checked_s),
        _figure("the same tied to the trial balance, to the fen", tied_s),
    ]
    _, floor_s = await _timed(lambda: db.connection().fetch(_FLOOR, period_id))
    expected = voucher_readers.told((await _timed(lambda: _numbered(period_id)))[0])
    return [*taken, *[await _written(rng, form, period_id, expected, floor_s) for form in _READ]]


async def _book(rng: random.Random, moved: int, starts_at: datetime, now: datetime) -> None:
    """Let agents earn commissions through a month."""
    cost, *earned = [
        NewAccount(
            id=ids.from_random(now, rng),
            owner_id=PLATFORM_TENANT,
            subject_id=ids.from_random(now, rng),
            kind=AccountKind.COMMISSION if number else AccountKind.COMMISSION_COST,
            currency="CNY",
            dims={Dimension.AGENT: str(ids.from_random(now, rng))} if number else {},
        )
        for number in range(_AGENTS + 1)
    ]
    async with db.platform_transaction(_FINANCE):
        await ledger.open_accounts([cost, *earned], now=now)
    for first in range(0, moved, _AT_ONCE):
        transfers = [
            Single(
                id=ids.from_random(now, rng),
                debit_id=cost.id,
                credit_id=rng.choice(earned).id,
                amount=Money(rng.randint(1, 100_000), "CNY"),
                event=_EARNED,
            )
            for _ in range(min(_AT_ONCE, moved - first))
        ]
        journal = Journal(
            owner_id=PLATFORM_TENANT,
            key=ids.from_random(now, rng),
            group_id=ids.from_random(now, rng),
            transfers=list(transfers),
            actor_id=PLATFORM_TENANT,
            effective_at=starts_at + timedelta(days=28 * first / moved),
        )
        async with db.platform_transaction(_FINANCE):
            outcome = await ledger.record(journal, now=now)
        assert outcome.code is Code.RECORDED, outcome


async def _closed(rng: random.Random, starts_at: datetime, now: datetime) -> UUID:
    """Begin the chart, with a voucher for each transfer, and close the month for good."""
    ends_at = (starts_at + timedelta(days=31)).replace(day=1)
    new = NewPeriod(id=ids.from_random(now, rng), starts_at=starts_at, ends_at=ends_at)
    by = _by(PLATFORM_TENANT, now)
    each = VoucherTemplate(
        id=ids.from_random(now, rng),
        event=_EARNED,
        begins_on=starts_at.date(),
        summary="{month}计提渠道佣金",
        detail=Detail.EACH,
    )
    async with db.platform_transaction(_FINANCE):
        key = ids.from_random(now, rng)
        await service.begin(key, Standard.ENTERPRISE, starts_at.date(), by)
        await service.publish_template(each, by)
        await periods.open_period(new)
    closed = PeriodChange(
        period_id=new.id,
        state=PeriodState.HARD_CLOSED,
        actor_id=PLATFORM_TENANT,
        reason="the month is over",
    )
    async with db.platform_transaction(_FINANCE):
        await periods.change(closed, now=now)
    return new.id


async def _made(rng: random.Random, period_id: UUID, now: datetime) -> RunView:
    """Put the vouchers up."""
    by = _by(PLATFORM_TENANT, now)
    run, _ = await service.make(ids.from_random(now, rng), period_id, {}, by)
    return run


async def _checked(run: RunView, now: datetime) -> RunView:
    """Have somebody else check them."""
    checked, _ = await service.check(run.id, run.hash, _by(run.id, now))
    return checked


async def _numbered(period_id: UUID) -> list[Voucher]:
    """Give the vouchers as the books have them."""
    return await queries.numbered(period_id, await queries.counters(period_id), "CNY")


async def _written(
    rng: random.Random,
    form: Format,
    period_id: UUID,
    expected: list[voucher_readers.Row],
    floor_s: float,
) -> Figure:
    """Write a format in a process of its own, and read it back as a package would."""
    now = clock.now()
    asked = NewExport(id=ids.from_random(now, rng), period_id=period_id, format=form)
    gathered, gathered_s = await _timed(lambda: exports.gather(asked, _by(PLATFORM_TENANT, now)))
    start = time.perf_counter()
    made = made_apart(lambda: msgspec.msgpack.encode(exports.write(gathered)))
    written = msgspec.msgpack.decode(made, type=Written)
    spent = gathered_s + time.perf_counter() - start
    await _timed(lambda: exports.keep(gathered, written))
    content = written.content
    assert not written.replaced, "nothing needed replacing"
    assert _READ[form](content) == expected, f"{form} is read back as it was"
    what = f"{form}, {len(content) / 2**20:.1f} MiB, read back equal; floor: SELECT of the lines"
    return Figure(
        goal="G12",
        what=what,
        unit="s",
        ours=Spread.of([spent]),
        floor=Spread.of([floor_s]),
        limit=_EACH_S,
    )


def _figure(what: str, spent: float) -> Figure:
    """Give what took some seconds."""
    return Figure(goal="G12", what=what, unit="s", ours=Spread.of([spent]))


def _by(actor_id: UUID, now: datetime) -> By:
    """Say who does it."""
    return By(actor_id=actor_id, name="财务", now=now)


async def _timed(work: Callable[[], Awaitable[T]]) -> tuple[T, float]:
    """Do something in a transaction of the platform's and give the seconds that it took."""
    start = time.perf_counter()
    async with db.platform_transaction(_FINANCE):
        result = await work()
    return result, time.perf_counter() - start
