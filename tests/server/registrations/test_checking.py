"""The blind check: one shape, one path, a budget; whoever guesses is noticed."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import pytest

from server.customers.rules.identifiers import BadPhone
from server.identity import keys
from server.kit import db
from server.registrations import queries, service
from server.registrations.queries import identities
from server.registrations.rules.identity import IdentityMissing
from server.registrations.rules.states import Answer, BaitIsSomebody, CheckQuota
from server.registrations.rules.terms import Terms
from server.registrations.schemas import Check, Checked, Honeytoken
from server.registrations.service import budget, registry
from server.settings import Settings
from sync_protocol.registering import State
from tests.factories import NOW, Tenant, make_platform_actor, make_tenant
from tests.server.registrations.stories import (
    DAY,
    SETTLED,
    at,
    decide,
    new_phone,
    register,
    seen,
    work,
)

OPERATOR = make_platform_actor()
BUDGET = Terms().checks_per_day_rep
OF_ALL = Terms().checks_per_day_agent
TOLD = SETTLED + Terms().settles_after + registry.GRACE
"""When who registers at `SETTLED`, and is told no sooner, is told."""


@pytest.fixture(scope="module")
async def rivals(database: Settings) -> list[Tenant]:
    """Three agents that compete."""
    keys.open_keys(database)
    return [await make_tenant() for _ in range(3)]


async def ask(tenant: Tenant, phone: str, *, day: int = 0) -> Checked:
    """Ask about a phone, as somebody who has not asked yet."""
    rep = tenant.actor(tenant.rep.role)
    return await service.check(rep, Check(phone=phone), now=SETTLED + day * DAY)


@contextmanager
def watched() -> Iterator[list[str]]:
    """Watch what every connection is asked."""
    statements: list[str] = []
    execute = asyncpg.Connection._execute

    async def passing(self: object, query: str, *args: object, **more: object) -> object:
        statements.append(query)
        return await execute(self, query, *args, **more)

    asyncpg.Connection._execute = passing
    try:
        yield statements
    finally:
        asyncpg.Connection._execute = execute


async def test_m2_a_check_says_free_protected_yours_or_ask_and_nothing_else(
    rivals: list[Tenant],
) -> None:
    """By the same statements, in the same shape; of whom it is, nothing."""
    asker, one, other = rivals
    mine, theirs, others, open_, free = (new_phone() for _ in range(5))
    for agent, phone in ((asker, mine), (one, theirs), (other, others)):
        await register(agent.rep, phone)
    await work(SETTLED)
    await register(one.rep, open_, now=SETTLED)
    await work(SETTLED)
    await ask(asker, free)

    told, paths = [], []
    for phone in (mine, theirs, others, open_, free):
        with watched() as statements:
            told.append(await ask(asker, phone))
        paths.append(statements)

    assert [each.answer for each in told] == [
        *(Answer.YOURS, Answer.PROTECTED, Answer.PROTECTED, Answer.ASK, Answer.FREE),
    ]
    assert told[1] == told[2], "protected by one and by the other are one answer"
    assert all(path == paths[0] for path in paths)
    assert len(paths[0]) > 3


async def test_m2_with_a_budget_of_b_checks_one_learns_b_answers(rivals: list[Tenant]) -> None:
    """What was refused counts too; tomorrow there is a new day, and a company has a limit."""
    agent = await make_tenant()
    answers = 0
    for number in range(2 * BUDGET):
        asked = Check(phone=new_phone()) if number % 2 else Check(phone="12")
        try:
            answers += bool(await service.check(agent.rep, asked, now=NOW))
        except (BadPhone, CheckQuota):
            continue
    assert answers == BUDGET / 2
    with pytest.raises(CheckQuota):
        await service.check(agent.rep, Check(phone=new_phone()), now=NOW)
    with pytest.raises(IdentityMissing):
        await service.check(agent.rep, Check(name="福满楼"), now=NOW + DAY)

    left = Terms().checks_per_day_agent - 1
    for _ in range(left):
        await ask(agent, new_phone(), day=1)
    # One more was spent today by the agent's own rep, of another day than the story's.
    await ask(agent, new_phone(), day=1)
    with pytest.raises(CheckQuota):
        await ask(agent, new_phone(), day=1)


async def test_a_customer_that_does_not_exist_raises_an_alarm(rivals: list[Tenant]) -> None:
    """It answers like any protected one, and the platform's people hear who asked."""
    bait = new_phone()
    await service.lay_bait(OPERATOR, Honeytoken(phone=bait), now=NOW)
    await work(NOW)

    told = await ask(rivals[0], bait)
    refused = await register(rivals[1].rep, bait, now=SETTLED)
    await work(SETTLED)

    assert told.answer is Answer.PROTECTED
    heard = {each.agent_id for each in await queries.alarms(OPERATOR, now=SETTLED)}
    assert {rivals[0].tenant_id, rivals[1].tenant_id} <= heard
    assert rivals[2].tenant_id not in heard
    view = await queries.one(rivals[1].rep, refused, now=SETTLED)
    assert (view.state, view.reason, view.verbs) == (State.REFUSED, "live", ["contest"])
    await decide(rivals[1].rep, refused, "contest", now=SETTLED)
    await work(SETTLED)
    case = await queries.of_registration(rivals[1].rep, refused, now=SETTLED)
    assert [each.is_protected for each in case.parties].count(True) == 1
    taken = new_phone()
    await register(rivals[2].rep, taken, now=SETTLED)
    await work(SETTLED)
    with pytest.raises(BaitIsSomebody):
        await service.lay_bait(OPERATOR, Honeytoken(phone=taken), now=SETTLED)
    async with db.job_transaction():
        key = identities.honeytoken(bait)
        ends = [await registry.is_bait([key], now=NOW + day * DAY) for day in (364, 366)]
    assert ends == [True, False]


async def test_m2_registering_at_random_spends_the_days_answers(rivals: list[Tenant]) -> None:
    """A refusal tells as much as a check."""
    phone, rep = new_phone(), rivals[1].actor(rivals[1].rep.role, scope=rivals[1].owner.scope)
    await register(rivals[0].rep, phone)
    await work(SETTLED)
    before = await service.check(rep, Check(phone=new_phone()), now=SETTLED + 20 * DAY)
    await register(rep, phone, now=SETTLED + 20 * DAY)
    await work(SETTLED + 20 * DAY)
    after = await service.check(rep, Check(phone=new_phone()), now=SETTLED + 20 * DAY)

    assert after.checks_left == before.checks_left - 2


async def test_no_agents_transaction_reaches_the_registry(rivals: list[Tenant]) -> None:
    """Its role has no right to a table of it."""
    for table in ("registry_entry", "registry_key", "registry_case", "registry_verdict"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await _look(rivals[0], table)


async def _look(tenant: Tenant, table: str) -> None:
    async with db.tenant_transaction(tenant.tenant_id):
        await db.connection().fetch(f"SELECT * FROM {table}")


async def test_m2_people_who_ask_at_once_share_what_is_left_of_the_day() -> None:
    """Eight at the last answer but one get one."""
    agent = await make_tenant()
    spent = Terms().checks_per_day_agent - 1
    while spent:
        rep = agent.actor(agent.rep.role)
        share, spent = min(spent, BUDGET), max(spent - BUDGET, 0)
        for _ in range(share):
            await service.check(rep, Check(phone=new_phone()), now=SETTLED)

    answers = await asyncio.gather(
        *(ask(agent, new_phone()) for _ in range(8)), return_exceptions=True
    )

    assert [isinstance(each, CheckQuota) for each in answers].count(False) == 1


async def spend(agent: Tenant, answers: int = OF_ALL) -> None:
    """Let a company ask until its day's answers are spent."""
    async with db.tenant_transaction(agent.tenant_id):
        taken = [
            await budget.take(agent.tenant_id, most=OF_ALL, now=SETTLED) for _ in range(answers)
        ]
    assert all(taken)


async def protect(agent: Tenant, count: int) -> list[str]:
    """Let somebody have as many customers protected."""
    phones = [new_phone() for _ in range(count)]
    for phone in phones:
        await register(agent.actor(agent.rep.role), phone)
    await work(SETTLED)
    return phones


@pytest.mark.parametrize("seed", [1, 2])
async def test_m2_checks_and_registrations_together_tell_b_answers(
    rivals: list[Tenant], seed: int
) -> None:
    """In whatever order: after B questions nothing tells whether somebody is there."""
    rng = random.Random(seed)
    theirs = await protect(rivals[0], 8)
    rival, answers = await make_tenant(), 0
    await spend(rival, OF_ALL - 8)
    for _ in range(16):
        is_protected = rng.random() < 0.5
        phone = rng.choice(theirs) if is_protected else new_phone()
        if rng.random() < 0.4:
            try:
                told = (await ask(rival, phone)).answer
            except CheckQuota:
                assert answers >= 8
                continue
            assert told is (Answer.PROTECTED if is_protected else Answer.FREE)
        else:
            asked = await register(rival.actor(rival.rep.role), phone, now=SETTLED)
            await work(SETTLED)
            view = await seen(rival.owner, asked, now=SETTLED)
            is_seen = is_protected and answers < 8
            assert view.state is (State.REFUSED if is_seen else State.CHECKING)
        answers += 1


async def test_m2_a_burst_of_registrations_and_checks_tells_b_answers(
    rivals: list[Tenant],
) -> None:
    """All are registered and asked for before the worker has seen one."""
    theirs = await protect(rivals[1], 13)
    rival = await make_tenant()
    await spend(rival, OF_ALL - 10)
    made = [
        await register(rival.actor(rival.rep.role), phone, now=SETTLED) for phone in theirs[:12]
    ]
    with pytest.raises(CheckQuota):
        await ask(rival, theirs[12])
    await work(SETTLED)
    views = [await seen(rival.owner, each, now=SETTLED) for each in made]

    assert [each.state for each in views].count(State.REFUSED) == 10


async def test_m2_what_is_not_told_today_looks_free_until_the_windows_end() -> None:
    """Then it is told, and may be contested; nobody stands in line by not having been told."""
    holder, rival, newcomer = [await make_tenant() for _ in range(3)]
    phones = [new_phone() for _ in range(4)]
    held = [await register(holder.rep, phone) for phone in phones[:3]]
    await work(SETTLED)
    await spend(rival)
    made = [at(NOW - DAY), None, None, None]
    asked = [
        await register(rival.rep, phone, made=when, now=SETTLED)
        for phone, when in zip(phones, made, strict=True)
    ]
    disputed, left, given, free = asked
    await work(SETTLED)
    shapes = {
        (
            *(view.state, view.state_since, view.decides_at, view.reason, view.contest_until),
            *(view.case_id, view.evidence_until, view.protected_until, *view.verbs),
        )
        for view in [await seen(rival.rep, each, now=SETTLED) for each in asked]
    }
    assert len(shapes) == 1, "one shape, whatever stands there"

    later = SETTLED + DAY
    await decide(rival.rep, given, "release", now=later)
    await decide(holder.rep, held[1], "release", now=later)
    await work(later)
    next_ = await register(newcomer.rep, phones[1], now=later)
    await work(later)
    assert (await seen(rival.rep, given, now=later)).state is State.RELEASED
    assert (await seen(rival.rep, left, now=later)).state is State.CHECKING
    await work(TOLD)

    states = [(await seen(rival.rep, each, now=TOLD)).state for each in asked]
    assert states == [State.REFUSED, State.REFUSED, State.RELEASED, State.GRANTED]
    await work(TOLD + DAY)
    assert (await seen(newcomer.rep, next_, now=TOLD + DAY)).state is State.GRANTED
    view = await decide(rival.rep, disputed, "contest", now=TOLD + DAY)
    await work(TOLD + DAY)
    case = await queries.of_registration(rival.rep, disputed, now=TOLD + DAY)
    assert view.state is State.CONTESTED
    assert [each.is_protected for each in case.parties].count(True) == 1
    assert (await seen(rival.rep, free, now=TOLD)).protected_until is not None
