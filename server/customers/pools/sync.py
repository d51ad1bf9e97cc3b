"""What devices may ask of the pools: to pick a customer, and to give one up."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.customers.pools import service
from server.customers.pools.schemas import Release
from server.kit.errors import Invalid
from sync_protocol.messages import Intent

PICK: Final = "customers.pick"
"""The intent's name. `args`: customer_id."""
RELEASE: Final = "customers.release"
"""The intent's name. `args`: customer_id and pool_id."""


class _Pick(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    customer_id: UUID


class _Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    customer_id: UUID
    pool_id: UUID


async def pick(actor: Actor, intent: Intent, now: datetime) -> None:
    """Pick a customer inside the push's transaction, as API and portal do."""
    try:
        args = msgspec.convert(intent.args, _Pick)
    except msgspec.ValidationError as error:
        raise Invalid("A customer is picked with customer_id.", field="args") from error
    await service.pick(actor, args.customer_id, now=now)


async def release(actor: Actor, intent: Intent, now: datetime) -> None:
    """Give a customer up inside the push's transaction."""
    try:
        args = msgspec.convert(intent.args, _Release)
    except msgspec.ValidationError as error:
        detail = "A customer is released with customer_id and pool_id."
        raise Invalid(detail, field="args") from error
    await service.release(actor, args.customer_id, Release(pool_id=args.pool_id), now=now)


MUTATIONS: Final[Mapping[str, Callable[[Actor, Intent, datetime], Awaitable[None]]]] = {
    PICK: pick,
    RELEASE: release,
}
"""By name, what an intent calls."""
