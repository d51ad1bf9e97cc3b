"""Two customers beside each other before they are merged, or told apart. Changes no customer."""

from collections import Counter
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.changelog import storage
from server.customers.rules import masks
from server.kit import db
from server.kit.errors import NotFound
from server.sync.merge_rows import ROWS
from server.sync.merging import MergeWithItself, mergeable
from server.sync.registry import KINDS
from server.sync.schemas import MergedField, MergePreview
from sync_protocol.merge import HeldRecord, Key

_CUSTOMER: Final = "customer"
_NOTHING: Final = (None, "")
_APART: Final = """
UPDATE duplicate_pair SET state = 'apart'
WHERE tenant_id = $1 AND first_id = least($2::uuid, $3) AND second_id = greatest($2::uuid, $3)
    AND state = 'open'
RETURNING true
"""
_PAIR: Final = """
SELECT state FROM duplicate_pair
WHERE tenant_id = $1 AND first_id = least($2::uuid, $3) AND second_id = greatest($2::uuid, $3)
"""


async def preview(actor: Actor, customer_id: UUID, into_id: UUID) -> MergePreview:
    """Say what a merge of a customer into another one would do.

    :raises MergeWithItself: they are one already.
    :raises NotFound: one of them is not there, or not within sight.
    """
    ensure(actor, Permission.CUSTOMERS_READ)
    async with db.tenant_transaction(actor.tenant_id, readonly=True, snapshot=True):
        old, into = await _both(actor, customer_id, into_id)
        keys = await ROWS.belongings(actor, old.id)
        held = await storage.load(actor, KINDS, keys, lock=False)
    return MergePreview(
        merged_id=customer_id,
        merged_name=str(old.fields["name"]),
        customer_id=into_id,
        customer_name=str(into.fields["name"]),
        fields=[
            MergedField(
                field=name,
                kept=_shown(actor, into, name),
                other=_shown(actor, old, name),
                is_open=_differ(actor, old, into, name),
            )
            for name in mergeable(old, into)
            if into.fields.get(name) not in _NOTHING or old.fields.get(name) not in _NOTHING
        ],
        as_of=max(old.seq, into.seq),
        moves=dict(Counter(each.kind for each in held.values() if not each.deleted)),
    )


def _shown(actor: Actor, record: HeldRecord, name: str) -> Any:
    """Give a field's value as the actor may see it."""
    held = record.fields.get(name)
    return masks.shown(name, held) if masks.hides(actor, record.fields["owner_id"]) else held


def _differ(actor: Actor, old: HeldRecord, into: HeldRecord, name: str) -> bool:
    """Say whether both have a value, and not the same; of hidden phones that they may differ."""
    values = [record.fields.get(name) for record in (old, into)]
    if any(value in _NOTHING for value in values):
        return False
    is_hidden = any(masks.hides(actor, record.fields["owner_id"]) for record in (old, into))
    return values[0] != values[1] or (is_hidden and masks.is_phone(name))


async def tell_apart(actor: Actor, customer_id: UUID, other_id: UUID, *, now: datetime) -> None:
    """Note that two customers that look alike are two; their pair is shown no more.

    Asked again, it changes nothing.

    :raises NotFound: one is not there, or not within sight; or nobody took them for one.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    async with db.tenant_transaction(actor.tenant_id):
        await _both(actor, customer_id, other_id)
        key = (actor.tenant_id, customer_id, other_id)
        if await db.connection().fetchval(_APART, *key):
            await audit.record(
                actor, "customers.told_apart", subject_id=customer_id, now=now, other_id=other_id
            )
        elif await db.connection().fetchval(_PAIR, *key) is None:
            raise NotFound("Nobody took these two for one.", field="other_id")


async def _both(actor: Actor, one: UUID, other: UUID) -> tuple[HeldRecord, HeldRecord]:
    """Read two customers without locking them.

    :raises MergeWithItself: it is the same one twice.
    :raises NotFound: one is not there, or not within sight.
    """
    if one == other:
        raise MergeWithItself("Choose another customer.", field="into_id")
    keys: list[Key] = [(_CUSTOMER, str(one)), (_CUSTOMER, str(other))]
    held = await storage.load(actor, KINDS, keys, lock=False)
    for key in keys:
        if key not in held or held[key].deleted or not held[key].visible:
            raise NotFound
    return held[keys[0]], held[keys[1]]
