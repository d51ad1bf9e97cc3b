"""What the platform sees agrees with the sum of its agents, names nobody, and is told to them."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from world.api import Json
from world.journey.cast import Cast
from world.journey.evidence import Evidence
from world.journey.patience import until
from world.terminal import yuan

_NAMES_LOOKED_FOR: Final = 50
_MEMORY_MIB: Final = 240
"""What web and worker processes may hold together after the journey."""


async def counts_agree(cast: Cast, found: Evidence) -> None:
    """Compare the platform's aggregate with what the tenants themselves list."""
    held = {
        str(company.agent.tenant_id): [
            item async for item in company.owner.every("/v1/customers", limit=100)
        ]
        for company in cast.companies
    }
    every = [item for listed in held.values() for item in listed]
    before = await _reads(cast)
    overview = await until(lambda: cast.staff.get("/v1/platform/overview"), _is_counted(every))
    found.note(customers_of_all_tenants=len(every), the_platform_counts=overview["customers"])
    found.expect("the platform counts what the tenants have", overview["customers"], len(every))
    k = overview["persons_min"]
    _expect_funnel(found, "all", overview["funnel"], every, k)
    for row in overview["agents"]:
        mine = held[row["tenant_id"]]
        found.expect(f"customers of {row['short_name']}", row["customers"], len(mine))
        _expect_funnel(found, row["short_name"], row["funnel"], mine, k)
    hidden = sum(cell["customers"] is None for row in overview["agents"] for cell in row["funnel"])
    _expect_line(found, "city", overview["cities"], every, k)
    _expect_line(found, "industry", overview["industries"], every, k)
    found.note(fewest_persons_shown=k, cells_hidden=hidden)
    _expect_nobody(found, overview, every)
    found.expect(
        "each agent sees that the platform looked",
        {key: count > before[key] for key, count in (await _reads(cast)).items()},
        dict.fromkeys(before, True),
    )


def _is_counted(every: list[Json]) -> Callable[[Json], bool]:
    """Say when a count has caught up with what the tenants list, each in its status."""
    truth = Counter(item["status"] for item in every)

    def has_caught_up(overview: Json) -> bool:
        shown = {cell["status"]: cell["customers"] for cell in overview["funnel"]}
        return overview["customers"] == len(every) and all(
            count in {None, truth[status]} for status, count in shown.items()
        )

    return has_caught_up


def _expect_funnel(
    found: Evidence, whose: str, funnel: list[Json], listed: list[Json], k: int
) -> None:
    """Expect every shown count to be the true one, and no count of few persons to be shown."""
    truth = Counter(item["status"] for item in listed)
    shown = {cell["status"]: cell["customers"] for cell in funnel if cell["customers"] is not None}
    found.expect(f"the funnel of {whose} is the sum", shown, {name: truth[name] for name in shown})
    found.expect(f"no cell of {whose} is of few persons", [c for c in shown.values() if c < k], [])


def _expect_line(found: Evidence, field: str, line: Json, every: list[Json], k: int) -> None:
    """Expect the counts by one value to be the true ones, with the rest folded together."""
    truth = Counter(item[field] or "" for item in every)
    shown = {count["value"]: count["customers"] for count in line["counts"]}
    found.note(**{f"counts_by_{field}": len(shown)})
    found.expect(f"counts by {field}", shown, {value: truth[value] for value in shown})
    found.expect(f"the rest by {field}", line["rest"] or 0, len(every) - sum(shown.values()))
    found.expect(f"no {field} of few persons", [c for c in shown.values() if c < k], [])


def _expect_nobody(found: Evidence, overview: Json, every: list[Json]) -> None:
    """Expect no customer's name, phone or credit code in what the platform gets."""
    text = str(overview)
    told = [
        item["id"]
        for item in every[:_NAMES_LOOKED_FOR]
        if any(item[field] and item[field] in text for field in ("id", "name", "phone", "uscc"))
    ]
    found.expect("no customer is named", told, [])


async def _reads(cast: Cast) -> dict[str, int]:
    """Count the platform's looks that each agent sees."""
    counts = {}
    for company in cast.companies:
        seen = [item async for item in company.owner.every("/v1/platform-reads")]
        counts[company.agent.short_name] = len(seen)
    return counts


async def issuances_agree(cast: Cast, found: Evidence) -> None:
    """Compare the platform's issuance records with the benefits that the tenants have."""
    program = cast.left["program"]
    benefits: dict[str, Json] = {}
    by_agent: Counter[str] = Counter()
    for company in cast.companies:
        async for item in company.owner.every("/v1/benefits/requests", state="issued"):
            benefits[item["id"]] = item
            by_agent[str(company.agent.tenant_id)] += 1
    assert cast.finance is not None, "the platform opens first"
    records = [item async for item in cast.finance.every("/v1/platform/issuances")]
    found.note(benefits_of_all_tenants=len(benefits), issuance_records=len(records))
    found.expect("as many records as benefits", len(records), len(benefits))
    recorded = Counter(record["agent_id"] for record in records)
    found.expect("each agent's records are its benefits", dict(recorded), dict(by_agent))
    worth = sum(record["amount_minor"] for record in records)
    promised = sum(item["amount_minor"] for item in benefits.values())
    found.expect("the amounts are the same", worth, promised)
    tokens = {record["customer_token"] for record in records}
    found.expect("each record has a customer of its own", len(tokens), len(records))
    known = {item["customer_id"] for item in benefits.values()}
    found.expect("no record names a customer", _named(records, known), [])
    totals = await cast.finance.get("/v1/platform/issuance-totals")
    found.expect("the totals are the records", _total(totals), (len(records), worth))
    stands = await cast.finance.get(f"/v1/platform/programs/{program.id}")
    found.note(budget=yuan(stands["funded_minor"]), promised=yuan(stands["held_minor"]))
    found.expect("the budget holds what was promised", stands["held_minor"], worth)
    found.expect(
        "nothing of the budget is lost",
        stands["available_minor"] + stands["held_minor"] + stands["used_minor"],
        stands["funded_minor"],
    )


def _named(records: list[Json], known: set[str]) -> list[str]:
    """List the customers whose id stands in a record."""
    text = str(records)
    return [customer_id for customer_id in known if customer_id in text]


def _total(totals: list[Mapping[str, Any]]) -> tuple[int, int]:
    """Add the totals up."""
    return sum(each["count"] for each in totals), sum(each["amount_minor"] for each in totals)


async def memory(cast: Cast, found: Evidence) -> None:
    """Measure the server's processes after all of this."""
    cast.stage.ensure_alive()
    measured = cast.stage.memory()
    held_mib = measured.pss_bytes / 2**20
    found.note(processes=measured.processes, together_mib=held_mib)
    found.expect_that(
        f"web and worker processes together hold less than {_MEMORY_MIB} MiB",
        holds=held_mib < _MEMORY_MIB,
        seen=f"{held_mib:.1f} MiB",
    )
