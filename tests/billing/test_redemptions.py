"""Benefits in parts: used, taken back, withdrawn, over, as the ledger says (I5, I9, I10, I19)."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.budgets import rules as names
from billing.issuance import queries as issuance
from billing.issuance import service as issuing
from billing.issuance.schemas import IssuanceState, Terms
from billing.ledger.schemas import Code, Expire, Hold, Post, Reversal, Transfer, Void
from billing.redemptions import queries, rules
from billing.redemptions import service as redemptions
from billing.redemptions.schemas import Kind, Standing, Used, Wish
from server.kit import db
from tests import waiting
from tests.billing import books
from tests.billing.books import OPERATOR, Program
from tests.factories import NOW, Tenant, new_id

AMOUNT = 100
ENDS = NOW + timedelta(days=1)

steps = st.lists(
    st.tuples(st.sampled_from(Kind), st.none() | st.integers(1, 120), st.integers(0, 5)),
    max_size=12,
)


def _standing() -> Standing:
    """Give a benefit that nothing was done with."""
    return Standing(
        amount_minor=AMOUNT,
        used_minor=0,
        released_minor=0,
        state=IssuanceState.ISSUED,
        hold_id=uuid4(),
        budget_id=uuid4(),
        issued_id=uuid4(),
        currency="CNY",
        expires_at=ENDS,
    )


class _Books:
    """A ledger of one benefit: what is held and what was posted."""

    def __init__(self, standing: Standing) -> None:
        self.held = {standing.hold_id: standing.amount_minor}
        self.posted: dict[UUID, int] = {}

    def apply(self, transfers: list[Transfer]) -> None:
        """Do as the ledger does: a hold is settled once, a post undone once."""
        for transfer in transfers:
            match transfer:
                case Hold(id=made, amount=amount):
                    self.held[made] = amount.amount_minor
                case Post(id=made, pending_id=held, amount_minor=part):
                    whole = self.held.pop(held)
                    self.posted[made] = whole if part is None else part
                    assert self.posted[made] <= whole
                case Reversal(reversal_of=post):
                    del self.posted[post]
                case Void(pending_id=held) | Expire(pending_id=held):
                    del self.held[held]
                case _:
                    raise AssertionError(transfer)


def _use(amount_minor: int, transfer_id: UUID) -> Used:
    """Write a use down."""
    return Used(id=uuid4(), amount_minor=amount_minor, transfer_id=transfer_id, is_taken_back=False)


def _ids() -> Iterator[UUID]:
    """Make ids for ever."""
    while True:
        yield uuid4()


@given(steps)
def test_one_hold_says_what_is_left_and_posts_what_was_used(
    asked: list[tuple[Kind, int | None, int]],
) -> None:
    standing, uses = _standing(), list[Used]()
    ledger = _Books(standing)
    for kind, amount, at in asked:
        now = ENDS if kind is Kind.EXPIRE else NOW
        used = uses[at] if kind is Kind.ROLL_BACK and at < len(uses) else None
        wish = Wish(key=uuid4(), kind=kind, issuance_id=uuid4(), amount_minor=amount)
        step = rules.decide(wish, standing, used, _ids(), now=now)
        if isinstance(step, Code):
            continue
        assert len(step.transfers) <= rules.IDS
        ledger.apply(step.transfers)
        standing = step.after
        if kind is Kind.REDEEM:
            uses.append(_use(step.amount_minor, step.transfers[0].id))
        elif used is not None:
            uses[at] = msgspec.structs.replace(used, is_taken_back=True)

        assert standing.open_minor >= 0
        assert sum(ledger.held.values()) == standing.open_minor
        assert sum(ledger.posted.values()) == standing.used_minor
        is_open = standing.state is IssuanceState.ISSUED
        assert is_open == (standing.open_minor > 0)
        assert not is_open or ledger.held == {standing.hold_id: standing.open_minor}
        assert is_open or (standing.state is IssuanceState.REDEEMED) == (standing.used_minor > 0)


# ------------------------------------------------------------------------------- on PostgreSQL


async def _issued(tenant: Tenant, program: Program, *, ends: bool = False) -> UUID:
    """Issue a benefit of 100, which may end."""
    terms = Terms(program_id=program.id, expires_at=ENDS if ends else None)
    async with db.tenant_transaction(tenant.tenant_id):
        [issued] = await issuing.issue(
            terms,
            [books.ask(tenant.tenant_id, AMOUNT)],
            group_id=new_id(),
            actor_id=OPERATOR.user_id,
            now=NOW,
        )
    assert issued.issuance_id is not None
    return issued.issuance_id


def _wish(kind: Kind, issuance_id: UUID, amount: int | None = None, of: UUID | None = None) -> Wish:
    """Write a wish."""
    return Wish(key=new_id(), kind=kind, issuance_id=issuance_id, amount_minor=amount, of_id=of)


@pytest.mark.usefixtures("database")
async def test_parts_are_used_taken_back_and_withdrawn(tenant: Tenant) -> None:
    program = await books.make_program(AMOUNT)
    benefit = await _issued(tenant, program)
    first = _wish(Kind.REDEEM, benefit, 30)

    assert (await books.settle(first)).is_new
    again = await books.settle(first)
    assert (again.code, again.is_new, again.amount_minor) == (Code.RECORDED, False, 30)
    altered = Wish(key=first.key, kind=Kind.REDEEM, issuance_id=benefit, amount_minor=31)
    assert (await books.settle(altered)).code is Code.ID_REUSED
    too_much = _wish(Kind.REDEEM, benefit, 71)
    assert (await books.settle(too_much)).code is Code.EXCEEDS_HOLD
    assert (await books.settle(_wish(Kind.REVOKE, benefit, 20))).code is Code.RECORDED
    held = await books.books(program)
    assert (held.used_minor, held.held_minor, held.available_minor) == (30, 50, 20)

    back = _wish(Kind.ROLL_BACK, benefit, of=first.key)
    assert (await books.settle(back)).amount_minor == 30
    assert (await books.settle(_wish(Kind.ROLL_BACK, benefit, of=first.key))).code is (
        Code.ALREADY_REVERSED
    )
    # What was refused stays refused, also when there is enough again.
    assert (await books.settle(too_much)).code is Code.EXCEEDS_HOLD
    assert (await books.settle(_wish(Kind.REDEEM, benefit))).amount_minor == 80
    assert (await books.settle(_wish(Kind.REDEEM, benefit))).code is Code.ALREADY_POSTED
    assert (await books.settle(_wish(Kind.REDEEM, new_id()))).code is Code.TRANSFER_NOT_FOUND

    after = await books.books(program)
    assert (after.used_minor, after.held_minor, after.available_minor) == (80, 0, 20)
    async with db.platform_transaction(OPERATOR):
        view = await issuance.one(benefit)
        lines = await queries.of_issuance(benefit)
    assert view is not None
    assert (view.state, view.used_minor, view.released_minor) == (IssuanceState.REDEEMED, 80, 20)
    told = sorted((line.kind, line.amount_minor) for line in lines)
    assert told == [("redeem", 30), ("redeem", 80), ("revoke", 20), ("roll_back", 30)]
    assert await books.contradictions() == []


@pytest.mark.usefixtures("database")
async def test_a_use_and_its_rollback_leave_the_counters_as_they_were(tenant: Tenant) -> None:
    program = await books.make_program(AMOUNT)
    benefit = await _issued(tenant, program)
    before = await books.balance(program.pool_id)
    use = _wish(Kind.REDEEM, benefit)

    await books.settle(use)
    assert (await books.settle(_wish(Kind.ROLL_BACK, benefit, of=use.key))).code is Code.RECORDED

    assert await books.balance(program.pool_id) == before


@pytest.mark.usefixtures("database")
async def test_a_use_that_is_not_there_yet_is_taken_back_once_it_is(tenant: Tenant) -> None:
    program = await books.make_program(AMOUNT)
    benefit = await _issued(tenant, program)
    use = _wish(Kind.REDEEM, benefit, 30)
    back = _wish(Kind.ROLL_BACK, benefit, of=use.key)

    early = await books.settle(back)
    assert (early.code, early.is_new) == (Code.TRANSFER_NOT_FOUND, False)
    assert (await books.settle(use)).code is Code.RECORDED

    assert (await books.settle(back)).code is Code.RECORDED
    held = await books.books(program)
    assert (held.used_minor, held.held_minor) == (0, AMOUNT)


@pytest.mark.usefixtures("database")
async def test_i19_what_is_over_is_over_before_it_is_swept(tenant: Tenant) -> None:
    program = await books.make_program(3 * AMOUNT)
    ends, stays, used = [await _issued(tenant, program, ends=each) for each in (True, False, True)]
    await books.settle(_wish(Kind.REDEEM, used, 40))
    early = _wish(Kind.EXPIRE, ends)
    assert (await books.settle(early)).code is Code.NOT_A_HOLD

    late = await books.settle(_wish(Kind.REDEEM, ends), now=ENDS)
    async with db.platform_transaction(OPERATOR):
        due = set(await redemptions.lapsed(now=ENDS, limit=1_000))
        much_later = set(await redemptions.lapsed(now=ENDS + timedelta(days=9), limit=1_000))
    assert late.code is Code.ALREADY_EXPIRED
    assert {ends, used} <= due <= much_later
    assert stays not in much_later
    for each in (ends, used):
        assert (await books.settle(_wish(Kind.EXPIRE, each), now=ENDS)).code is Code.RECORDED
    async with db.platform_transaction(OPERATOR):
        views = [await issuance.one(each) for each in (ends, used, stays)]
    assert [view.state for view in views if view] == ["expired", "redeemed", "issued"]
    held = await books.books(program)
    assert (held.used_minor, held.held_minor, held.available_minor) == (40, 100, 160)


def _are_apart(tenant: Tenant, one: Program, other: Program) -> bool:
    """Say whether all accounts of one program come before those of the other."""
    ids = [
        {each.pool_id, names.issued_account(each.id, tenant.tenant_id, "CNY")}
        for each in (one, other)
    ]
    return max(ids[0]) < min(ids[1]) or max(ids[1]) < min(ids[0])


@pytest.mark.usefixtures("database")
async def test_a_sweep_and_an_agent_wait_for_each_other_in_one_order(tenant: Tenant) -> None:
    # Each of the one's accounts comes before each of the other's, since the agent takes them apart.
    programs = [await books.make_program(AMOUNT) for _ in range(2)]
    while not _are_apart(tenant, *programs):
        programs = [await books.make_program(AMOUNT) for _ in range(2)]
    low, high = sorted(programs, key=lambda each: each.pool_id)
    over = [await _issued(tenant, each, ends=True) for each in (high, low)]

    async def sweep() -> list[Code]:
        async with db.platform_transaction(OPERATOR):
            await redemptions.queue_up(over)
            return [(await books.settle(_wish(Kind.EXPIRE, each), now=ENDS)).code for each in over]

    async with db.tenant_transaction(tenant.tenant_id):
        await issuing.queue_up([(low.id, "CNY")], agent_id=tenant.tenant_id, now=NOW)
        sweeping = await waiting.meanwhile(sweep())
        await issuing.queue_up([(high.id, "CNY")], agent_id=tenant.tenant_id, now=NOW)

    assert await sweeping == [Code.RECORDED, Code.RECORDED]


@pytest.mark.usefixtures("wide_database")
async def test_a_benefit_is_never_used_twice_however_many_try(tenant: Tenant) -> None:
    program = await books.make_program(AMOUNT)
    benefit = await _issued(tenant, program)
    same = _wish(Kind.REDEEM, benefit, 30)

    answers = await asyncio.gather(
        *(books.settle(same) for _ in range(4)),
        *(books.settle(_wish(Kind.REDEEM, benefit, 30)) for _ in range(6)),
    )

    done = [answer for answer in answers if answer.is_new and answer.code is Code.RECORDED]
    assert len(done) == 3
    held = await books.books(program)
    assert (held.used_minor, held.held_minor) == (90, 10)
    assert len({answer.code for answer in answers[:4]}) == 1


@pytest.mark.usefixtures("database")
async def test_a_benefit_does_not_say_what_the_ledger_does_not(tenant: Tenant) -> None:
    program = await books.make_program(AMOUNT)
    benefit = await _issued(tenant, program)
    await books.settle(_wish(Kind.REDEEM, benefit, 30))

    for lie in (
        "used_minor = 40",
        "used_minor = 0",
        "released_minor = 10",
        "used_minor = 100, state = 'redeemed', settled_at = now()",
        "state = 'voided', settled_at = now()",
        "hold_id = id",
    ):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            async with db.platform_transaction(OPERATOR):
                await db.connection().execute(
                    f"UPDATE issuance SET {lie} WHERE id = $1",
                    benefit,
                )
