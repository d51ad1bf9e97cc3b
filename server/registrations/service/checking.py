"""The blind check (查重): is this customer free? One shape, the same statements, a budget.

A check is counted before anything is looked up, and stays counted whatever comes of it, so that
who asks at random learns at most as many answers as a day has. The same work is done whatever the
answer is, and it leaves after a time of its own. That somebody asked for a customer who does not
exist is found out afterwards, from what each check leaves behind alike.
"""

import asyncio
import random
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.kit import db, outbox
from server.registrations.queries import identities, rulebook
from server.registrations.rules import identity, states
from server.registrations.rules.states import Answer
from server.registrations.schemas import Check, Checked
from server.registrations.service import budget, registry
from sync_protocol.registering import OPEN, State

CHECKED: Final = "registrations.checked"
KEYS_ASKED: Final = 4
"""As many hashes are looked up each time, whatever was given; a record of a customer has more."""

ANSWERS_AFTER_S: Final = (0.015, 0.025)
"""Between these an answer leaves after its question, by chance: what little longer it takes to find
something than nothing is lost in it."""

_CHANCE: Final = random.SystemRandom()

_FIND: Final = """
SELECT e.tenant_id, e.state FROM registry_key k JOIN registry_entry e ON e.id = k.entry_id
WHERE k.key = ANY ($1::text[]) AND e.state = ANY ($2::text[])
UNION ALL
SELECT NULL, 'granted' FROM registry_honeytoken h
WHERE h.key = ANY ($1::text[]) AND (h.ends_at IS NULL OR h.ends_at > $3)
"""


async def check(actor: Actor, asked: Check, *, now: datetime) -> Checked:
    """Say whether a customer is free, somebody's, one's own, or being decided.

    :raises CheckQuota: the day's checks are used up; asking counts all the same.
    :raises BadUscc, BadPhone, IdentityMissing: naming the field; asking counts all the same.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    loop = asyncio.get_running_loop()
    leaves_at_s = loop.time() + _CHANCE.uniform(*ANSWERS_AFTER_S)
    by_person, by_agent, given = await _spend(actor, now)
    states.ensure_may_check(given, by_person=by_person, by_agent=by_agent)
    keys = identities.keys_asked(asked)
    # Hashes of nothing, so that a question for a phone looks like one for a whole shop.
    blanks = [f"{'0' * 30}{number:02x}" for number in range(KEYS_ASKED)]
    wanted = identity.padded(keys, to=KEYS_ASKED, blanks=blanks)
    async with db.job_transaction():
        rows = await db.connection().fetch(_FIND, wanted, sorted(OPEN), now)
        answer = _answer(actor.tenant_id, rows)
        told = {"tenant_id": str(actor.tenant_id), "keys": wanted}
        await outbox.add(CHECKED, told, tenant_id=None, now=now)
    await asyncio.sleep(max(0.0, leaves_at_s - loop.time()))
    return Checked(answer=answer, checks_left=given.checks_per_day_rep - by_person)


async def watch(tenant_id: UUID, keys: list[str], check_id: UUID, *, now: datetime) -> None:
    """Raise the alarm if a check was for a customer that does not exist. May run again."""
    async with db.job_transaction():
        if await registry.is_bait(keys, now=now):
            await registry.raise_alarm(tenant_id, check_id, now=now)


async def _spend(actor: Actor, now: datetime) -> tuple[int, int, Any]:
    """Count a check, for good; give how many the day has seen and the terms."""
    async with db.tenant_transaction(actor.tenant_id):
        by_person = await budget.count(actor.tenant_id, actor.user_id, now=now)
        by_agent = await budget.count(actor.tenant_id, actor.tenant_id, now=now)
        given = (await rulebook.terms_at(now)).terms
        if by_person == given.checks_per_day_rep:
            await audit.record(actor, "registration.checks_spent", subject_id=None, now=now)
    return by_person, by_agent, given


def _answer(tenant_id: UUID, rows: list[asyncpg.Record]) -> Answer:
    """Give the answer to what was found."""
    own = frozenset(row["tenant_id"] == tenant_id for row in rows)
    theirs = frozenset(State(row["state"]) for row in rows if row["tenant_id"] != tenant_id)
    return states.answer(own, theirs)
