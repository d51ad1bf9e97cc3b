"""What travels: every kind of record and every named mutation."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final

from server.access import Actor
from server.activities import sync as activities
from server.attachments import sync as attachments
from server.benefits import sync as benefits
from server.cases import sync as cases
from server.changelog.conflicts import CONFLICT
from server.changelog.kinds import RecordKind
from server.contracts import sync as contracts
from server.customers import sync as customers
from server.customers.pools import sync as pools
from server.kit.errors import Refusal
from server.leads import sync as leads
from server.pipeline import sync as pipeline
from server.registrations import sync as registrations
from server.requests import sync as requests
from server.sales import sync as sales
from sync_protocol.merge import EditClock
from sync_protocol.messages import Intent
from sync_protocol.schema import SCHEMA

Answer = Refusal | dict[str, Any] | None
"""What came of an intent: a refusal, or what its outcome tells the device beside."""

Mutation = Callable[[Actor, Intent, datetime], Awaitable[Answer]]
"""Do what an intent asks, in the open transaction.

A refusal that is raised undoes the intent; one that is given back leaves what the room wrote down.
"""

TimedMutation = Callable[[Actor, Intent, EditClock, datetime], Awaitable[Refusal | None]]
"""The same, told what is known of the time at which the device asked, where that decides."""

_ROOMS: Final = {
    kind.name: kind
    for kind in (
        *customers.KINDS,
        *activities.KINDS,
        *leads.KINDS,
        *pipeline.KINDS,
        *sales.KINDS,
        *contracts.KINDS,
        *registrations.KINDS,
        *cases.KINDS,
        *requests.KINDS,
        *attachments.KINDS,
        CONFLICT,
    )
}

KINDS: Final[dict[str, RecordKind]] = {
    name: _ROOMS[name] for name in SCHEMA.kinds() if name in _ROOMS
}
"""By name, parents before children: the order of a snapshot."""

Preparation = Callable[[Actor, Sequence[Intent], datetime], Awaitable[None]]
"""Do what the intents of a push want done before the first of them, in the open transaction."""

MUTATIONS: Final[dict[str, Mutation]] = {
    benefits.REQUEST: benefits.request,
    benefits.LEASE: benefits.lease,
    **pools.MUTATIONS,
    leads.ACCEPT: leads.accept,
    leads.RETURN: leads.give_back,
    activities.APPEAL: activities.appeal,
    activities.ASSIGN: activities.assign,
    **pipeline.MUTATIONS,
    **sales.MUTATIONS,
    **contracts.MUTATIONS,
    **registrations.MUTATIONS,
    **cases.MUTATIONS,
    **requests.MUTATIONS,
}
"""By name, ``noun.verb``."""

TIMED: Final[dict[str, TimedMutation]] = {**registrations.TIMED}
"""By name, those for which it counts when they were asked."""

PREPARATIONS: Final[Sequence[Preparation]] = (benefits.prepare,)
"""Locks that several intents need are taken together, and in one order."""
