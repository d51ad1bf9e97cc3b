"""The exported journal passes outside checkers, and they find whatever harm is done to it."""

import random
import re
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import journal_check, journal_harm
from billing.exchange import service as exchange
from billing.exchange.schemas import Exchange, Rate
from billing.journal import beancount, hledger, rules, service
from billing.journal.schemas import (
    Journal,
    JournalAccount,
    JournalFormat,
    JournalTransaction,
)
from billing.ledger.schemas import AccountKind, Reversal
from billing.money import Money
from server.access import PLATFORM_TENANT
from server.kit import db
from server.settings import Settings
from tests.billing import accounts, books
from tests.billing.books import OPERATOR
from tests.factories import NOW, Tenant, new_id

MONDAY = date(2026, 3, 2)


def make_journal(seed: int, transactions: int = 24) -> Journal:
    """Make up a journal of some days in three currencies, with something in red."""
    fortune = random.Random(seed)

    def new() -> UUID:
        return UUID(int=fortune.getrandbits(128), version=4)

    kinds = [(kind, "CNY") for kind in AccountKind]
    for currency in ("USD", "POINTS"):
        kinds += [(kind, currency) for kind in list(AccountKind)[:4]]
    held = sorted(
        [
            JournalAccount(
                id=new(), kind=kind, currency=currency, opening_minor=fortune.choice([0, 7, -900])
            )
            for kind, currency in kinds
        ],
        key=lambda account: account.id,
    )
    moved = []
    for number in range(transactions):
        currency = fortune.choice(["CNY", "CNY", "USD", "POINTS"])
        debit, credit = fortune.sample([one for one in held if one.currency == currency], 2)
        on = MONDAY + timedelta(days=number // 5)
        moved.append(
            JournalTransaction(
                id=new(),
                group_id=new(),
                event="test.moved",
                booked_on=on,
                effective_on=on - timedelta(days=fortune.choice([0, 0, 40])),
                debit_id=debit.id,
                credit_id=credit.id,
                currency=currency,
                amount_minor=fortune.choice([-1, 1, 1]) * fortune.randint(1, 200_000),
            )
        )
    return Journal(begins_on=MONDAY, accounts=held, transactions=moved)


@pytest.fixture(scope="module")
def journals() -> Sequence[Journal]:
    """Some journals."""
    return [make_journal(seed) for seed in range(3)]


@given(st.integers(-(10**15), 10**15), st.sampled_from(["CNY", "POINTS", "KWD"]))
def test_an_amount_is_written_whole(minor: int, currency: str) -> None:
    scale = {"CNY": 2, "POINTS": 0, "KWD": 3}[currency]
    written = rules.amount(minor, currency)

    assert int(written.replace(".", "")) == minor
    assert len(written.partition(".")[2]) == scale


def test_beancount_accepts_it(journals: Sequence[Journal], tmp_path: Path) -> None:
    file = tmp_path / "journal.beancount"
    file.write_bytes(beancount.write(journals[0]))

    assert journal_check.bean_check(file) == []


def test_beancount_finds_every_harm_by_its_name(
    journals: Sequence[Journal], tmp_path: Path
) -> None:
    texts = [beancount.write(journal).decode() for journal in journals]

    lost = journal_check.missed(
        texts, tmp_path / "harmed.beancount", each=6, fortune=random.Random(99)
    )

    assert lost == dict.fromkeys(journal_harm.HARMS, 0)


def test_every_harm_changes_something(journals: Sequence[Journal]) -> None:
    for text in (beancount.write(journals[1]).decode(), hledger.write(journals[1]).decode()):
        for name in journal_harm.HARMS:
            assert journal_harm.harmed(text, name, random.Random(1)).split() != text.split()


@pytest.mark.skipif(
    journal_check.hledger() is None, reason="Debian's hledger is not installed; CI has it"
)
def test_hledger_accepts_it_and_finds_every_harm(
    journals: Sequence[Journal], tmp_path: Path
) -> None:
    command = journal_check.hledger()
    assert command is not None
    text = hledger.write(journals[0]).decode()
    file = tmp_path / "good.journal"
    file.write_text(text)
    assert journal_check.hledger_accepts(command, file)

    missed = []
    for name in journal_harm.HARMS:
        file = tmp_path / "harmed.journal"
        file.write_text(journal_harm.harmed(text, name, random.Random(5)))
        if journal_check.hledger_accepts(command, file):
            missed.append(name)
    assert missed == []


async def test_what_is_in_the_books_is_what_is_exported(
    own_books: Settings, tenant: Tenant, tmp_path: Path
) -> None:
    program = await books.make_program(5_000)
    await books.fund(program, 1_000, is_return=True)
    await books.allocate(program, tenant.tenant_id, 700)
    await books.issue(program, [books.ask(tenant.tenant_id)])
    yuan, dollars = await accounts.open_account(), await accounts.open_account(currency="USD")
    moved = accounts.single(yuan, program.pool_id, 30)
    await accounts.record([moved], effective_at=NOW - timedelta(days=3))
    await accounts.record([Reversal(id=new_id(), reversal_of=moved.id, event="test.undone")])
    asked = Exchange(
        key=new_id(),
        given=Money(1_000, "CNY"),
        payer_id=yuan,
        receiver_id=dollars,
        currency="USD",
        rate=Rate(1, 7),
        effective_at=NOW,
    )
    async with db.platform_transaction(OPERATOR):
        await exchange.exchange(
            asked,
            transfer_ids=(new_id(), new_id()),
            platform_id=PLATFORM_TENANT,
            actor_id=OPERATOR.user_id,
            now=NOW,
        )

    async def export(form: JournalFormat, begins_on: date) -> bytes:
        async with db.platform_transaction(OPERATOR):
            return await service.export(form, begins_on=begins_on, ends_on=MONDAY)

    whole = await export(JournalFormat.BEANCOUNT, date(2026, 2, 1))
    part = await export(JournalFormat.BEANCOUNT, MONDAY)
    for number, data in enumerate((whole, part)):
        file = tmp_path / f"{number}.beancount"
        file.write_bytes(data)
        assert journal_check.bean_check(file) == []
    assert await export(JournalFormat.BEANCOUNT, date(2026, 2, 1)) == whole
    # What stood before the part is its opening.
    assert [b"opening" in data for data in (whole, part)] == [False, True]
    last = re.findall(rf"balance \S+:{program.pool_id.hex.upper()} (\S+) CNY", part.decode())[-1]
    held = await books.balance(program.pool_id)
    assert last == rules.amount(held.debits_posted - held.credits_posted, "CNY")
    command = journal_check.hledger()
    if command is not None:
        file = tmp_path / "whole.journal"
        file.write_bytes(await export(JournalFormat.HLEDGER, date(2026, 2, 1)))
        assert journal_check.hledger_accepts(command, file)
