"""Set rates and exchange at them. Each function joins the platform's transaction."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from billing.errors import CurrencyMismatch
from billing.exchange import rules
from billing.exchange.schemas import Exchange, Exchanged, NewRate, Rate
from billing.exchange.tables import LedgerExchange, LedgerRate
from billing.ledger import service as ledger
from billing.ledger.schemas import AccountKind, Code, Journal, NewAccount, Single

_SET: Final = """
INSERT INTO ledger_rate (base, quote, effective_at, recorded_at, num, den, source)
VALUES ({}, {}, {}, {}, {}, {}, {}) ON CONFLICT DO NOTHING
"""
_RATE: Final = """
SELECT num, den FROM ledger_rate WHERE base = {} AND quote = {} AND effective_at <= {}
ORDER BY effective_at DESC, recorded_at DESC LIMIT 1
"""
_KEEP: Final = """
INSERT INTO ledger_exchange (
    group_id, given_id, received_id, given_minor, received_minor, num, den, rest_num
) VALUES ({}, {}, {}, {}, {}, {}, {}, {})
"""


async def set_rate(new: NewRate, *, now: datetime) -> None:
    """Let a rate hold from a time on; one for the same time that is set later corrects it.

    :raises RateOutOfRange: it is not two whole numbers above nothing.
    """
    rules.ensure_rate(new.rate)
    if new.base == new.quote:
        raise CurrencyMismatch(new.base, new.quote)
    await LedgerRate.raw(
        _SET,
        *(new.base, new.quote, new.effective_at, now, new.rate.num, new.rate.den, new.source),
    )


async def rate_at(base: str, quote: str, at: datetime) -> Rate:
    """Give the rate that held at a time.

    :raises RateUnknown: there was none.
    """
    rows = await LedgerRate.raw(_RATE, base, quote, at)
    if not rows:
        raise rules.RateUnknown(f"There was no rate from {base} to {quote} at that time.")
    return msgspec.convert(rows[0], Rate)


async def exchange(
    asked: Exchange,
    *,
    transfer_ids: tuple[UUID, UUID],
    platform_id: UUID,
    actor_id: UUID,
    now: datetime,
) -> Exchanged:
    """Exchange by four legs: the given goes to one exchange account, the received comes from one.

    So each currency sums to zero by itself, and what rounding leaves stays on the exchange account.

    :param transfer_ids: of the given and the received, made by the caller for this attempt.
    :raises NothingReceived: the amount is too small or too large at this rate.
    :raises CurrencyMismatch: nothing would be exchanged.
    """
    if asked.currency == asked.given.currency:
        raise CurrencyMismatch(asked.currency, asked.given.currency)
    converted = rules.convert(asked.given, asked.rate, asked.currency)
    between = [
        NewAccount(
            id=rules.exchange_account(platform_id, currency),
            owner_id=platform_id,
            subject_id=platform_id,
            kind=AccountKind.EXCHANGE,
            currency=currency,
        )
        for currency in (asked.given.currency, asked.currency)
    ]
    await ledger.open_accounts(between, now=now)
    given = Single(
        id=transfer_ids[0],
        debit_id=asked.payer_id,
        credit_id=between[0].id,
        amount=asked.given,
        event="exchange.given",
    )
    received = Single(
        id=transfer_ids[1],
        debit_id=between[1].id,
        credit_id=asked.receiver_id,
        amount=converted.amount,
        event="exchange.received",
    )
    journal = Journal(
        owner_id=platform_id,
        key=asked.key,
        group_id=given.id,
        transfers=[given, received],
        actor_id=actor_id,
        effective_at=asked.effective_at,
        reason=asked.reason,
    )
    outcome = await ledger.record(journal, now=now)
    if outcome.is_new and outcome.code is Code.RECORDED:
        await LedgerExchange.raw(
            _KEEP,
            *(journal.group_id, given.id, received.id),
            *(asked.given.amount_minor, converted.amount.amount_minor),
            *(asked.rate.num, asked.rate.den, converted.rest_num),
        )
    return Exchanged(outcome, converted.amount)
