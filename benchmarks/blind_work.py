"""M2: what a rival learns from blind checks and from a dump of the registry, by adversaries' means.

Answers are held against each other in pairs over HTTP: their time by a Kolmogorov-Smirnov test,
their shape byte by byte. A dictionary of phones is held against all tables of the registry, with
every hash that needs no key, and once with the key, to see that the attack finds what is there.
"""

import asyncio
import hashlib
import hmac
import math
import random
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

import msgspec

from benchmarks import channel
from benchmarks.channel import Company
from benchmarks.figures import Figure, Spread
from benchmarks.machine import Machine
from benchmarks.wire import Wire
from server.access import PLATFORM_TENANT, Actor, Role, Scope
from server.customers import service as customers
from server.customers.schemas import NewCustomer
from server.identity import keys
from server.kit import clock, db, ids
from server.registrations import service
from server.registrations.rules import identity
from server.registrations.rules.identity import Identity
from server.registrations.rules.terms import Terms
from server.registrations.schemas import NewRegistration, NewTerms
from world.journey.patience import until
from world.registering import worker

PAIRS: Final = 2_000
"""Of each comparison, as the issue asks."""
_PHONES: Final = 100
"""Of each sort; each is asked about many times."""
_DICTIONARY: Final = 10_000
_AT_ONCE: Final = 4
_MANY: Final = 1_000_000
_LEVEL: Final = 0.01
"""Below it two samples are called different."""
_AGO: Final = timedelta(days=40)
_CHECKS: Final = "/v1/registrations/checks"
_TABLES: Final = (
    *("registry_entry", "registry_key", "registry_honeytoken", "registry_alarm"),
    *("registry_case", "registry_party", "registry_evidence", "registry_verdict"),
)


class Asked(msgspec.Struct):
    """What came of asking about one sort of phones."""

    phones: list[str]
    taken_ms: list[float] = []
    bodies: set[bytes] = set()


async def measure(machine: Machine, rng: random.Random) -> list[Figure]:
    """Let two agents register, a third ask, and an adversary read the registry's tables."""
    await _allow_many(rng)
    one, other, asker = [await channel.company(machine, rng) for _ in range(3)]
    sorts = {
        "free": Asked(_phones(rng, _PHONES)),
        "one": Asked(await _registered(one, rng)),
        "other": Asked(await _registered(other, rng)),
    }
    async with Wire(machine.tonglu_url, asker.token) as wire:
        await _settled(wire, [phone for name in ("one", "other") for phone in sorts[name].phones])
    await _ask(machine, asker, sorts, rng)
    return [
        _distance("free against protected", sorts["free"], sorts["one"]),
        _distance("protected by one against by another", sorts["one"], sorts["other"]),
        _shape(sorts["one"], sorts["other"]),
        *await _dictionary([*sorts["one"].phones, *sorts["other"].phones], rng),
    ]


# ------------------------------------------------------------------------------------- beginning


async def _allow_many(rng: random.Random) -> None:
    """Publish terms under which so many may be asked and registered; a budget is not measured."""
    staff = Actor(
        user_id=ids.from_random(clock.now(), rng),
        tenant_id=PLATFORM_TENANT,
        role=Role.PLATFORM_OPERATOR,
        scope=Scope.TENANT,
    )
    begun = clock.now() - _AGO
    terms = Terms(
        per_day_rep=_MANY,
        per_day_agent=_MANY,
        checks_per_day_rep=_MANY,
        checks_per_day_agent=_MANY,
    )
    new = NewTerms(holds_from=begun, terms=terms)
    await service.set_terms(staff, new, now=begun)


def _phones(rng: random.Random, count: int) -> list[str]:
    """Draw phones that nobody has."""
    return [f"+861920{rng.randrange(10**7):07d}" for _ in range(count)]


async def _registered(company: Company, rng: random.Random) -> list[str]:
    """Let a company register shops forty days ago, so that they are protected by now."""
    begun, phones = clock.now() - _AGO, _phones(rng, _PHONES)
    for phone in phones:
        shop = await customers.create(
            company.actor, NewCustomer(name="福满楼", phone=phone), now=begun
        )
        await service.register(company.actor, NewRegistration(customer_id=shop.id), now=begun)
    # The server's worker does a part of it, and puts off what must wait for another part.
    await worker.work_until(clock.now() + timedelta(days=1))
    return phones


async def _settled(wire: Wire, phones: Sequence[str]) -> None:
    """Wait until the worker, which takes a part of the work, has done it."""
    for phone in phones:
        await until(partial(_check, wire, phone), lambda told: told["answer"] == "protected")


# ---------------------------------------------------------------------------------------- asking


async def _check(wire: Wire, phone: str) -> dict[str, object]:
    """Ask about a phone."""
    answer = (await wire.post(_CHECKS, msgspec.json.encode({"phone": phone}))).ensure()
    return dict(msgspec.json.decode(answer.body))


async def _ask(
    machine: Machine, asker: Company, sorts: dict[str, Asked], rng: random.Random
) -> None:
    """Ask about all sorts in an order that is drawn, a few at a time."""
    order = [name for name in sorts for _ in range(PAIRS)]
    rng.shuffle(order)

    async def ask_some(names: Iterable[str]) -> None:
        async with Wire(machine.tonglu_url, asker.token) as wire:
            for name in names:
                asked = sorts[name]
                body = msgspec.json.encode({"phone": rng.choice(asked.phones)})
                began = time.perf_counter()
                answer = (await wire.post(_CHECKS, body)).ensure()
                asked.taken_ms.append((time.perf_counter() - began) * 1_000)
                told = msgspec.json.decode(answer.body)
                asked.bodies.add(msgspec.json.encode({**told, "checks_left": 0}))

    await asyncio.gather(*(ask_some(order[part::_AT_ONCE]) for part in range(_AT_ONCE)))


def _distance(what: str, one: Asked, other: Asked) -> Figure:
    """Say how likely such times are if both sorts take equally long."""
    medians = [Spread.of(each.taken_ms).median for each in (one, other)]
    distance = kolmogorov_smirnov(one.taken_ms, other.taken_ms)
    p = p_value(distance, len(one.taken_ms), len(other.taken_ms))
    return Figure(
        goal="M2",
        what=f"time of answers, {what}",
        unit="KS p",
        ours=Spread.of([p]),
        at_least=_LEVEL,
        lower_is_better=False,
        notes=[
            f"D = {distance:.4f}, p = {p:.3g} over {PAIRS:,} pairs",
            f"medians {medians[0]:.3f} and {medians[1]:.3f} ms",
        ],
    )


def _shape(one: Asked, other: Asked) -> Figure:
    """Count the bodies by which protected by one and by another could be told apart."""
    apart = one.bodies ^ other.bodies
    return Figure(
        goal="M2",
        what="bodies that tell who protects",
        unit="of all",
        ours=Spread.of([len(apart)]),
        limit=0,
        notes=[body.decode() for body in sorted(one.bodies | other.bodies)],
    )


def kolmogorov_smirnov(one: Sequence[float], other: Sequence[float]) -> float:
    """Give the largest distance between two empirical distributions."""
    first, second = sorted(one), sorted(other)
    return max(
        abs(bisect_right(first, at) / len(first) - bisect_right(second, at) / len(second))
        for at in (*first, *second)
    )


def p_value(distance: float, one: int, other: int) -> float:
    """Give how likely so large a distance is among samples of one distribution, asymptotically.

    After Stephens, "Use of the Kolmogorov-Smirnov, Cramer-von Mises and related statistics" (1970).
    """
    root = math.sqrt(one * other / (one + other))
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.2:  # noqa: PLR2004 - there the series converges slowly, to 1
        return 1.0
    terms = ((-1.0) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, 2 * math.fsum(terms)))


# --------------------------------------------------------------------------------------- reading


async def _dictionary(known: Sequence[str], rng: random.Random) -> list[Figure]:
    """Look for a dictionary of phones, some of which are registered, in a dump of the registry."""
    dump = await _dump()
    guesses = [*known, *_phones(rng, _DICTIONARY - len(known))]
    without = sum(any(_is_in(dump, told) for told in _unkeyed(phone)) for phone in guesses)
    key = keys.current().registry
    found = sum(
        _is_in(dump, identity.keys_of(Identity(phones=(phone,)), key=key)[0].encode())
        for phone in guesses
    )
    return [
        Figure(
            goal="M2",
            what="phones of a dictionary found in the registry without its key",
            unit=f"of {_DICTIONARY:,}",
            ours=Spread.of([without]),
            limit=0,
            notes=[f"{len(dump):,} bytes of dump; {len(_HASHES)} ways to hash without a key"],
        ),
        Figure(
            goal="M2",
            what="found with the key, so that the attack is one",
            unit=f"of {len(known)}",
            ours=Spread.of([found]),
            at_least=len(known),
            lower_is_better=False,
        ),
    ]


async def _dump() -> bytes:
    """Read everything that the registry holds, as whoever stole it would."""
    parts = []
    async with db.job_transaction():
        for table in _TABLES:
            rows = await db.connection().fetch(f"SELECT * FROM {table}")
            parts += [str(tuple(row)) for row in rows]
    return "\n".join(parts).encode()


_HASHES: Final[Sequence[Callable[[bytes], bytes]]] = (
    lambda text: text.hex().encode(),
    *(
        lambda text, name=name: hashlib.new(name, text).hexdigest()[:32].encode()
        for name in ("md5", "sha1", "sha256", "sha512", "blake2b")
    ),
    lambda text: hmac.digest(b"", text, "sha256")[:16].hex().encode(),
    lambda text: hmac.digest(b"tonglu registry", text, "sha256")[:16].hex().encode(),
)
"""What can be computed of a phone by anybody."""


def _unkeyed(phone: str) -> Iterable[bytes]:
    """Give everything that a phone may stand as where no key was used."""
    for text in (phone, phone[-11:], f"phone\0{phone}", f"tonglu registry\0phone\0{phone}"):
        yield text.encode()
        for hashed in _HASHES:
            yield hashed(text.encode())


def _is_in(dump: bytes, told: bytes) -> bool:
    """Say whether it stands anywhere in a dump."""
    return told in dump
