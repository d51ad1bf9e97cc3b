"""The hot budget as people meet it: 64 of several companies request at once, over HTTP."""

import asyncio
import random
import statistics
import time
from itertools import cycle, islice
from typing import Final
from uuid import UUID

import msgspec

from benchmarks import channel
from benchmarks.channel import Company
from benchmarks.figures import Figure, Spread
from benchmarks.machine import Machine
from benchmarks.wire import Wire
from server.access import PLATFORM_TENANT, Actor, Role, Scope
from server.benefits import service as benefits
from server.benefits.schemas import NewFunding, NewProgram
from server.kit import clock, ids

_OPERATOR: Final = Actor(
    user_id=PLATFORM_TENANT,
    tenant_id=PLATFORM_TENANT,
    role=Role.PLATFORM_OPERATOR,
    scope=Scope.TENANT,
)
_COMPANIES: Final = 8
_CALLERS: Final = 64
_CUSTOMERS: Final = 80
"""Of each company; each gets one benefit."""
_WORTH: Final = 100


async def measure(machine: Machine, rng: random.Random) -> list[Figure]:
    """Request a benefit for every customer from a budget that is enough for half of them."""
    companies = [await channel.company(machine, rng) for _ in range(_COMPANIES)]
    wanted = _COMPANIES * _CUSTOMERS
    program = await _program(wanted // 2, rng)
    lines = [(each, await _customers(machine, each, rng)) for each in companies]
    rate, waits, issued = await _request(machine, lines, program, rng)
    assert issued == wanted // 2, f"{issued} of a budget of {wanted // 2}"
    return [
        Figure(
            goal="B2",
            what=f"requests a second over HTTP, {_CALLERS} callers of one budget",
            unit="/s",
            ours=Spread.of([rate]),
            lower_is_better=False,
            notes=[
                f"exactly the budget was issued: {issued:,} of {wanted:,} requests",
                f"in the middle a caller waits {1_000 * statistics.median(waits):.0f} ms",
                f"1 of 100 waits {1_000 * statistics.quantiles(waits, n=100)[-1]:.0f} ms",
            ],
        )
    ]


async def _program(enough_for: int, rng: random.Random) -> UUID:
    """Open a program with money for so many benefits."""
    now = clock.now()
    program, funding = (ids.from_random(now, rng) for _ in range(2))
    new = NewProgram(id=program, name=f"压测 {program.hex[-8:]}", amount_minor=_WORTH, opens_at=now)
    await benefits.create_program(_OPERATOR, new, token_key=rng.randbytes(32), now=now)
    money = NewFunding(id=funding, amount_minor=enough_for * _WORTH)
    await benefits.fund(_OPERATOR, program, money, now=now)
    return program


async def _customers(machine: Machine, company: Company, rng: random.Random) -> list[str]:
    """Give a company customers."""
    made = [channel.customer(rng, clock.now()) for _ in range(_CUSTOMERS)]
    async with Wire(machine.tonglu_url, company.token) as wire:
        await channel.load(wire, made, "/v1/customers/batch")
    return [str(each["id"]) for each in made]


async def _request(
    machine: Machine,
    lines: list[tuple[Company, list[str]]],
    program: UUID,
    rng: random.Random,
) -> tuple[float, list[float], int]:
    """Let callers request until no customer is left.

    :param lines: the companies, each with the customers that its callers request for.
    :returns: requests a second, how long each waited in seconds, and how many were issued.
    """
    waits: list[float] = []
    statuses: list[int] = []

    async def caller(company: Company, customers: list[str]) -> None:
        async with Wire(machine.tonglu_url, company.token) as wire:
            while customers:
                asked = {
                    "id": ids.from_random(clock.now(), rng),
                    "customer_id": customers.pop(),
                    "program_id": program,
                }
                begun = time.perf_counter()
                answer = await wire.post("/v1/benefits/requests", msgspec.json.encode(asked))
                waits.append(time.perf_counter() - begun)
                statuses.append(answer.ensure(201, 409).status)

    begun = time.perf_counter()
    await asyncio.gather(*(caller(*line) for line in islice(cycle(lines), _CALLERS)))
    return len(waits) / (time.perf_counter() - begun), waits, statuses.count(201)
