"""What a record may point to beside other records: people, teams and tags of the same company.

An id of another company is refused as one that does not exist, whichever door it came through.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from server.access import Actor
from server.changelog.store import Store
from sync_protocol.merge import HeldRecord, Key
from sync_protocol.messages import Create, Edit, ReceivedOp
from sync_protocol.schema import SCHEMA, is_uuid

_PEOPLE: Final = (
    "owner_id",
    "account_manager_id",
    "solution_manager_id",
    "fulfilment_manager_id",
)
"""Fields that name somebody of the company."""


class References(msgspec.Struct, frozen=True):
    """What the ops of a unit of work point to."""

    missing: frozenset[str]
    """People, teams and tags that are not, or no longer, of this company."""
    ended: frozenset[str]
    """Customers of held records that are deleted: what is written beneath them nobody would see."""


async def of(
    store: Store, actor: Actor, ops: Sequence[ReceivedOp], held: Mapping[Key, HeldRecord]
) -> References:
    """Look up everything that the ops point to: one question to the store, or none."""
    people, teams, tags = _named(ops, *_PEOPLE), _named(ops, "team_id"), _tags(ops)
    people -= {str(actor.user_id)}
    teams -= {str(actor.team_id)}
    made = {op.id for op in ops if isinstance(op, Create) and op.kind == "tag"}
    wanted = people | teams | (tags - made)
    parents = set(_parents(ops, held))
    known: set[str] = set()
    if wanted or parents:
        known = await store.known(
            actor, people=people, teams=teams, tags=tags - made, customers=parents
        )
    return References(missing=frozenset(wanted - known), ended=frozenset(parents - known))


def parent_id(record: HeldRecord) -> str | None:
    """Give the customer to whom a record belongs; none for customers and for what nobody has.

    A conflict is nobody's word and is not asked for.
    """
    parent = SCHEMA.record(record.kind).parent
    return None if parent is None or record.kind == "conflict" else record.fields.get(parent)


def _parents(ops: Iterable[ReceivedOp], held: Mapping[Key, HeldRecord]) -> Iterable[str]:
    """Give the customers to whom the records belong that are edited."""
    for op in ops:
        record = held.get((op.kind, op.id)) if isinstance(op, Edit) else None
        if record is not None and (parent := parent_id(record)) is not None:
            yield parent


def named_by(op: Create | Edit) -> Iterable[tuple[str, str]]:
    """Give each person, team and tag that an op points to, with the field that does."""
    for name in (*_PEOPLE, "team_id"):
        if isinstance(op.fields.get(name), str):
            yield name, op.fields[name]
    for tag in _tags([op]):
        yield "tags", tag


def _named(ops: Iterable[ReceivedOp], *fields: str) -> set[str]:
    """Collect the ids that fields name."""
    return {
        op.fields[field]
        for op in ops
        if isinstance(op, Create | Edit)
        for field in fields
        if is_uuid(op.fields.get(field))
    }


def _tags(ops: Iterable[ReceivedOp]) -> set[str]:
    """Collect the tags that are added."""
    found: set[str] = set()
    for op in ops:
        if isinstance(op, Edit) and "tags" in op.sets:
            found.update(op.sets["tags"].add)
        elif isinstance(op, Create) and isinstance(op.fields.get("tags"), list):
            found.update(tag for tag in op.fields["tags"] if isinstance(tag, str))
    return {tag for tag in found if is_uuid(tag)}
