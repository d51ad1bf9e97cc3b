"""Play a plan of benefits against a real PostgreSQL: callers at once, retries, kills."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import msgspec

from billing.budgets import service as budgets
from billing.budgets.schemas import Funding
from billing.issuance import service as issuance
from billing.issuance.schemas import Issue, IssueCode, Terms
from billing.money import Money
from billing.redemptions import service as redemptions
from billing.redemptions.schemas import Settled, Wish
from server.access import PLATFORM_TENANT
from server.kit import db, ids
from world.books.benefits.plan import AMOUNT, Order, Plan
from world.books.killer import BROKEN, Killer
from world.books.trial import OPERATOR

_CALLERS: Final = 8
_TRIES_MAX: Final = 200


class Answer(msgspec.Struct, frozen=True):
    """What one caller was told, after the commit."""

    wish: Wish
    settled: Settled


class Played(msgspec.Struct):
    """What happened: every answer, and how much went wrong."""

    answers: list[Answer] = []
    attempts: int = 0
    broken: int = 0


async def play(plan: Plan, killer: Killer, *, now: datetime) -> Played:
    """Issue the benefits, and let callers take orders until there are none left."""
    await _issue(plan)
    played = Played(answers=[])
    orders = iter(plan.orders)
    await asyncio.gather(*(_call(orders, played, killer, now) for _ in range(_CALLERS)))
    return played


async def _issue(plan: Plan) -> None:
    """Fund the program with exactly what its benefits need, and issue them."""
    count = len(plan.staying) + len(plan.lapsing)
    async with db.platform_transaction(OPERATOR):
        await budgets.open_program(
            plan.program_id, platform_id=PLATFORM_TENANT, currency="CNY", now=plan.issued_at
        )
        await budgets.fund(
            Funding(
                key=plan.program_id,
                program_id=plan.program_id,
                amount=Money(count * AMOUNT, "CNY"),
            ),
            transfer_id=ids.new_id(plan.issued_at),
            platform_id=PLATFORM_TENANT,
            actor_id=OPERATOR.user_id,
            now=plan.issued_at,
        )
    await _issue_some(plan, plan.staying, None)
    await _issue_some(plan, plan.lapsing, plan.ends_at)


async def _issue_some(plan: Plan, rows: Sequence[Issue], ends_at: datetime | None) -> None:
    """Issue benefits that end together, or never."""
    async with db.tenant_transaction(plan.agent_id):
        answers = await issuance.issue(
            Terms(program_id=plan.program_id, expires_at=ends_at),
            rows,
            group_id=ids.new_id(plan.issued_at),
            actor_id=OPERATOR.user_id,
            now=plan.issued_at,
        )
    assert all(answer.code is IssueCode.ISSUED for answer in answers), "the budget is enough"


async def _call(orders: Iterator[Order], played: Played, killer: Killer, now: datetime) -> None:
    """Take one order after the other; all callers share the iterator."""
    for order in orders:
        sends = [
            _send(order.wish, played, killer, dies=order.dies, now=now) for _ in range(order.twins)
        ]
        if order.altered is not None:
            sends.append(_send(order.altered, played, killer, dies=0, now=now))
        await asyncio.gather(*sends)


async def _send(wish: Wish, played: Played, killer: Killer, *, dies: int, now: datetime) -> None:
    """Send a wish until it is answered."""
    for number in range(_TRIES_MAX):
        played.attempts += 1
        try:
            async with db.platform_transaction(OPERATOR) as opened:
                settled = await redemptions.settle(
                    wish,
                    transfer_ids=[ids.new_id(now) for _ in range(redemptions.IDS)],
                    owner_id=PLATFORM_TENANT,
                    actor_id=OPERATOR.user_id,
                    now=now,
                )
                if number < dies:
                    await killer.end(opened)
        except BROKEN:
            played.broken += 1
            continue
        played.answers.append(Answer(wish, settled))
        return
    raise RuntimeError("a wish was not answered however often it was sent")
