"""P7 to P11 on leads: taken in, listed, found and counted over HTTP, beside the bare stack."""

import random
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from benchmarks import channel
from benchmarks.channel import Company
from benchmarks.crm_work import Call, Sides, in_turn, settle
from benchmarks.figures import Figure
from benchmarks.machine import Machine
from benchmarks.wire import Wire
from server.kit import clock

_SINGLES: Final = 150
_BULKS: Final = 5
_PROBES: Final = 60
_LEADS: Final = "/v1/leads"


async def measure(machine: Machine, owner: Company, rng: random.Random, size: int) -> list[Figure]:
    """Load `size` leads on both sides, then measure everything."""
    async with Wire(machine.tonglu_url, owner.token) as ours, Wire(machine.floor_url) as floor:
        sides = Sides(ours, floor)
        made = [channel.customer(rng, clock.now()) for _ in range(size)]
        await _load(ours, made)
        await channel.load(floor, made, "/leads/batch")
        await settle(machine)
        return [
            await _one(sides, rng),
            await _thousand(sides, rng),
            *await _read(sides, rng, made),
        ]


def _as_lead(customer: dict[str, Any]) -> dict[str, Any]:
    """Send a customer of the floor as a lead."""
    kept = {name: customer[name] for name in ("id", "name", "phone", "city", "industry")}
    return {
        **kept,
        "need": customer["remark"],
        "amount_minor": customer["expected_revenue_minor"],
    }


async def _load(wire: Wire, made: Sequence[dict[str, Any]]) -> None:
    """Take leads in, a thousand at once."""
    for start in range(0, len(made), 1000):
        body = {"leads": [_as_lead(each) for each in made[start : start + 1000]]}
        (await wire.post(f"{_LEADS}/batch", msgspec.json.encode(body))).ensure()


async def _one(sides: Sides, rng: random.Random) -> Figure:
    """P7: one client, each lead judged against all the others."""

    async def ours(wire: Wire) -> None:
        lead = _as_lead(channel.customer(rng, clock.now()))
        (await wire.post(_LEADS, msgspec.json.encode(lead))).ensure()

    async def floor(wire: Wire) -> None:
        body = msgspec.json.encode(channel.customer(rng, clock.now()))
        (await wire.post("/leads", body)).ensure()

    mine, theirs = await in_turn(ours, floor, sides, _SINGLES)
    what = "take a lead in, 1 client"
    return Figure(goal="P7", what=what, unit="ms", ours=mine, floor=theirs, goal_ratio=2.0)


async def _thousand(sides: Sides, rng: random.Random) -> Figure:
    """P8: a thousand at once, judged, tagged and searchable on our side."""

    def thousand() -> list[dict[str, Any]]:
        return [channel.customer(rng, clock.now()) for _ in range(1000)]

    async def ours(wire: Wire) -> None:
        await _load(wire, thousand())

    async def floor(wire: Wire) -> None:
        await channel.load(wire, thousand(), "/leads/batch")

    mine, theirs = await in_turn(ours, floor, sides, _BULKS)
    what = "take 1,000 leads in"
    return Figure(goal="P8", what=what, unit="ms", ours=mine, floor=theirs, goal_ratio=250 / 150)


async def _read(sides: Sides, rng: random.Random, made: Sequence[dict[str, Any]]) -> list[Figure]:
    """P9 to P11: a filtered list by amount, a piece of a name, last digits, the board."""

    def getting(paths: Callable[[dict[str, Any]], str]) -> Call:
        async def call(wire: Wire) -> None:
            answer = (await wire.get(paths(rng.choice(made)))).ensure(200)
            assert len(answer.body) > 2, "nothing was found"  # noqa: PLR2004 - an empty list

        return call

    work: list[tuple[str, str, Callable[[Any], str], Callable[[Any], str], float]] = [
        (
            "P9",
            "list of 50 leads, city + state, by amount",
            lambda c: f"{_LEADS}?city={quote(c['city'])}&state=ready&sort=amount",
            lambda c: f"/leads?city={quote(c['city'])}&status={c['status']}",
            4.5 / 2.3,
        ),
        (
            "P10",
            "search leads by a piece of the name",
            lambda c: f"{_LEADS}?q={quote(c['name'][2:6])}&limit=20",
            lambda c: f"/leads/search?name={quote(c['name'][2:6])}",
            5 / 3.4,
        ),
        (
            "P10",
            "search leads by the last 7 digits",
            lambda c: f"{_LEADS}?q={c['phone'][-7:]}&limit=20",
            lambda c: f"/leads/search?digits={c['phone'][-7:]}",
            3.5 / 2.1,
        ),
    ]
    figures = []
    for goal, what, ours, floor, goal_ratio in work:
        mine, theirs = await in_turn(getting(ours), getting(floor), sides, _PROBES)
        figures.append(
            Figure(goal=goal, what=what, unit="ms", ours=mine, floor=theirs, goal_ratio=goal_ratio)
        )
    # The floor has no board: its list stands in, and is not compared.
    bare = getting(lambda c: f"/leads?city={quote(c['city'])}&status={c['status']}")
    board, _ = await in_turn(getting(lambda _: f"{_LEADS}/board"), bare, sides, _PROBES)
    figures.append(
        Figure(goal="P11", what="board numbers of the leads", unit="ms", ours=board, limit=2)
    )
    return figures
