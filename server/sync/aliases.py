"""Lead ops that name a merged customer to the one that stayed; who is gone is asked about."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from server.access import Actor
from server.kit import db
from sync_protocol import merge
from sync_protocol.merge import HeldRecord, Key
from sync_protocol.messages import Create, Edit, Intent, ReceivedOp
from sync_protocol.schema import SCHEMA, is_uuid

# Who was brought back since is a customer of its own again.
_ALIASES: Final = """
SELECT a.old_id::text, a.into_id::text FROM customer_alias a
WHERE a.tenant_id = $1 AND a.old_id = ANY($2::uuid[]) AND NOT EXISTS (
    SELECT FROM customer c WHERE c.tenant_id = a.tenant_id AND c.id = a.old_id AND NOT c.deleted
)
"""
_CUSTOMER: Final = "customer"
_ARGUMENTS: Final = ("customer_id", "into_id")
_ABOUT: Final = ("subject_id",)
"""What a new record shows, which may be its customer."""


class AliasRows(Protocol):
    """What knows which customers were merged into which."""

    async def of_gone(self, actor: Actor, gone: Collection[str]) -> Mapping[str, str]:
        """Give what those of these customers became that were merged."""
        ...


class PostgresAliasRows:
    """Asks the table `customer_alias`."""

    async def of_gone(self, actor: Actor, gone: Collection[str]) -> Mapping[str, str]:
        """Look aliases up in one statement."""
        rows = await db.connection().fetch(_ALIASES, actor.tenant_id, gone)
        return {row["old_id"]: row["into_id"] for row in rows}


class Aliases:
    """Leads ops to the customers that stayed."""

    def __init__(self, rows: AliasRows) -> None:
        self._rows = rows

    async def redirected(
        self, actor: Actor, ops: Sequence[ReceivedOp], held: Mapping[Key, HeldRecord]
    ) -> Sequence[ReceivedOp]:
        """Give the ops as they are settled, under the numbers that they have.

        :param held: what `needed` names, locked: a merge that goes on was waited for.
        """
        gone = {
            each
            for each in _customers(ops)
            if (found := held.get((_CUSTOMER, each))) is None or found.deleted
        }
        aliases = await self._rows.of_gone(actor, gone) if gone else {}
        return [_led(op, aliases) for op in ops] if aliases else ops


def needed(ops: Sequence[ReceivedOp]) -> set[Key]:
    """Name the records that must be at hand to lead ops and to settle them.

    They are locked at once, in one order: pushes that locked some now and others later could wait
    for each other.
    """
    return merge.needed(ops) | {(_CUSTOMER, each) for each in _customers(ops)}


def edits_led(ops: Sequence[ReceivedOp], redirected: Sequence[ReceivedOp]) -> set[int]:
    """Give the numbers of the edits that name another record than their author did."""
    return {
        op.number
        for op, led in zip(ops, redirected, strict=True)
        if isinstance(op, Edit) and isinstance(led, Edit) and op.id != led.id
    }


def _customers(ops: Iterable[ReceivedOp]) -> set[str]:
    """Name the customers that may have been merged."""
    return {str(each) for op in ops for each in _named(op) if is_uuid(each)}


def _named(op: ReceivedOp) -> Iterable[object]:
    """Give the customers that an op names.

    Who deletes a customer that was merged wants that one gone, which it is.
    """
    match op:
        case Edit(kind="customer"):
            yield op.id
        case Create() if (parent := _parent(op.kind)) is not None:
            yield op.fields.get(parent)
        case Intent():
            yield from (op.args.get(name) for name in _ARGUMENTS)
        case _:
            return


def _led(op: ReceivedOp, aliases: Mapping[str, str]) -> ReceivedOp:
    """Give an op with the customers that stayed.

    An edit was made on the values of the one: whatever the author knew of the other, it was not
    meant, so what the other says is kept beside it.
    """
    match op:
        case Edit(kind="customer") if op.id in aliases:
            return msgspec.structs.replace(op, id=aliases[op.id], base=0)
        case Create() if (parent := _parent(op.kind)) is not None:
            return msgspec.structs.replace(
                op, fields=_renamed(op.fields, (parent, *_ABOUT), aliases)
            )
        case Intent() if op.name != "customers.merge":
            return msgspec.structs.replace(op, args=_renamed(op.args, _ARGUMENTS, aliases))
        case _:
            return op


def _parent(kind: str) -> str | None:
    """Give the field that names a record's customer; None also for a kind that nobody knows."""
    return SCHEMA.record(kind).parent if kind in SCHEMA.kinds() else None


def _renamed(
    fields: Mapping[str, object], names: Sequence[str], aliases: Mapping[str, str]
) -> dict[str, object]:
    """Let fields that name a merged customer name the one that stayed."""
    return {
        name: aliases.get(value, value) if name in names and isinstance(value, str) else value
        for name, value in fields.items()
    }


ALIASES: Final = Aliases(PostgresAliasRows())
"""The product's own."""
