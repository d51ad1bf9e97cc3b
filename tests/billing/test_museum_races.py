"""The bug museum on PostgreSQL: what callers at once, or one who asks again, broke elsewhere.

Most of the naive twins look, and then act on what they saw, with another one between.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from uuid import UUID

from billing.issuance.schemas import IssueCode
from billing.ledger.schemas import Code
from billing.redemptions.schemas import Kind, Wish
from tests.billing import books
from tests.billing.books import Program
from tests.factories import Tenant, new_id

CALLERS = 4


def _two_at_once(may: Callable[[], bool], act: Callable[[], None]) -> None:
    """Let two callers look before either acts on what it saw: what most of them did."""
    for is_free in [may(), may()]:
        if is_free:
            act()


async def _issued(tenant: Tenant, program: Program, amount_minor: int = 100) -> UUID:
    """Issue a benefit."""
    [issued] = await books.issue(program, [books.ask(tenant.tenant_id, amount_minor)])
    assert issued.issuance_id is not None
    return issued.issuance_id


def _redeem(issuance_id: UUID, amount_minor: int | None = None) -> Wish:
    """Wish to use a benefit."""
    return Wish(key=new_id(), kind=Kind.REDEEM, issuance_id=issuance_id, amount_minor=amount_minor)


# --------------------------------------------------------------------------------- limits


async def test_saleor_544_a_voucher_is_not_used_past_its_limit(tenant: Tenant) -> None:
    """https://github.com/saleor/saleor/issues/544: one left, two customers check out at once."""
    orders: list[str] = []
    _two_at_once(lambda: len(orders) < 1, lambda: orders.append("order"))
    assert len(orders) == 2

    program = await books.make_program(100)
    answers = await asyncio.gather(
        *(books.issue(program, [books.ask(tenant.tenant_id)]) for _ in range(CALLERS))
    )

    assert Counter(answer.code for [answer] in answers) == {
        IssueCode.ISSUED: 1,
        IssueCode.BUDGET_EXHAUSTED: CALLERS - 1,
    }


async def test_oscar_2101_one_customer_has_one(tenant: Tenant, rival: Tenant) -> None:
    """https://github.com/django-oscar/django-oscar/issues/2101: once a customer, twice at once."""
    uses: list[str] = []
    _two_at_once(lambda: "her" not in uses, lambda: uses.append("her"))
    assert uses == ["her", "her"]

    program = await books.make_program(1_000)
    customer = new_id().hex
    answers = await asyncio.gather(
        *(
            books.issue(program, [books.ask(agent, customer=customer)])
            for agent in (tenant.tenant_id, rival.tenant_id) * 2
        )
    )

    assert sum(answer.code is IssueCode.ISSUED for [answer] in answers) == 1


async def test_medusa_16012_a_campaign_spends_no_more_than_its_budget(tenant: Tenant) -> None:
    """https://github.com/medusajs/medusa/issues/16012: twice 60 of 100, each by itself allowed."""
    spent: list[int] = []
    _two_at_once(lambda: sum(spent) + 60 <= 100, lambda: spent.append(60))
    assert sum(spent) == 120

    program = await books.make_program(100)
    answers = await asyncio.gather(
        *(books.issue(program, [books.ask(tenant.tenant_id, 60)]) for _ in range(CALLERS))
    )

    assert sum(answer.code is IssueCode.ISSUED for [answer] in answers) == 1
    assert (await books.books(program)).available_minor == 40


async def test_robosats_2526_a_balance_is_withdrawn_once(tenant: Tenant) -> None:
    """https://github.com/RoboSats/robosats/pull/2526: two withdrawals of the same balance."""
    paid: list[int] = []
    _two_at_once(lambda: sum(paid) == 0, lambda: paid.append(100))
    assert sum(paid) == 200

    program = await books.make_program(100)
    outcomes = await asyncio.gather(
        *(books.fund(program, 100, is_return=True) for _ in range(CALLERS))
    )

    assert Counter(outcome.code for outcome in outcomes) == {
        Code.RECORDED: 1,
        Code.EXCEEDS_CREDITS: CALLERS - 1,
    }
    assert (await books.books(program)).funded_minor == 0


# -------------------------------------------------------------------------------- used once


async def test_lfs_202_a_voucher_is_used_at_one_counter(tenant: Tenant) -> None:
    """https://github.com/diefenbach/django-lfs/issues/202: one voucher, two carts at once."""
    carts: list[str] = []
    _two_at_once(lambda: not carts, lambda: carts.append("cart"))
    assert len(carts) == 2

    program = await books.make_program(100)
    benefit = await _issued(tenant, program)
    answers = await asyncio.gather(*(books.settle(_redeem(benefit)) for _ in range(CALLERS)))

    assert Counter(answer.code for answer in answers) == {
        Code.RECORDED: 1,
        Code.ALREADY_POSTED: CALLERS - 1,
    }
    assert (await books.books(program)).used_minor == 100


async def test_lago_api_3618_what_is_settled_is_settled_once(tenant: Tenant) -> None:
    """https://github.com/getlago/lago-api/pull/3618: pending becomes settled twice, and counts."""
    pending, settled = {"top-up": 100}, list[int]()

    def settle() -> None:
        settled.append(100)
        pending.clear()

    _two_at_once(lambda: "top-up" in pending, settle)
    assert sum(settled) == 200

    program = await books.make_program(100)
    benefit = await _issued(tenant, program)
    outcomes = await asyncio.gather(*(books.void(benefit) for _ in range(CALLERS)))

    assert sum(outcome.code is Code.RECORDED for outcome in outcomes) == 1
    assert (await books.books(program)).available_minor == 100


async def test_formance_stack_217_a_movement_is_undone_once(tenant: Tenant) -> None:
    """https://github.com/formancehq/stack/pull/217: two reverts of one transaction at once."""
    undone: list[str] = []
    _two_at_once(lambda: not undone, lambda: undone.append("undo"))
    assert len(undone) == 2

    program = await books.make_program(100)
    benefit = await _issued(tenant, program)
    use = _redeem(benefit, 40)
    await books.settle(use)
    answers = await asyncio.gather(
        *(
            books.settle(
                Wish(key=new_id(), kind=Kind.ROLL_BACK, issuance_id=benefit, of_id=use.key)
            )
            for _ in range(CALLERS)
        )
    )

    assert Counter(answer.code for answer in answers) == {
        Code.RECORDED: 1,
        Code.ALREADY_REVERSED: CALLERS - 1,
    }
    held = await books.books(program)
    assert (held.used_minor, held.held_minor) == (0, 100)


# ------------------------------------------------------------------------------ asked again


async def test_saleor_8219_a_checkout_in_two_steps_uses_one(tenant: Tenant) -> None:
    """https://github.com/saleor/saleor/issues/8219: completing again counts the voucher again."""
    used = Counter[str]()

    def complete(*, is_paid: bool) -> bool:
        used["voucher"] += 1
        return is_paid

    assert [complete(is_paid=False), complete(is_paid=True)] == [False, True]
    assert used["voucher"] == 2

    program = await books.make_program(1_000, limit_per_customer=2)
    row = books.ask(tenant.tenant_id)
    [first] = await books.issue(program, [row])
    [again] = await books.issue(
        program, [books.ask(tenant.tenant_id, key=row.key, customer=row.customer_token)]
    )

    assert (again.issuance_id, again.is_new) == (first.issuance_id, False)
    assert (await books.books(program)).held_minor == 100


async def test_saleor_15855_who_asks_again_is_not_refused_for_having_asked(tenant: Tenant) -> None:
    """https://github.com/saleor/saleor/pull/15855: one's own first try has used the limit up."""
    used: list[str] = []

    def complete(checkout: str) -> str:
        if used:
            return "refused, and refunded"
        used.append(checkout)
        return "ordered"

    assert [complete("hers"), complete("hers")] == ["ordered", "refused, and refunded"]

    program = await books.make_program(100)
    use = _redeem(await _issued(tenant, program))
    answers = await asyncio.gather(*(books.settle(use) for _ in range(CALLERS)))

    assert {answer.code for answer in answers} == {Code.RECORDED}
    assert sum(answer.is_new for answer in answers) == 1


async def test_lago_api_5870_money_that_is_sent_twice_is_put_in_once(tenant: Tenant) -> None:
    """https://github.com/getlago/lago-api/issues/5870: a top-up has no key to know it again by."""
    wallet: list[int] = []

    def top_up(amount: int) -> None:
        wallet.append(amount)

    top_up(100)
    top_up(100)
    assert sum(wallet) == 200

    program, key = await books.make_program(), new_id()
    outcomes = [await books.fund(program, 100, key=key) for _ in range(2)]
    altered = await books.fund(program, 101, key=key)

    assert [outcome.code for outcome in outcomes] == [Code.RECORDED, Code.RECORDED]
    assert altered.code is Code.ID_REUSED
    assert (await books.books(program)).funded_minor == 100
