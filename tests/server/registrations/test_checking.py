"""The blind check: one shape, one path, a budget; whoever guesses is noticed."""

import asyncio
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
from server.registrations.service import registry
from server.settings import Settings
from sync_protocol.registering import State
from tests.factories import NOW, Tenant, make_platform_actor, make_tenant
from tests.server.registrations.stories import DAY, SETTLED, decide, new_phone, register, work

OPERATOR = make_platform_actor()
BUDGET = Terms().checks_per_day_rep


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
