"""Currencies are exchanged by four legs; each sums to zero, and no part of a fen is lost (I2)."""

from datetime import timedelta

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import BillingRefusal, CurrencyMismatch
from billing.exchange import rules, service
from billing.exchange.schemas import Exchange, Exchanged, NewRate, Rate
from billing.ledger.schemas import Bound, Code
from billing.money import MINOR_MAX, Money
from server.access import PLATFORM_TENANT
from server.kit import db
from tests.billing import accounts, books
from tests.billing.books import OPERATOR
from tests.factories import NOW, new_id

numbers = st.integers(1, MINOR_MAX)
DAY = timedelta(days=1)


@given(numbers, numbers, numbers)
def test_what_is_received_and_what_is_left_are_the_whole(minor: int, num: int, den: int) -> None:
    try:
        converted = rules.convert(Money(minor, "CNY"), Rate(num, den), "USD")
    except rules.NothingReceived:
        assert not den <= minor * num < den * (MINOR_MAX + 1)
        return

    assert converted.amount.amount_minor * den + converted.rest_num == minor * num
    assert 0 <= converted.rest_num < den


@pytest.mark.parametrize("rate", [Rate(0, 1), Rate(1, 0), Rate(-1, 1), Rate(1, MINOR_MAX + 1)])
def test_a_rate_is_two_whole_numbers(rate: Rate) -> None:
    with pytest.raises(rules.RateOutOfRange):
        rules.convert(Money(1, "CNY"), rate, "USD")


async def _exchange(asked: Exchange) -> Exchanged:
    async with db.platform_transaction(OPERATOR):
        return await service.exchange(
            asked,
            transfer_ids=(new_id(), new_id()),
            platform_id=PLATFORM_TENANT,
            actor_id=OPERATOR.user_id,
            now=NOW,
        )


@pytest.mark.usefixtures("database")
async def test_an_exchange_has_four_legs() -> None:
    yuan = await accounts.open_account()
    dollars = await accounts.open_account(currency="USD")
    asked = Exchange(
        key=new_id(),
        given=Money(10_000, "CNY"),
        payer_id=yuan,
        receiver_id=dollars,
        currency="USD",
        rate=Rate(1393, 10_000),
        effective_at=NOW,
    )

    done = await _exchange(asked)
    again = await _exchange(asked)

    assert (done.outcome.code, done.received) == (Code.RECORDED, Money(1_393, "USD"))
    assert not again.outcome.is_new
    assert (await books.balance(yuan)).debits_posted == 10_000
    assert (await books.balance(dollars)).credits_posted == 1_393
    async with db.platform_transaction(OPERATOR):
        legs = await db.connection().fetch(
            """
            SELECT entry.currency, sum(posted_minor), count(*) FROM ledger_entry entry
            JOIN ledger_transfer transfer ON transfer.id = transfer_id
            WHERE group_id = $1 GROUP BY entry.currency ORDER BY entry.currency
            """,
            done.outcome.group_id,
        )
    assert [tuple(leg) for leg in legs] == [("CNY", 0, 2), ("USD", 0, 2)]
    assert await books.contradictions() == []


@pytest.mark.usefixtures("database")
async def test_who_has_too_little_exchanges_nothing() -> None:
    yuan = await accounts.open_account(bound=Bound.DEBITS_WITHIN_CREDITS)
    dollars = await accounts.open_account(currency="USD")

    done = await _exchange(
        Exchange(
            key=new_id(),
            given=Money(10, "CNY"),
            payer_id=yuan,
            receiver_id=dollars,
            currency="USD",
            rate=Rate(1, 7),
            effective_at=NOW,
        )
    )

    assert done.outcome.code is Code.EXCEEDS_CREDITS
    assert (await books.balance(dollars)).credits_posted == 0


@pytest.mark.usefixtures("database")
async def test_the_rate_of_a_day_is_the_last_that_was_said_for_it() -> None:
    async with db.platform_transaction(OPERATOR):
        for effective_at, now, num in ((NOW, NOW, 7), (NOW, NOW + DAY, 8), (NOW + DAY, NOW, 9)):
            new = NewRate(
                base="USD",
                quote="CNY",
                rate=Rate(num, 1),
                effective_at=effective_at,
                source="central bank",
            )
            await service.set_rate(new, now=now)

        assert await service.rate_at("USD", "CNY", NOW) == Rate(8, 1)
        assert await service.rate_at("USD", "CNY", NOW + DAY) == Rate(9, 1)
        with pytest.raises(rules.RateUnknown):
            await service.rate_at("USD", "CNY", NOW - DAY)


@pytest.mark.usefixtures("database")
async def test_bad_exchanges_are_refused_by_name() -> None:
    yuan, more = await accounts.open_account(), await accounts.open_account()

    def asked(minor: int, currency: str) -> Exchange:
        return Exchange(
            key=new_id(),
            given=Money(minor, "CNY"),
            payer_id=yuan,
            receiver_id=more,
            currency=currency,
            rate=Rate(1, 7),
            effective_at=NOW,
        )

    refusals: list[tuple[Exchange, type[BillingRefusal]]] = [
        (asked(7, "CNY"), CurrencyMismatch),
        (asked(6, "USD"), rules.NothingReceived),
    ]
    for bad, refusal in refusals:
        with pytest.raises(refusal):
            await _exchange(bad)
    assert (await _exchange(asked(7, "USD"))).outcome.code is Code.WRONG_CURRENCY


@pytest.mark.usefixtures("database")
async def test_the_database_keeps_no_exchange_that_the_ledger_does_not_say() -> None:
    one, other = await accounts.open_account(), await accounts.open_account()
    moved = accounts.single(one, other, 5)
    outcome = await accounts.record([moved])

    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="does not say"):
        async with db.platform_transaction(OPERATOR):
            await db.connection().execute(
                "INSERT INTO ledger_exchange VALUES ($1, $2, $2, 5, 5, 1, 1, 0)",
                *(outcome.group_id, moved.id),
            )
