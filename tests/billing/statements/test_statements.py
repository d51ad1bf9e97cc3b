"""A statement is what the ledger says of a month; it never changes, and both sides sign it."""

import itertools
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from billing.commissions import paying
from billing.commissions import queries as commission_queries
from billing.commissions import service as commissions
from billing.commissions.books import Books
from billing.commissions.rules.payouts import PaymentState
from billing.commissions.rules.plans import PlanVersion
from billing.commissions.rules.shares import Seller
from billing.commissions.schemas import Correction, Refund, Sale
from billing.redemptions.schemas import Kind, Wish
from billing.sealing import service as sealing
from billing.sealing import tonglu_verify
from billing.sealing.schemas import NotSealed
from billing.statements import published, queries, rules, service
from billing.statements.published import NotSigned
from billing.statements.rules import ANSWER_DAYS, MonthNotOver, Standing
from billing.statements.schemas import (
    Answer,
    AnswerOver,
    CorrectionUnknown,
    Dispute,
    DisputesOpen,
    LineAnswered,
    NewStatement,
    NotDisputed,
    Outcome,
    Side,
    StatementDiffers,
    StatementDrawn,
    StatementNotFound,
    StatementSigned,
    StatementView,
)
from server.access import PLATFORM_TENANT
from server.kit import db
from server.settings import Settings
from tests.billing import books as benefits
from tests.billing.books import OPERATOR
from tests.billing.commissions.test_service import WHY
from tests.factories import NOW, new_id
from tests.postgres import Postgres
from tests.waiting import meanwhile

pytestmark = pytest.mark.usefixtures("own_books")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw().hex()
MONTH = date(2026, 3, 1)
OVER = datetime(2026, 4, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)
FINANCE = OPERATOR.user_id
OWNER = UUID(int=7)


def at(now: datetime, actor_id: UUID = FINANCE) -> Books:
    """Say who keeps the books, and when."""
    return Books(platform_id=PLATFORM_TENANT, actor_id=actor_id, now=now)


async def do(work: Callable[..., Awaitable[Any]], *given: Any, **named: Any) -> Any:
    """Do one thing in a transaction of the platform."""
    async with db.platform_transaction(OPERATOR):
        return await work(*given, **named)


async def own(agent_id: UUID, work: Callable[..., Awaitable[Any]], *given: Any, **more: Any) -> Any:
    """Do one thing in a transaction of an agent."""
    async with db.tenant_transaction(agent_id):
        return await work(*given, actor_id=OWNER, **more)


async def seal() -> None:
    """Seal all that waits."""
    while await do(sealing.seal, KEY, now=OVER):
        pass


async def a_plan() -> PlanVersion:
    """Publish a plan of 10 % of the revenue."""
    about = {
        "id": new_id(),
        "plan_id": new_id(),
        "begins_on": date(2026, 1, 1),
        "currency": "CNY",
        "measure": "revenue",
        "tiers": [{"at_least": 0, "rate": 100_000}],
    }
    version = msgspec.convert(about, PlanVersion)
    await do(commissions.publish, version, at(NOW))
    return version


async def sell(plan: PlanVersion, agent_id: UUID, sold: int, now: datetime) -> Any:
    """Sell something, and earn its commission at once."""
    sale = Sale(
        id=new_id(),
        plan_id=plan.plan_id,
        contract_id=new_id(),
        on=now.date(),
        sold=sold,
        sellers=[Seller(agent_id)],
    )
    await do(commissions.accrue, sale, {}, at(now))
    await do(commissions.earn_due, new_id(), now.date(), at(now))
    return sale


async def draw(agent_id: UUID, period: date = MONTH, now: datetime = OVER) -> StatementView:
    """Draw a statement up."""
    new = NewStatement(
        id=new_id(), agent_id=agent_id, period=period, currency="CNY", answer_days=15
    )
    held, is_new = await do(service.draw, new, actor_id=FINANCE, now=now)
    assert is_new
    assert await do(service.draw, new, actor_id=FINANCE, now=now) == (held, False)
    assert isinstance(held, StatementView)
    return held


async def a_statement() -> tuple[StatementView, PlanVersion]:
    """Draw up the statement of an agent that sold for 100 yuan of commission."""
    agent_id, plan = new_id(), await a_plan()
    await sell(plan, agent_id, 1_000_00, NOW)
    await seal()
    return await draw(agent_id), plan


async def correct(held: StatementView, minor: int = 5_00) -> UUID:
    """Correct the earned line of a statement; give the transfer that does it."""
    lines = await do(queries.lines, held.id, limit=9)
    [earned] = [each for each in lines if each.event == "commission.earned"]
    async with db.platform_transaction(OPERATOR):
        line_id = await db.connection().fetchval(
            "SELECT line_id FROM commission_item WHERE id = $1", earned.transfer_id
        )
    asked = Correction(id=new_id(), line_id=line_id, amount_minor=minor, reason="少计")
    await do(commissions.correct, asked, at(OVER))
    async with db.platform_transaction(OPERATOR):
        found = await db.connection().fetchval(
            "SELECT id FROM ledger_transfer WHERE group_id = $1", asked.id
        )
    assert isinstance(found, UUID)
    return found


# ------------------------------------------------------------------------------------ drawing up


async def _anything(
    rng: random.Random, plan: PlanVersion, agents: list[UUID], sales: list[Sale], now: datetime
) -> None:
    """Do one thing that may be done."""
    what = rng.choice(["sell", "sell", "refund", "correct", "pay"]) if sales else "sell"
    if what == "sell":
        sales.append(await sell(plan, rng.choice(agents), rng.randint(10, 1_000_00), now))
    elif what == "refund":
        sale = sales.pop(rng.randrange(len(sales)))
        asked = Refund(id=new_id(), sale_id=sale.id, refunded=rng.randint(1, sale.sold))
        await do(commissions.refund, asked, at(now))
    elif what == "correct":
        [line] = await do(commission_queries.lines_of, rng.choice(sales).id)
        right = Correction(
            id=new_id(), line_id=line.id, amount_minor=rng.choice([-50, 70]), reason="x"
        )
        await do(commissions.correct, right, at(now))
    else:
        batch = await do(paying.make_batch, new_id(), at(now), minimum_minor=1)
        await do(paying.approve, batch.id, batch.hash, at(now, OWNER))
        for payment in batch.payments:
            state = rng.choice([PaymentState.PAID, PaymentState.FAILED])
            await do(paying.settle, payment.id, state, at(now), reason=WHY)


async def _benefits(agent_id: UUID) -> None:
    """Issue four benefits of ten yuan in March, use two, and withdraw one in April."""
    program = await benefits.make_program(100_00)
    rows = [benefits.ask(agent_id, 10_00) for _ in range(4)]
    await benefits.issue(program, rows)
    for row in rows[:2]:
        wish = Wish(key=new_id(), kind=Kind.REDEEM, issuance_id=row.id)
        await benefits.settle(wish, now=NOW + DAY)
    gone = Wish(key=new_id(), kind=Kind.REVOKE, issuance_id=rows[2].id, reason="x")
    await benefits.settle(gone, now=OVER)


@pytest.mark.parametrize("seed", [3, 4])
async def test_i14_statements_are_the_ledgers_lines_and_what_was_paid_or_is_carried(
    seed: int,
) -> None:
    rng, plan, sales = random.Random(seed), await a_plan(), list[Sale]()
    agents = [new_id(), new_id()]
    await _benefits(agents[0])
    now = datetime(2026, 2, 1, tzinfo=UTC)
    for _ in range(24):
        now += timedelta(hours=rng.randint(12, 80))
        await _anything(rng, plan, agents, sales, max(now, NOW))
    await seal()
    after = datetime(2026, 6, 1, tzinfo=UTC)
    months = [date(2026, month, 1) for month in (2, 3, 4, 5)]
    drawn = {
        (agent, month): await draw(agent, month, after) for agent in agents for month in months
    }

    assert await do(queries.contradictions) == []
    for agent in agents:
        held = [drawn[agent, month] for month in months]
        async with db.platform_transaction(OPERATOR):
            lines = await db.connection().fetchval(
                "SELECT count(*) FROM ledger_entry WHERE owner_id = $1", agent
            )
        told = [each for one in held for each in await do(queries.lines, one.id, limit=999)]
        assert sum(each.lines for each in held) == len(told) == lines
        assert len({(each.account_id, each.version) for each in told}) == lines
        for part in ("pending", "posted"):
            moved = sum(getattr(each, f"{part}_minor") for each in told)
            assert moved == sum(getattr(a, f"closing_{part}") for a in held[-1].accounts)
    used = [a for a in drawn[agents[0], MONTH].accounts if a.kind == "issued"]
    assert [(a.lines, a.closing_pending, a.closing_posted) for a in used] == [(6, 20_00, 20_00)]


async def test_i14_a_statement_that_was_changed_is_found(
    own_books: Settings, postgres: Postgres
) -> None:
    held, _ = await a_statement()
    batch = await do(paying.make_batch, new_id(), at(OVER), minimum_minor=1)
    await do(paying.approve, batch.id, batch.hash, at(OVER, OWNER))
    await seal()
    await draw(held.agent_id, date(2026, 4, 1), OVER + 31 * DAY)
    assert await do(queries.contradictions) == []
    lines, chain, paid = queries.I14
    harms = {
        "UPDATE statement_line SET posted_minor = posted_minor + 1 WHERE posted_minor > 0": lines,
        "UPDATE statement_account SET closing_pending = closing_pending + 1": lines,
        "DELETE FROM statement_line WHERE n = 2": lines,
        "UPDATE statement_account SET opening_posted = 0, closing_posted = 0"
        " WHERE after_version > 0": chain,
        "UPDATE payout_payment SET amount_minor = amount_minor + 1": paid,
    }
    name = urlsplit(own_books.database_url).path.removeprefix("/")
    superuser = await asyncpg.connect(postgres.superuser_url(name))
    try:
        for harm, broken in harms.items():
            undone = superuser.transaction()
            await undone.start()
            # Triggers sleep, as for who restores a backup and edits it.
            await superuser.execute("SET LOCAL session_replication_role = replica")
            await superuser.execute(harm)
            assert await superuser.fetch(queries.I14[broken]), harm
            await undone.rollback()
        await superuser.execute("SET session_replication_role = replica")
        hashed = "UPDATE statement SET hash = $1 WHERE id = $2"
        await superuser.execute(hashed, bytes(32), held.id)
        found = await do(queries.contradictions)
        await superuser.execute(hashed, held.hash, held.id)
    finally:
        await superuser.close()

    assert [each.subject for each in found] == [f"{held.id}: it is not what its hash says"]


async def test_a_month_has_one_statement_once_it_is_over_and_sealed() -> None:
    agent_id = new_id()
    await sell(await a_plan(), agent_id, 1_000_00, NOW)
    new = NewStatement(id=new_id(), agent_id=agent_id, period=MONTH, currency="CNY", answer_days=9)

    with pytest.raises(MonthNotOver):
        await do(service.draw, new, actor_id=FINANCE, now=OVER - timedelta(hours=9, minutes=1))
    with pytest.raises(NotSealed):
        await do(service.draw, new, actor_id=FINANCE, now=OVER)
    await seal()
    held = await draw(agent_id)
    with pytest.raises(StatementDrawn) as refused:
        await do(service.draw, new, actor_id=FINANCE, now=OVER)
    other = msgspec.structs.replace(new, id=held.id, period=date(2026, 2, 1))
    with pytest.raises(StatementDrawn):
        await do(service.draw, other, actor_id=FINANCE, now=OVER)

    assert refused.value.statement_id == held.id
    assert (held.lines, held.answer_by) == (2, date(2026, 4, 16))


async def test_two_months_at_once_under_one_id_are_one_statement() -> None:
    agent_id, plan = new_id(), await a_plan()
    await sell(plan, agent_id, 1_000_00, NOW)
    await seal()
    march = NewStatement(
        id=new_id(), agent_id=agent_id, period=MONTH, currency="CNY", answer_days=15
    )
    february = msgspec.structs.replace(march, period=date(2026, 2, 1))

    async with db.platform_transaction(OPERATOR):
        held, _ = await do(service.draw, march, actor_id=FINANCE, now=OVER)
        other = await meanwhile(do(service.draw, february, actor_id=FINANCE, now=OVER))

    with pytest.raises(StatementDrawn) as refused:
        await other
    assert refused.value.statement_id == held.id


# ------------------------------------------------------------------------------- what is said


async def test_a_dispute_is_answered_by_a_later_line_and_then_both_sign() -> None:
    held, _ = await a_statement()
    why = Dispute(n=2, reason="少计一单", evidence="合同 2026-018")
    for is_new in (True, False):
        line, was_new = await own(held.agent_id, service.dispute, held.id, why, now=OVER)
        assert was_new is is_new
    assert line.due_on == date(2026, 4, 1) + ANSWER_DAYS * DAY
    with pytest.raises(DisputesOpen):
        await own(held.agent_id, service.accept, held.id, held.hash, now=OVER)
    with pytest.raises(DisputesOpen):
        await do(service.sign, held.id, held.hash, KEY, actor_id=FINANCE, now=OVER)
    with pytest.raises(LineAnswered):
        await own(held.agent_id, service.confirm, held.id, [1, 2], now=OVER)
    other = msgspec.structs.replace(why, reason="另一")
    with pytest.raises(LineAnswered):
        await own(held.agent_id, service.dispute, held.id, other, now=OVER)
    earned = (await do(queries.line, held.id, 2)).transfer_id
    for unknown in (None, earned, new_id()):
        said = Answer(outcome=Outcome.CORRECTED, note="已更正", transfer_id=unknown)
        with pytest.raises(CorrectionUnknown):
            await do(service.answer, held.id, 2, said, actor_id=FINANCE, now=OVER)
    right = Answer(outcome=Outcome.CORRECTED, note="已更正", transfer_id=await correct(held))
    for _ in range(2):
        line, _ = await do(service.answer, held.id, 2, right, actor_id=FINANCE, now=OVER)
    kept = Answer(outcome=Outcome.KEPT, note="无误")
    with pytest.raises(NotDisputed):
        await do(service.answer, held.id, 2, kept, actor_id=FINANCE, now=OVER)
    with pytest.raises(StatementDiffers):
        await own(held.agent_id, service.accept, held.id, bytes(32), now=OVER)
    for _ in range(2):
        await own(held.agent_id, service.accept, held.id, held.hash, now=OVER)
        signed, _ = await do(service.sign, held.id, held.hash, KEY, actor_id=FINANCE, now=OVER)

    assert (line.outcome, line.correction_id) == (Outcome.CORRECTED, right.transfer_id)
    assert signed.standing(OVER.date()) is Standing.AGREED
    assert (signed.hash, signed.accounts) == (held.hash, held.accounts)
    late = Dispute(n=1, reason="又")
    with pytest.raises(StatementSigned):
        await own(held.agent_id, service.dispute, held.id, late, now=OVER)
    with pytest.raises(NotDisputed):
        await do(service.answer, held.id, 1, right, actor_id=FINANCE, now=OVER)


async def test_nobody_speaks_of_anothers_statement_or_too_late() -> None:
    held, _ = await a_statement()
    why = Dispute(n=1, reason="不对")
    with pytest.raises(StatementNotFound):
        await own(new_id(), service.dispute, held.id, why, now=OVER)
    with pytest.raises(StatementNotFound):
        await own(held.agent_id, service.confirm, held.id, [1, 3], now=OVER)
    with pytest.raises(AnswerOver):
        await own(held.agent_id, service.dispute, held.id, why, now=OVER + 16 * DAY)
    for is_new in (True, False):
        said, was_new = await own(held.agent_id, service.confirm, held.id, [1, 2, 1], now=OVER)
        assert was_new is is_new

    assert (said.confirmed, said.disputes) == (2, 0)
    assert said.standing(held.answer_by) is Standing.OPEN
    assert said.standing(held.answer_by + DAY) is Standing.DEEMED


_SPOKEN = """
INSERT INTO statement_answer (statement_id, n, agent_id, said, said_by, said_at)
VALUES ($1, 1, $2, 'confirmed', $2, $3)
"""
_SIGNED = """
INSERT INTO statement_signature (statement_id, agent_id, side, signed_by, signed_at, hash)
VALUES ($1, $2, 'agent', $2, $3, $4)
"""
_FOR_THE_PLATFORM = """
INSERT INTO statement_signature (
    statement_id, agent_id, side, signed_by, signed_at, hash, public_key, signature
) VALUES ($1, $2, 'platform', $2, $3, $4, 'x', 'x')
"""


async def test_the_database_lets_nobody_speak_for_another() -> None:
    held, _ = await a_statement()
    # Another's statement under one's own name: the foreign key alone would let it pass.
    for statement, agent_id in (
        (_SPOKEN, new_id()),
        (_SIGNED, new_id()),
        (_FOR_THE_PLATFORM, held.agent_id),
    ):
        values = [held.id, agent_id, OVER, held.hash][: 4 if "$4" in statement else 3]
        with pytest.raises(asyncpg.PostgresError):
            async with db.tenant_transaction(agent_id):
                await db.connection().execute(statement, *values)
    assert await do(queries.statement, held.id) == held


# ------------------------------------------------------------------------------- where it stands


def test_a_statement_counts_as_confirmed_only_when_nobody_waits() -> None:
    until, either = date(2026, 4, 16), (False, True)
    for today, answered, is_open, by_agent, by_platform in itertools.product(
        range(-9, 20), [None, *range(-3, 9)], either, either, either
    ):
        stands = rules.standing(
            answer_by=until,
            last_answer_on=None if answered is None else until + answered * DAY,
            open_disputes=int(is_open),
            is_signed_by_agent=by_agent,
            is_signed_by_platform=by_platform,
            today=until + today * DAY,
        )

        had_time = today > 0 and (answered is None or today > answered + ANSWER_DAYS)
        assert (stands is Standing.DEEMED) == (had_time and not is_open and not by_agent)
        assert (stands is Standing.AGREED) == (by_agent and by_platform)
        assert (stands is Standing.DISPUTED) == (is_open and not by_agent)


# ------------------------------------------------------------------------------------- verified


async def test_a_signed_statement_is_verified_alone_and_any_changed_byte_is_found() -> None:
    held, _ = await a_statement()
    program = await benefits.make_program(100_00)
    with pytest.raises(NotSigned):
        await do(published.signed_file, held)
    await benefits.issue(program, [benefits.ask(held.agent_id, 10_00)])
    await seal()
    feb = await draw(held.agent_id, date(2026, 2, 1))
    other = new_id()
    await benefits.issue(program, [benefits.ask(other, 10_00)])
    await sell(await a_plan(), other, 1_000_00, NOW)
    await seal()
    both = await draw(other)
    for one in (feb, both):
        await do(service.sign, one.id, one.hash, KEY, actor_id=FINANCE, now=OVER)
    empty, none = await do(published.signed_file, await do(queries.statement, feb.id))
    file, head = await do(published.signed_file, await do(queries.statement, both.id))
    read = tonglu_verify.read_head(head.published(), PUBLIC)

    signed, count = tonglu_verify.check_signed(file, read, PUBLIC)
    assert (signed["agent_id"], count, both.lines) == (str(other), 3, 3)
    assert tonglu_verify.check_signed(empty, read, PUBLIC)[1] == 0
    assert (none, both.signature(Side.PLATFORM)) == (None, None)
    rng = random.Random(1)
    for place in rng.sample(range(len(file)), 60):
        harmed = bytes([*file[:place], file[place] ^ 1, *file[place + 1 :]])
        with pytest.raises(tonglu_verify.Wrong):
            tonglu_verify.check_signed(harmed, read, PUBLIC)
    # Also where its digits are none.
    ours = signed["signature"].encode()
    for text in (b"", b"zz" * 64, b"\\u00e9", ours[:-1], ours[:-2], ours + b"00", ours.upper()):
        with pytest.raises(tonglu_verify.Wrong):
            tonglu_verify.check_signed(file.replace(ours, text), read, PUBLIC)
    blocks = file.split(b"\n\n")
    for harmed in (b"\n\n".join(blocks[:2]), b"\n\n".join([blocks[0], *blocks[:0:-1]])):
        with pytest.raises(tonglu_verify.Wrong):
            tonglu_verify.check_signed(harmed, read, PUBLIC)
