"""B6 to B8: the journal of many transactions exported, checked and sealed, and looked back at."""

import os
import random
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks import journal_check, journal_harm
from benchmarks.figures import Figure, Spread
from billing.journal import queries as journals
from billing.journal import service as journal
from billing.journal.schemas import JournalFormat
from billing.ledger import queries as ledger_queries
from billing.ledger import service as ledger
from billing.ledger.schemas import AccountKind, Code, Journal, NewAccount, Single
from billing.money import Money
from billing.sealing import queries as log
from billing.sealing import service as sealing
from server.access import PLATFORM_TENANT, Actor, Role, Scope
from server.kit import clock, db, ids

T = TypeVar("T")

_OPERATOR: Final = Actor(
    user_id=PLATFORM_TENANT,
    tenant_id=PLATFORM_TENANT,
    role=Role.PLATFORM_OPERATOR,
    scope=Scope.TENANT,
)
_ACCOUNTS: Final = 40
_DAYS: Final = 100
_AT_ONCE: Final = 500
_EACH: Final = 10
"""How often each harm is done, each time to one day's journal."""
_LOOKS: Final = 200
_CHECK_CPU_S: Final = 30.0
_PROOF_BYTES: Final = 1_024.0
_CAUGHT: Final = 0.99
_SUM: Final = """
SELECT sum(posted_minor) FROM ledger_entry WHERE account_id = $1 AND effective_at <= $2
"""


async def measure(rng: random.Random, transactions: int) -> list[Figure]:
    """Book transactions over some days, then export, check, harm, seal and look back at them."""
    now = clock.now()
    begins_at = datetime.combine(
        now.astimezone(journals.SHANGHAI).date() - timedelta(days=_DAYS + 1),
        datetime.min.time(),
        journals.SHANGHAI,
    )
    source, booking = await _book(rng, transactions, begins_at, now)
    begins_on, ends_on = begins_at.date(), begins_at.date() + timedelta(days=_DAYS)
    with tempfile.TemporaryDirectory() as folder:
        checked = await _check(Path(folder), rng, (begins_on, ends_on), transactions)
    return [booking, *checked, *await _seal(source, now), *await _look(rng, source, begins_at)]


async def _book(
    rng: random.Random, transactions: int, begins_at: datetime, now: datetime
) -> tuple[UUID, Figure]:
    """Open accounts and book movements from one source, in journals of a day; give the source."""
    accounts = [
        NewAccount(
            id=ids.from_random(now, rng),
            owner_id=PLATFORM_TENANT,
            subject_id=PLATFORM_TENANT,
            kind=AccountKind.BUDGET if number else AccountKind.FUNDING,
            currency="CNY",
        )
        for number in range(_ACCOUNTS)
    ]
    async with db.platform_transaction(_OPERATOR):
        await ledger.open_accounts(accounts, now=now)
    start = time.perf_counter()
    for first in range(0, transactions, _AT_ONCE):
        moved = [
            Single(
                id=ids.from_random(now, rng),
                debit_id=accounts[0].id,
                credit_id=rng.choice(accounts[1:]).id,
                amount=Money(rng.randint(1, 100_000), "CNY"),
                event="bench.moved",
            )
            for _ in range(min(_AT_ONCE, transactions - first))
        ]
        day = begins_at + timedelta(days=first * _DAYS // transactions, seconds=first)
        async with db.platform_transaction(_OPERATOR):
            outcome = await ledger.record(_journal(moved, day, rng, now), now=now)
        assert outcome.code is Code.RECORDED, outcome
    spent = time.perf_counter() - start
    return accounts[0].id, Figure(
        goal="B2",
        what=f"transfers a second, {_AT_ONCE} in a journal, all on one hot account",
        unit="/s",
        ours=Spread.of([transactions / spent]),
        lower_is_better=False,
    )


def _journal(
    moved: list[Single], effective_at: datetime, rng: random.Random, now: datetime
) -> Journal:
    """Write a journal."""
    return Journal(
        owner_id=PLATFORM_TENANT,
        key=ids.from_random(now, rng),
        group_id=ids.from_random(now, rng),
        transfers=list(moved),
        actor_id=PLATFORM_TENANT,
        effective_at=effective_at,
    )


async def _check(
    folder: Path, rng: random.Random, span: tuple[date, date], transactions: int
) -> list[Figure]:
    """Export all of it, let both checkers go through it, and harm the journals of single days."""
    start = time.perf_counter()
    whole = await _export(JournalFormat.BEANCOUNT, *span)
    exported_s = time.perf_counter() - start
    start = time.perf_counter()
    async with db.platform_transaction(_OPERATOR):
        await db.connection().fetch("SELECT * FROM ledger_transfer")
    floor_s = time.perf_counter() - start
    file = folder / "whole.beancount"
    file.write_bytes(whole)
    cpu_s, complaints = _children_cpu(lambda: journal_check.bean_check(file))
    assert complaints == [], "the journal passes"
    figures = [
        Figure(
            goal="B6",
            what=f"export of {transactions:,} transactions; floor: SELECT of the transfers",
            unit="s",
            ours=Spread.of([exported_s]),
            floor=Spread.of([floor_s]),
        ),
        Figure(
            goal="B6",
            what="CPU of bean-check over them",
            unit="s",
            ours=Spread.of([cpu_s]),
            limit=_CHECK_CPU_S,
        ),
    ]
    command = journal_check.hledger()
    if command is not None:
        file = folder / "whole.journal"
        file.write_bytes(await _export(JournalFormat.HLEDGER, *span))
        cpu_s, is_accepted = _children_cpu(lambda: journal_check.hledger_accepts(command, file))
        assert is_accepted, "the journal passes"
        figures.append(
            Figure(
                goal="B6",
                what="CPU of hledger over them",
                unit="s",
                ours=Spread.of([cpu_s]),
                limit=_CHECK_CPU_S,
            )
        )
    return [*figures, await _harm(folder, rng, span[0])]


async def _harm(folder: Path, rng: random.Random, begins_on: date) -> Figure:
    """Do each harm some times to the journal of a day, and count what bean-check finds."""
    days = [begins_on + timedelta(days=number) for number in range(0, _DAYS, 7)]
    texts = [(await _export(JournalFormat.BEANCOUNT, day, day)).decode() for day in days]
    texts = [text for text in texts if journal_harm.transactions(journal_harm.blocks_of(text))]
    lost = journal_check.missed(texts, folder / "harmed.beancount", each=_EACH, fortune=rng)
    done = _EACH * len(journal_harm.HARMS)
    return Figure(
        goal="B6",
        what=f"share of {done} harms that bean-check finds, of {len(lost)} kinds",
        unit="",
        ours=Spread.of([1 - sum(lost.values()) / done]),
        at_least=_CAUGHT,
        lower_is_better=False,
        notes=[f"{name}: {count} missed" for name, count in lost.items() if count],
    )


async def _export(form: JournalFormat, begins_on: date, ends_on: date) -> bytes:
    """Read some days, and write them once the transaction is over."""
    async with db.platform_transaction(_OPERATOR):
        read = await journals.journal(begins_on, ends_on)
    return journal.write(form, read)


def _children_cpu(run: Callable[[], T]) -> tuple[float, T]:
    """Run a command and give the CPU seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime), result


async def _seal(account_id: UUID, now: datetime) -> list[Figure]:
    """Seal all of it and prove lines of it."""
    key = Ed25519PrivateKey.from_private_bytes(os.urandom(32))
    start, size = time.perf_counter(), 0
    while True:
        async with db.platform_transaction(_OPERATOR):
            head = await sealing.seal(key, now=now)
        if head is None:
            break
        size = head.size
    spent = time.perf_counter() - start
    start = time.perf_counter()
    async with db.platform_transaction(_OPERATOR):
        statement = await log.statement(account_id, after=1, limit=_LOOKS)
    proven_s = (time.perf_counter() - start) / _LOOKS
    return [
        Figure(
            goal="B7",
            what="entries sealed a second, behind the books",
            unit="/s",
            ours=Spread.of([size / spent]),
            lower_is_better=False,
        ),
        Figure(
            goal="B7",
            what=f"proof of a line in a log of {size:,}",
            unit="bytes",
            ours=Spread.of([len(b"".join(line.proof)) for line in statement.lines]),
            limit=_PROOF_BYTES,
        ),
        Figure(
            goal="B7",
            what=f"time of a proof, {_LOOKS} in a statement",
            unit="ms",
            ours=Spread.of([proven_s * 1_000]),
            limit=1.0,
        ),
    ]


async def _look(rng: random.Random, account_id: UUID, begins_at: datetime) -> list[Figure]:
    """Look back at what stood on the hot account, beside the sum over its lines."""
    times = [begins_at + timedelta(days=rng.randrange(_DAYS)) for _ in range(_LOOKS)]

    async def ours(at: datetime) -> None:
        await ledger_queries.balance_at(account_id, effective_at=at, recorded_at=clock.now())

    async def floor(at: datetime) -> None:
        await db.connection().fetchval(_SUM, account_id, at)

    return [
        Figure(
            goal="B8",
            what="balance at a time, on the hot account; floor: the sum over its lines",
            unit="ms",
            ours=Spread.of(await _timed(ours, times)),
            floor=Spread.of(await _timed(floor, times[:20])),
        )
    ]


async def _timed(look: Callable[[datetime], Awaitable[None]], times: list[datetime]) -> list[float]:
    """Give the milliseconds of each look, in one transaction."""
    spent = []
    async with db.platform_transaction(_OPERATOR):
        for at in times:
            start = time.perf_counter()
            await look(at)
            spent.append((time.perf_counter() - start) * 1_000)
    return spent
