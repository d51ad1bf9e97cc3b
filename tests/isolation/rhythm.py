"""Rules and their sources of the two companies that must never meet."""

from typing import Any, Final
from uuid import UUID

import msgspec

from server.activities import service as activities
from server.activities.schemas import CallOutcome, NewCall
from server.agenda import service as agenda
from server.agenda.schemas import NewFeed
from server.automation.plays import service as plays
from server.automation.plays.rules import PlayTerms
from server.automation.plays.schemas import NewPlay
from server.automation.signals import service as signals
from server.automation.signals.schemas import NewSignal, NewSignalSource
from server.kit import clock
from tests.factories import Tenant, new_id

CLOCK: Final = {
    "warn": "2", "manager": "0", "owner": "9", "opens": "09:00", "closes": "18:00",
    "weekdays": ["0", "1", "2"], "keeps_holidays": "1",
}  # fmt: skip
"""The clock of must-do tasks, as its form sends it."""


def terms(name: str) -> dict[str, Any]:
    """Write what a rule says, with a text in every field."""
    return {
        "name": name,
        "trigger": {"kind": "event", "event": "login"},
        "action": {"kind": "task", "title": f"{name}的任务", "detail": f"{name}的说明"},
    }


def form(name: str) -> dict[str, str]:
    """Write the same as a form sends it."""
    return {
        "name": name,
        "trigger": "event",
        "event": "login",
        "days": "0",
        "action": "task",
        "title": f"{name}的任务",
        "to": "owner",
        "due_hours": "24",
        "tenure_days": "365",
        "again_days": "30",
        "act": "publish",
    }


async def new_play(tenant: Tenant, name: str, customer_id: UUID) -> UUID:
    """Publish a rule that has acted on a customer."""
    now, said = clock.now(), msgspec.convert(terms(name), PlayTerms)
    made = await plays.publish(tenant.manager, NewPlay(terms=said), now=now)
    told = NewSignal(event="login", event_id=new_id().hex, customer_id=customer_id, happened_at=now)
    await signals.tell(tenant.owner, told, now=now)
    return made.id


async def new_source(tenant: Tenant, name: str) -> UUID:
    """Let a system tell of the company's customers."""
    made = await signals.open_source(tenant.manager, NewSignalSource(name=name), now=clock.now())
    return made.source.id


async def new_call(tenant: Tenant, name: str, customer_id: UUID) -> UUID:
    """Write a call down in which somebody asked not to be called again."""
    now = clock.now()
    new = NewCall(outcome=CallOutcome.OPTED_OUT, duration_s=60, note=name)
    made = await activities.add_call(tenant.rep, customer_id, new, now=now)
    await activities.heed_opt_outs(tenant.tenant_id, [str(made.id)], now=now)
    return made.id


async def make_feeds(tenant: Tenant) -> None:
    """Give everybody a calendar."""
    for person in (tenant.owner, tenant.manager, tenant.rep):
        await agenda.make_feed(person, NewFeed(), token=new_id().hex, now=clock.now())
