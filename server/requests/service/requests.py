"""Requests as plain facts: called up and changed. What becomes of them is decided elsewhere."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET

from server.access import Actor, Permission, ensure
from server.changelog import service as changelog
from server.customers.saving import saved
from server.customers.schemas import Saved
from server.kit import clock, db, ids
from server.requests.kinds import WRITTEN
from server.requests.schemas import NewRequest, RequestEdit
from sync_protocol.messages import Create, Edit

_KIND: Final = "resource_request"


async def create(actor: Actor, new: NewRequest, *, now: datetime) -> Saved:
    """Call up help for a customer or one of its deals.

    :raises NotFound: the customer is not there, or out of sight.
    :raises RequestOfAnother: the deal is another customer's.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    request_id = new.id or ids.new_id(now)
    given = msgspec.to_builtins(new)
    op = Create(
        number=1,
        kind=_KIND,
        id=str(request_id),
        fields={name: value for name, value in given.items() if name != "id" and value is not None},
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now(),
    )
    async with db.tenant_transaction(actor.tenant_id):
        return saved(request_id, await changelog.write(actor, [op], kinds=WRITTEN, now=now))


async def edit(actor: Actor, request_id: UUID, change: RequestEdit, *, now: datetime) -> Saved:
    """Change what is asked for; what was sent to the platform stays as it was sent.

    :raises NotFound: it is not there, or out of sight.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    touched: dict[str, Any] = {
        name: value
        for name, value in msgspec.structs.asdict(change).items()
        if name != "base" and value is not UNSET
    }
    op = Edit(
        number=1,
        kind=_KIND,
        id=str(request_id),
        fields=touched,
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now() if change.base is None else change.base,
    )
    async with db.tenant_transaction(actor.tenant_id):
        return saved(request_id, await changelog.write(actor, [op], kinds=WRITTEN, now=now))
