"""Tax that is withheld of commission: of whom, how much of a payment, and what the office was paid.

Each function joins the platform's transaction.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from billing.commissions.books import PAYOUTS, Books, in_turn, open_accounts, record, take_turn
from billing.commissions.queries import ZONE
from billing.commissions.rules import accounts
from billing.commissions.rules.payouts import Payment
from billing.commissions.rules.withholding import CURRENCY, withheld_minor
from billing.commissions.schemas import (
    CommissionKeyReused,
    NaturalPersonSaid,
    TaxOwed,
    TaxPayment,
    TaxTooLarge,
)
from billing.commissions.tables import NaturalPerson, PayoutPayment
from billing.ledger import queries as ledger
from billing.ledger.schemas import Single
from billing.money import Money

_SAY: Final = """
INSERT INTO natural_person (id, n, agent_id, is_one, said_by, said_at)
SELECT {}, coalesce(max(n), 0) + 1, {}, {}, {}, {} FROM natural_person
"""
_SAID: Final = "SELECT id, agent_id, is_one FROM natural_person WHERE id = {}"
_PEOPLE: Final = """
SELECT agent_id FROM (
    SELECT DISTINCT ON (agent_id) agent_id, is_one FROM natural_person
    WHERE {}::uuid[] IS NULL OR agent_id = ANY ({}::uuid[]) ORDER BY agent_id, n DESC
) newest WHERE is_one
"""
_MONTH: Final = """
SELECT payment.agent_id, sum(amount_minor)::bigint AS paid_minor,
    sum(withheld_minor)::bigint AS withheld_minor
FROM payout_payment payment JOIN payout_batch batch ON batch.id = payment.batch_id
WHERE payment.agent_id = ANY ({}::uuid[]) AND payment.currency = {}
    AND payment.state IN ('ordered', 'paid')
    AND date_trunc('month', batch.approved_at AT TIME ZONE {})
        = date_trunc('month', {}::timestamptz AT TIME ZONE {})
GROUP BY payment.agent_id
"""


async def say(said: NaturalPersonSaid, books: Books) -> bool:
    """Say whether an agent is a natural person, from now on; give whether that is new.

    :raises CommissionKeyReused: the id was used for something else.
    """
    await take_turn(said.id)
    if held := await NaturalPerson.raw(_SAID, said.id):
        if msgspec.convert(held[0], NaturalPersonSaid) != said:
            raise CommissionKeyReused("This id was used for something else; make a new one.")
        return False
    # What is withheld of a batch is asked in this turn, too; in it, what is said is numbered.
    await in_turn(PAYOUTS)
    await NaturalPerson.raw(_SAY, said.id, said.agent_id, said.is_one, books.actor_id, books.now)
    return True


async def people(agent_ids: Sequence[UUID] | None = None) -> set[UUID]:
    """Give which agents, or which of some, are natural persons. Platform's role only."""
    asked = None if agent_ids is None else list(agent_ids)
    rows = await NaturalPerson.raw(_PEOPLE, asked, asked)
    return {row["agent_id"] for row in rows}


async def withheld(made: Sequence[Payment], now: datetime) -> list[Payment]:
    """Say of each payment what is withheld of it if it is let go now, after others of the month.

    Of natural persons' payments in yuan alone; what has failed or come back counts no more.
    """
    asked = await people([each.agent_id for each in made if each.currency == CURRENCY])
    rows = await PayoutPayment.raw(_MONTH, list(asked), CURRENCY, ZONE, now, ZONE)
    month = {row["agent_id"]: (row["paid_minor"], row["withheld_minor"]) for row in rows}
    return [
        msgspec.structs.replace(
            each,
            withheld_minor=withheld_minor(*month.get(each.agent_id, (0, 0)), each.amount_minor)
            if each.agent_id in asked and each.currency == CURRENCY
            else 0,
        )
        for each in made
    ]


async def owed(platform_id: UUID) -> TaxOwed:
    """Give what was withheld and not paid to the tax office; below nothing where it has too much.

    That is so where a payment came back whose tax was paid already.
    """
    account = accounts.tax_account(platform_id, CURRENCY)
    found = (await ledger.balances([account])).get(account)
    minor = found.credits_posted - found.debits_posted if found else 0
    return TaxOwed(currency=CURRENCY, owed_minor=minor)


async def pay(paid: TaxPayment, books: Books) -> bool:
    """Book that tax that was withheld went to the tax office; give whether that is new.

    :raises TaxTooLarge: more than is owed.
    :raises CommissionKeyReused: the id was used for something else.
    """
    await in_turn("withheld_tax")
    await open_accounts(books, set(), frozenset({CURRENCY}))
    booked = Single(
        id=paid.id,
        debit_id=accounts.tax_account(books.platform_id, CURRENCY),
        credit_id=accounts.bank_account(books.platform_id, CURRENCY),
        amount=Money(paid.amount_minor, CURRENCY),
        event="tax.paid",
    )
    is_new = await record(paid.id, [booked], books)
    if is_new and (await owed(books.platform_id)).owed_minor < 0:
        raise TaxTooLarge("So much is not owed; look at what is.")
    return is_new
