"""Periods, and vouchers of one: some checked, some waiting for it, and something in none yet."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from billing.accounting_vouchers import exports
from billing.accounting_vouchers import queries as books
from billing.accounting_vouchers import service as vouchers
from billing.accounting_vouchers.schemas import ExportJob, Format, NewExport, RunView, Standard
from billing.accounting_vouchers.service import By
from billing.ledger import service as ledger
from billing.ledger.schemas import AccountKind, Dimension, Journal, NewAccount, Single
from billing.money import Money
from billing.periods import queries, service
from billing.periods.schemas import NewPeriod, PeriodChange, PeriodState, PeriodView
from server.access import PLATFORM_TENANT
from server.kit import ids
from world.books.interleavings.pairs import Given, Move, Room, Scene
from world.books.interleavings.rooms.reading import do, rows
from world.books.trial import OPERATOR

_HALF: Final = timedelta(milliseconds=500)
_CHECKER: Final = UUID(int=8)
_PAYOUT: Final = uuid5(PLATFORM_TENANT, "interleavings payout")
_BANK: Final = uuid5(PLATFORM_TENANT, "interleavings bank")
_STATE: Final = "SELECT state, changes FROM ledger_period WHERE id = $1"
_LATER: Final = "SELECT count(*) FROM ledger_period WHERE starts_at >= $1"
_RUNS: Final = """
SELECT checked_by IS NULL, refused_by IS NULL,
    (SELECT count(*) FROM accounting_voucher WHERE run_id = run.id)
FROM accounting_voucher_run run WHERE period_id = $1 ORDER BY 1, 2, 3
"""
_NUMBERS: Final = (
    "SELECT word, no FROM accounting_voucher_number WHERE period_id = $1 ORDER BY 1, 2"
)
_LIVE: Final = """
SELECT count(*) FILTER (WHERE is_live), count(*) FROM accounting_voucher_transfer
JOIN accounting_voucher voucher ON voucher.id = voucher_id WHERE period_id = $1
"""
_EXPORTS: Final = "SELECT format, size FROM accounting_export WHERE period_id = $1 ORDER BY 1, 2"


class _Months:
    """The newest period, all before it being closed for good."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.period: PeriodView

    async def set_up(self) -> None:
        """Close all that was before, and open the next period, which goes on for a second."""
        begins_at = self.given.now - _HALF
        held = await do(queries.periods)
        if held and held[-1].ends_at < begins_at:
            held.append(await self._open(held[-1].ends_at, begins_at))
        for each in held:
            if each.state is not PeriodState.HARD_CLOSED:
                self.period = each
                await self.change(PeriodState.HARD_CLOSED)
        begins_at = held[-1].ends_at if held else begins_at
        self.period = await self._open(begins_at, self.given.now + _HALF)

    async def _open(self, starts_at: datetime, ends_at: datetime) -> PeriodView:
        new = NewPeriod(id=ids.new_id(self.given.now), starts_at=starts_at, ends_at=ends_at)
        await do(service.open_period, new)
        return await do(books.period, new.id)

    async def change(self, state: PeriodState) -> object:
        """Close the period or open it."""
        asked = PeriodChange(
            period_id=self.period.id, state=state, actor_id=OPERATOR.user_id, reason="月结"
        )
        return (await do(service.change, asked, now=self.period.ends_at)).state

    async def open_next(self, key: UUID) -> object:
        """Open the one after it."""
        ends_at = self.period.ends_at
        return await do(
            service.open_period, NewPeriod(id=key, starts_at=ends_at, ends_at=ends_at + _HALF)
        )

    @property
    def moves(self) -> dict[str, Move]:
        """Give what may be done, by name."""
        return {
            "open next": self.open_next,
            "close": lambda _: self.change(PeriodState.SOFT_CLOSED),
            "close for good": lambda _: self.change(PeriodState.HARD_CLOSED),
            "open again": lambda _: self.change(PeriodState.OPEN),
        }

    async def state(self) -> object:
        """Give how the period stands."""
        return [
            await rows(_STATE, self.period.id),
            await rows(_LATER, self.period.ends_at),
        ]


class _Vouchers(_Months):
    """A period closed softly: some of it is numbered, some to be checked, some in no voucher."""

    def __init__(self, given: Given) -> None:
        super().__init__(given)
        self.waiting: RunView
        self.voucher_id = UUID(int=0)

    def by(self, actor_id: UUID = OPERATOR.user_id) -> By:
        """Say who does it, and when."""
        return By(actor_id=actor_id, name="会计", now=self.given.now)

    async def set_up(self) -> None:
        """Move something three times, and make vouchers of it twice."""
        await super().set_up()
        await self._begin()
        checked = await self._made()
        await do(vouchers.check, checked.id, checked.hash, self.by(_CHECKER))
        [self.voucher_id] = [each.id for each in await do(books.rows, self.period.id, limit=2)]
        await self.change(PeriodState.OPEN)
        self.waiting = await self._made()
        await self.change(PeriodState.OPEN)
        await self._move()
        await self.change(PeriodState.SOFT_CLOSED)

    async def _begin(self) -> None:
        """Begin the chart and open the accounts, the first time."""
        if await do(books.posting_rules):
            return
        begins_on = self.period.starts_at.date()
        await do(vouchers.begin, PLATFORM_TENANT, Standard.ENTERPRISE, begins_on, self.by())
        dims = {Dimension.AGENT: f"{_CHECKER}", Dimension.PROGRAM: f"{_CHECKER}"}
        opened = [
            NewAccount(
                id=account_id,
                owner_id=PLATFORM_TENANT,
                subject_id=PLATFORM_TENANT,
                kind=kind,
                currency="CNY",
                dims=dims,
            )
            for account_id, kind in ((_PAYOUT, AccountKind.PAYOUT), (_BANK, AccountKind.BANK))
        ]
        await do(ledger.open_accounts, opened, now=self.given.now)

    async def _move(self) -> None:
        moved = Single(
            id=ids.new_id(self.given.now),
            debit_id=_PAYOUT,
            credit_id=_BANK,
            amount=Money(70_00, "CNY"),
            event="payout.paid",
        )
        journal = Journal(
            owner_id=PLATFORM_TENANT,
            key=moved.id,
            group_id=moved.id,
            transfers=[moved],
            actor_id=OPERATOR.user_id,
            effective_at=self.given.now,
        )
        await do(ledger.record, journal, now=self.given.now)

    async def _made(self) -> RunView:
        """Move something, close the period, and make vouchers of it."""
        await self._move()
        await self.change(PeriodState.SOFT_CLOSED)
        names = {f"{_CHECKER}": "北极星商贸"}
        key = ids.new_id(self.given.now)
        return (await do(vouchers.make, key, self.period.id, names, self.by()))[0]

    async def make(self, key: UUID) -> object:
        """Make vouchers of what is in none."""
        names = {f"{_CHECKER}": "北极星商贸"}
        run, is_new = await do(vouchers.make, key, self.period.id, names, self.by())
        return [run.vouchers, is_new]

    async def check(self, _: UUID) -> object:
        """Check those that wait for it."""
        waiting = self.waiting
        return (await do(vouchers.check, waiting.id, waiting.hash, self.by(_CHECKER)))[1]

    async def refuse(self, _: UUID) -> object:
        """Refuse those that wait for it."""
        return (await do(vouchers.refuse, self.waiting.id, "误", self.by(_CHECKER)))[1]

    async def take_back(self, key: UUID) -> object:
        """Put up the red one of the one that has a number."""
        return (await do(vouchers.take_back, key, self.voucher_id, "误", self.by()))[1]

    async def export(self, key: UUID) -> object:
        """Write all that have numbers."""
        asked = NewExport(id=key, period_id=self.period.id, format=Format.CSV)
        job, is_new = await do(_export, asked, self.by())
        return [[each.last for each in job.ranges], is_new]

    @property
    def moves(self) -> dict[str, Move]:
        """Give what may be done, by name."""
        return {
            **super().moves,
            "make": self.make,
            "check": self.check,
            "refuse": self.refuse,
            "take back": self.take_back,
            "export": self.export,
        }

    async def state(self) -> object:
        """Give how the period stands, and its vouchers."""
        queries_of = (_RUNS, _NUMBERS, _LIVE, _EXPORTS)
        return [await super().state(), [await rows(each, self.period.id) for each in queries_of]]


async def _export(asked: NewExport, by: By) -> tuple[ExportJob, bool]:
    """Gather and keep in one transaction, of which a use case has one here."""
    gathered = await exports.gather(asked, by)
    return await exports.keep(gathered, exports.write(gathered))


async def _set_up_months(given: Given) -> Scene:
    made = _Months(given)
    await made.set_up()
    return Scene(made.moves, made.state)


async def _set_up_vouchers(given: Given) -> Scene:
    made = _Vouchers(given)
    await made.set_up()
    return Scene(made.moves, made.state)


PERIODS: Final = Room("periods", ("open next", "close", "close for good"), _set_up_months)
VOUCHERS: Final = Room(
    "vouchers",
    ("open again", "close for good", "make", "check", "refuse", "take back", "export"),
    _set_up_vouchers,
)
