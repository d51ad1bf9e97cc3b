"""What an agent's sharing contract leaves out reaches the platform nowhere."""

from typing import Any, get_args
from uuid import UUID

import msgspec
import pytest
from litestar import Litestar
from structlog.testing import capture_logs

from server import app as server_app
from server.access import Actor
from server.channel import glass, queries
from server.channel.schemas import AgentRow
from server.kit import db
from server.partners import service as partners
from server.partners.rules.sharing import STANDARD, Shared
from server.partners.schemas import NewContract
from server.settings import Settings
from tests.factories import NOW
from tests.server.channel.stories import admitted, jobs_done, owner_of, with_customers

AGENT = UUID(int=0xA9E27)
PLANTED = {
    Shared.CUSTOMERS_BY_STATUS: f'"agent_id":"{AGENT}"',
    Shared.CUSTOMERS_BY_CITY: "偏远城",
    Shared.CUSTOMERS_BY_INDUSTRY: "制香业",
    Shared.DEVICES: '"devices":7',
    Shared.PENDING: '"pending":8461',
    Shared.LAST_SYNC: '"last_sync_at":"',
}
"""What of this agent nobody else has: where it is read, the agent was seen."""
_HEALTH = """
UPDATE agent_health SET devices = devices * 0 + 7, pending = pending * 0 + 8461, last_sync_at =
    CASE WHEN $3 THEN $2::timestamptz END
WHERE tenant_id = $1
"""


async def agreed(operator: Actor, agent: UUID, fields: frozenset[Shared], version: int) -> None:
    """Let a contract hold from now on."""
    new = NewContract(version=version, fields=sorted(fields))
    await partners.offer_contract(operator, agent, new, now=NOW)
    await partners.accept_contract(owner_of(agent), version, now=NOW)


async def seen(operator: Actor) -> str:
    """Give all that the platform's looks at the channel and its tables say, as text."""
    looks: list[Any] = [
        await queries.overview(operator, now=NOW),
        await queries.agents(operator, now=NOW),
    ]
    async with db.platform_transaction(operator):
        for table in ("released_cell", "agent_health"):
            looks += map(dict, await db.connection().fetch(f"SELECT * FROM {table}"))
    return msgspec.json.encode(looks).decode()


async def told_of_devices(agent: UUID, fields: frozenset[Shared] = STANDARD) -> None:
    """Let the agent have devices; counts that were not told stay untold."""
    async with db.job_transaction():
        await db.connection().execute(_HEALTH, agent, NOW, Shared.LAST_SYNC in fields)


async def test_m4_a_field_that_the_contract_leaves_out_is_nowhere(operator: Actor) -> None:
    """Field by field: what was there is gone, in answers, tables and logs; all else stays."""
    agent = await admitted(operator, "诚远商贸", AGENT)
    other = await admitted(operator, "同行商贸")
    await with_customers(agent, "signed", 373, city="偏远城", industry="制香业")
    await with_customers(other, "signed", 500, city="杭州", industry="餐饮")
    await with_customers(other, "need", 400, city="宁波", industry="零售")
    await jobs_done()
    await told_of_devices(agent)
    text = await seen(operator)
    assert all(planted in text for planted in PLANTED.values())

    with capture_logs() as lines:
        for version, field in enumerate(Shared, 1):
            await agreed(operator, agent, STANDARD - {field}, version)
            # Of the agent's own row at once; of the sums once the worker has counted.
            mine = await queries.agent(operator, agent, now=NOW)
            for (struct, name), contract in glass.CONTRACT.items():
                value = getattr(mine, name)
                if struct is AgentRow and contract is field:
                    assert value is None or {each.customers for each in value} == {None}
            assert mine.withheld == [field]
            await jobs_done()
            await told_of_devices(agent, STANDARD - {field})
            text = await seen(operator)
            for each, planted in PLANTED.items():
                assert (planted in text) == (each is not field)
            theirs = await queries.agent(operator, other, now=NOW)
            assert (theirs.customers, theirs.withheld) == (900, [])

    assert not any(each in str(lines) for each in ("偏远城", "制香业", "373"))
    async with db.job_transaction():
        held = await db.connection().fetch(
            "SELECT dimension FROM channel_tally WHERE tenant_id = $1", agent
        )
    assert {row["dimension"] for row in held} == {"status", "city", "industry"}


async def test_m4_without_a_contract_nothing_of_it_leaves_the_agents_rows(
    operator: Actor,
) -> None:
    agent = await admitted(operator, "诚远商贸", AGENT)
    await with_customers(agent, "signed", 373, city="偏远城", industry="制香业")
    await jobs_done()
    await told_of_devices(agent)

    await agreed(operator, agent, frozenset(), 1)
    await jobs_done()

    text = await seen(operator)
    assert not any(planted in text for planted in PLANTED.values())
    async with db.job_transaction():
        assert await db.connection().fetchval("SELECT count(*) FROM channel_tally") == 0
    mine = await queries.released(owner_of(agent))
    assert not any(each.is_seen for each in mine if each.contract is not None)


@pytest.fixture
def app(database: Settings) -> Litestar:
    """The API."""
    return server_app.create_app(database)


def test_m4_the_list_of_what_is_seen_is_whole(app: Litestar) -> None:
    """Each route by which the platform reads of agents answers with what the list names."""
    named = {struct for structs in glass.LOOKS.values() for struct in structs}
    own = {
        "ProgramView",
        "HolderView",
        "TerritoryView",
        "Overview",
        "Figures",
        "RulesView",
        "RulesTried",
        "HouseView",
        "PlanVersion",
        "BatchRow",
        "OfferRow",
        "TaxOwed",
        "PeriodRow",
        "PeriodFile",
        "RunView",
        "ExportJob",
        "NumberRange",
        "Replaced",
        "Tie",
        "Chart",
        "ChartAccount",
        "PostingRule",
        "VoucherTemplate",
        "SignalRecord",
        "GuardsView",
        "NewSheetMap",
        "SheetView",
    }
    for route in app.routes:
        if not route.path.startswith("/v1/platform/"):
            continue
        for handler in getattr(route, "route_handlers", ()):
            if "GET" in handler.http_methods:
                for struct in _structs(handler.parsed_fn_signature.return_type.annotation):
                    assert struct in named or struct.__name__ in own, (route.path, struct)


def _structs(kind: Any) -> set[type[msgspec.Struct]]:
    """Find the structs in what a route answers."""
    inside = set().union(*(_structs(each) for each in get_args(kind)))
    is_view = isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    return inside | ({kind} if is_view and not get_args(kind) else set())
