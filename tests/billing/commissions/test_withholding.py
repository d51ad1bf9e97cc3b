"""What is withheld of a natural person's commission: by the table, in any pieces, and booked."""

import hashlib
import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.commissions import paying, queries, taxes
from billing.commissions.rules import accounts
from billing.commissions.rules.payouts import (
    Payment,
    PaymentState,
    WithholdingChanged,
    batch_hash,
)
from billing.commissions.rules.statements import StatementKind
from billing.commissions.rules.withholding import withheld_minor, withheld_of_month
from billing.commissions.schemas import (
    CommissionKeyReused,
    NaturalPersonSaid,
    TaxPayment,
    TaxTooLarge,
)
from billing.ledger import queries as ledger
from server.access import PLATFORM_TENANT
from server.kit import db
from tests.billing.books import OPERATOR
from tests.billing.commissions.test_service import (
    CHECKER,
    MAKER,
    TODAY,
    WHY,
    a_plan,
    a_sale,
    accrue,
    do,
    earn,
    of,
    owed,
    pay,
)
from tests.billing.test_ledger_document import AMOUNT, documented
from tests.factories import new_id

amounts = st.integers(1, 10**9)


@pytest.mark.parametrize(
    ("income_minor", "withheld"),
    [
        (800_00, 0),
        (2_000_00, 240_00),  # (2,000 - 800) * 20 %
        (4_000_00, 640_00),
        (10_000_00, 1_600_00),  # 8,000 * 20 %
        (25_000_00, 4_000_00),  # 20,000 * 20 %
        (30_000_00, 5_200_00),  # 24,000 * 30 % - 2,000
        (62_500_00, 13_000_00),  # 50,000 * 30 % - 2,000
        (100_000_00, 25_000_00),  # 80,000 * 40 % - 7,000
    ],
)
def test_the_table_is_that_of_the_announcement(income_minor: int, withheld: int) -> None:
    assert withheld_of_month(income_minor) == withheld


# Of a single fen nothing is withheld: it would pay nothing.
@given(st.lists(st.integers(2, 10**9), min_size=1, max_size=8))
def test_i13_a_months_payments_have_withheld_what_one_would_have(paid: list[int]) -> None:
    for pieces in (paid, sorted(paid), paid[::-1]):
        parts: list[int] = []
        for at, each in enumerate(pieces):
            parts.append(withheld_minor(sum(pieces[:at]), sum(parts), each))
        assert sum(parts) == withheld_of_month(sum(pieces))
        assert all(0 <= part < each for part, each in zip(parts, pieces, strict=True))


def test_what_a_month_is_short_of_is_made_up_and_a_payment_still_pays_something() -> None:
    # 2,000 came back of which 240 were withheld, of 5,000 with 800: what is left has too much.
    assert withheld_minor(3_000_00, 560_00, 100_00) == 0
    assert withheld_minor(3_000_00, 560_00, 2_000_00) == 240_00
    # 100,000 were paid before anybody knew that it is a person.
    assert withheld_minor(100_000_00, 0, 10_00) == 9_99
    # A single fen is paid, and the next payment makes up for it.
    assert withheld_minor(1_278_29, 95_66, 1) == 0
    assert withheld_minor(1_278_30, 95_66, 3) == withheld_of_month(1_278_33) - 95_66


@given(amounts)
def test_a_fen_more_is_never_withheld_more_than_a_fen_of(income_minor: int) -> None:
    assert 0 <= withheld_of_month(income_minor + 1) - withheld_of_month(income_minor) <= 1


def test_a_batch_from_before_anything_was_withheld_has_the_digest_that_it_had() -> None:
    agent, item = new_id(), new_id()
    paid = Payment(agent_id=agent, currency="CNY", amount_minor=7_00, item_ids=(item,))
    said = f'[{{"agent_id":"{agent}","currency":"CNY","amount_minor":700,"item_ids":["{item}"]}}]'

    assert batch_hash([paid]) == hashlib.sha256(said.encode()).digest()
    assert batch_hash([msgspec.structs.replace(paid, withheld_minor=1)]) != batch_hash([paid])


async def a_person() -> UUID:
    """Name an agent that is a natural person."""
    agent_id = new_id()
    said = NaturalPersonSaid(id=new_id(), agent_id=agent_id, is_one=True)
    assert await do(taxes.say, said, MAKER)
    assert not await do(taxes.say, said, MAKER)
    return agent_id


async def sold(plan: Any, agent_id: UUID, minor: int) -> None:
    """Let an agent earn a tenth of so much."""
    await accrue(a_sale(plan, agent_id, minor))
    await earn()


async def tax_owed() -> int:
    """Give what is owed to the tax office for everybody."""
    return int((await do(taxes.owed, PLATFORM_TENANT)).owed_minor)


@pytest.mark.usefixtures("database")
async def test_what_is_withheld_goes_to_the_tax_office_and_the_bank_pays_the_rest() -> None:
    plan, person, company = await a_plan(), await a_person(), new_id()
    before = await tax_owed()
    for sold_minor in (20_000_00, 30_000_00):
        for agent in (person, company):
            await sold(plan, agent, sold_minor)
        paid = await pay()
        if sold_minor == 20_000_00:
            first = paid
            await do(paying.settle, of(first, person).id, PaymentState.PAID, MAKER)

    one, two = of(first, person), of(paid, person)
    assert (one.amount_minor, one.withheld_minor, one.net_minor) == (2_000_00, 240_00, 1_760_00)
    # Of 5,000 together 4,000 are taxed: 800 in all, of which 240 were withheld.
    assert (two.amount_minor, two.withheld_minor, two.net_minor) == (3_000_00, 560_00, 2_440_00)
    assert (of(paid, company).withheld_minor, of(paid, company).net_minor) == (0, 3_000_00)
    told = await do(queries.statement_of, person, TODAY.replace(day=1), "CNY")
    assert [(each.kind, each.amount_minor) for each in told.lines] == [
        (StatementKind.EARNED, 2_000_00),
        (StatementKind.PAID_OUT, -1_760_00),
        (StatementKind.WITHHELD, -240_00),
        (StatementKind.EARNED, 3_000_00),
        (StatementKind.PAID_OUT, -2_440_00),
        (StatementKind.WITHHELD, -560_00),
    ]
    assert await tax_owed() == before + 800_00

    await do(paying.settle, two.id, PaymentState.FAILED, MAKER, reason=WHY)
    assert (await owed(person), await tax_owed()) == (3_000_00, before + 240_00)
    await do(paying.settle, one.id, PaymentState.RETURNED, MAKER, reason=WHY)
    assert (await owed(person), await tax_owed()) == (5_000_00, before)
    # All of it anew, in one: what the two had withheld.
    assert of(await pay(), person).withheld_minor == 800_00


@pytest.mark.usefixtures("database")
async def test_a_batch_is_not_let_go_once_other_tax_is_to_be_withheld() -> None:
    plan, person = await a_plan(), await a_person()
    await sold(plan, person, 20_000_00)
    one = await do(paying.make_batch, new_id(), MAKER, minimum_minor=1)
    await sold(plan, person, 30_000_00)
    other = await do(paying.make_batch, new_id(), MAKER, minimum_minor=1)
    assert of(other, person).withheld_minor == 440_00
    await do(paying.approve, one.id, one.hash, CHECKER)

    with pytest.raises(WithholdingChanged):
        await do(paying.approve, other.id, other.hash, CHECKER)

    await do(paying.discard, other.id, MAKER)
    assert of(await pay(), person).withheld_minor == 560_00
    # What was let go stays so, whatever is said of the agent later.
    no_more = NaturalPersonSaid(id=new_id(), agent_id=person, is_one=False)
    later = msgspec.structs.replace(MAKER, now=MAKER.now + timedelta(seconds=1))
    await do(taxes.say, no_more, later)
    assert (await do(paying.approve, one.id, one.hash, CHECKER)).approved_by is not None
    await sold(plan, person, 30_000_00)
    assert of(await pay(), person).withheld_minor == 0


@pytest.mark.usefixtures("database")
async def test_each_month_begins_anew_in_china() -> None:
    plan, person = await a_plan(), await a_person()
    for agent_now in (MAKER.now, MAKER.now + timedelta(days=31)):
        await sold(plan, person, 20_000_00)
        books = msgspec.structs.replace(MAKER, now=agent_now)
        batch = await do(paying.make_batch, new_id(), books, minimum_minor=1)
        checker = msgspec.structs.replace(CHECKER, now=agent_now)
        gone = await do(paying.approve, batch.id, batch.hash, checker)
        assert of(gone, person).withheld_minor == 240_00


@pytest.mark.usefixtures("database")
async def test_what_went_to_the_tax_office_is_booked_once_and_never_more_than_is_owed() -> None:
    plan, person = await a_plan(), await a_person()
    await sold(plan, person, 20_000_00)
    await pay()
    due = await tax_owed()
    paid = TaxPayment(id=new_id(), amount_minor=due)

    with pytest.raises(TaxTooLarge):
        await do(taxes.pay, msgspec.structs.replace(paid, amount_minor=due + 1), MAKER)
    assert [await do(taxes.pay, paid, MAKER) for _ in range(2)] == [True, False]

    assert await tax_owed() == 0
    with pytest.raises(CommissionKeyReused):
        await do(taxes.pay, msgspec.structs.replace(paid, amount_minor=1), MAKER)


async def _stands(person: UUID) -> tuple[int, int]:
    """Give what an agent is owed, and what the platform's accounts of payouts come to."""
    named = [
        name(PLATFORM_TENANT, "CNY")
        for name in (accounts.payout_account, accounts.bank_account, accounts.tax_account)
    ]
    held = await do(ledger.balances, named)
    return await owed(person), sum(
        each.credits_posted - each.debits_posted for each in held.values()
    )


@pytest.mark.usefixtures("database")
async def test_i13_net_and_withheld_are_gross_whatever_the_bank_does() -> None:
    rng = random.Random(20261129)
    plan, person = await a_plan(), await a_person()
    for _ in range(12):
        await sold(plan, person, rng.randint(10, 9_000_000))
        batch = await do(paying.make_batch, new_id(), MAKER, minimum_minor=1)
        before = await _stands(person)
        gone = of(await do(paying.approve, batch.id, batch.hash, CHECKER), person)
        after = await _stands(person)
        for answer in rng.choice(["paid", "failed", "paid returned"]).split():
            await do(paying.settle, gone.id, PaymentState(answer), MAKER, reason=WHY)

        assert gone.net_minor + gone.withheld_minor == gone.amount_minor
        assert before[0] - after[0] == gone.amount_minor
        assert after[1] - before[1] == sum(each.amount_minor for each in batch.payments)
        is_back = answer != "paid"
        assert await owed(person) == (before[0] if is_back else after[0])
        assert (await _stands(person))[1] == after[1] - (gone.amount_minor if is_back else 0)


@pytest.mark.usefixtures("database")
async def test_the_document_tells_each_event_of_tax_as_it_is() -> None:
    plan, person = await a_plan(), await a_person()
    # Of 825 yuan 25 are taxed, at a fifth.
    await sold(plan, person, 8_250_00)
    for state in (PaymentState.FAILED, PaymentState.PAID):
        payment = of(await pay(), person)
        await do(paying.settle, payment.id, state, MAKER, reason=WHY)
    paid = TaxPayment(id=new_id(), amount_minor=AMOUNT)
    await do(taxes.pay, paid, MAKER)

    named = {
        accounts.commission_account(person, "CNY"): "commission",
        accounts.bank_account(PLATFORM_TENANT, "CNY"): "bank",
        accounts.tax_account(PLATFORM_TENANT, "CNY"): "withheld_tax",
    }
    async with db.platform_transaction(OPERATOR):
        rows = await db.connection().fetch(
            """
            SELECT event, account_id, pending_minor, posted_minor
            FROM ledger_transfer transfer JOIN ledger_entry ON transfer_id = transfer.id
            WHERE event LIKE 'tax.%' AND (transfer.id = $1 OR $2 IN (debit_id, credit_id))
            """,
            paid.id,
            accounts.commission_account(person, "CNY"),
        )
    made: dict[str, set[tuple[str, int, int]]] = {}
    for event, account_id, *minors in rows:
        made.setdefault(event, set()).add((named[account_id], *minors))
    assert made == documented(("tax.",))
