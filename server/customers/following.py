"""Let the work in progress beneath a customer go along to whoever has the customer now.

A hand-over takes it along at once, and keeps what stood there. However else a customer changes
hands (an edit, a phone, a rule, a pool), the one write path leaves word of it, and it follows
then. While a customer lies in a pool, its work waits for who picks it.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog

from server.access import Actor, Role, of_the_product
from server.changelog import facts as changelog_facts
from server.changelog import service as changelog
from server.changelog import storage
from server.changelog.kinds import RecordKind
from server.changelog.rules import as_refusal
from server.customers import references, sync
from server.customers.service import writing
from server.kit import clock, db
from server.kit.errors import Refusal
from sync_protocol.merge import HeldRecord, Key
from sync_protocol.messages import Edit, SetChange, Status
from sync_protocol.schema import SCHEMA

_NO_TAGS: Final = SetChange(add=(), remove=())
_SETTLED: Final = frozenset({Status.APPLIED, Status.MERGED})
_LAST_OWNERS: Final = """
SELECT DISTINCT ON (root_id) root_id::text AS id, patch->'owner_id'->>0 AS owner_id FROM change
WHERE tenant_id = $1 AND root_id = ANY($2::uuid[]) AND kind = 'customer'
    AND patch->'owner_id'->>0 IS NOT NULL
ORDER BY root_id, seq DESC
"""
log = structlog.get_logger()


async def take_along(tenant_id: UUID, former: Mapping[str, str | None], *, now: datetime) -> None:
    """Give what people were in charge of beneath customers to who has the customers now.

    Done again it changes nothing.

    :param former: by customer, who had it before; nobody where it lay in a pool.
    """
    actor = of_the_product(tenant_id, role=Role.AGENT_OWNER, name="following")
    async with db.tenant_transaction(tenant_id):
        # Held, so that nobody gives them on meanwhile.
        held = await storage.load(actor, kinds(), [("customer", each) for each in former])
        owners = {
            customer_id: record.fields["owner_id"]
            for (_, customer_id), record in held.items()
            if record.fields["owner_id"] is not None and not record.deleted
        }
        before = await _before(tenant_id, former)
        going = await going_along(actor, before, owners)
        work = await storage.load(actor, kinds(), going)
        ops = [
            edit_of(work[key], fields, _NO_TAGS, number=number, now=now)
            for number, (key, fields) in enumerate(going.items(), 1)
            if not work[key].deleted
            and any(work[key].fields[name] != value for name, value in fields.items())
        ]
        seqs, refusals = await settle(actor, ops, kinds(), now=now)
        for op in ops:
            if (why := refusals.get(op.number)) is not None:
                log.warning("work.stays", kind=op.kind, subject_id=op.id, code=why.code)
        done = {(op.kind, op.id): op.fields for op in ops if op.number in seqs}
        await tell_rooms(actor, done, now=now)


async def _before(tenant_id: UUID, former: Mapping[str, str | None]) -> dict[str, str]:
    """Say who had each customer last; of one that lay in a pool the history knows it."""
    known = {customer: owner for customer, owner in former.items() if owner is not None}
    pooled = list(former.keys() - known.keys())
    if pooled:
        rows = await db.connection().fetch(_LAST_OWNERS, tenant_id, pooled)
        known |= {row["id"]: row["owner_id"] for row in rows}
    return known


async def going_along(
    actor: Actor, former: Mapping[str, str], owners: Mapping[str, str]
) -> dict[Key, dict[str, Any]]:
    """Find the work in progress that goes along, with who gets it in which field.

    :param former: by customer, who had it before.
    :param owners: by customer, who has it now.
    """
    moved = [each for each in sorted(former.keys() & owners.keys()) if former[each] != owners[each]]
    going: dict[Key, dict[str, Any]] = {}
    for each in references.followers() if moved else ():
        rows = await db.connection().fetch(
            f"SELECT k.id::text AS id, k.customer_id::text AS customer_id FROM {each.kind.table} k"  # noqa: S608 - names and conditions from the code
            " JOIN UNNEST($2::uuid[], $3::uuid[]) AS u(customer_id, person_id)"
            f" ON k.customer_id = u.customer_id AND k.{each.field} = u.person_id"
            f" WHERE k.tenant_id = $1 AND NOT k.deleted AND {each.condition}",
            actor.tenant_id,
            moved,
            [former[customer] for customer in moved],
        )
        for row in rows:
            fields = going.setdefault((each.kind.name, row["id"]), {})
            fields[each.field] = owners[row["customer_id"]]
    return going


async def tell_rooms(
    actor: Actor, written: Mapping[Key, Mapping[str, Any]], *, now: datetime
) -> None:
    """Let the rooms of what went along write what else they keep of who is in charge."""
    for each in references.followers():
        people = {
            UUID(record_id): UUID(fields[each.field])
            for (kind, record_id), fields in written.items()
            if kind == each.kind.name and fields.get(each.field)
        }
        if people:
            await each.moved(actor, people, now)


async def settle(
    actor: Actor, ops: Sequence[Edit], kinds: Mapping[str, RecordKind], *, now: datetime
) -> tuple[dict[int, int], dict[int, Refusal]]:
    """Write ops; give the sequences they took, and why the others were refused."""
    facts = {op.number: op for op in ops if _is_servers(op)}
    edits = [op for op in ops if op.number not in facts]
    seqs: dict[int, int] = {}
    refusals: dict[int, Refusal] = {}
    if edits:
        applied = await changelog.apply(
            actor, edits, kinds=kinds, edit_clock=writing.clock_of(now), now=now
        )
        for outcome in applied.result.outcomes:
            if outcome.status in _SETTLED:
                seqs[outcome.number] = writing.seq_of(outcome)
            else:
                known = applied.refusals.get(outcome.number)
                refusals[outcome.number] = known or as_refusal(outcome)
    if facts:
        told = {(op.kind, op.id): op.fields for op in facts.values()}
        seq = await changelog_facts.note(actor, told, kinds=kinds, now=now)
        assert seq is not None, "they differ from what stands there, under a lock"
        seqs |= dict.fromkeys(facts, seq)
    return seqs, refusals


def _is_servers(op: Edit) -> bool:
    """Say whether an op writes what devices may not."""
    return any(SCHEMA.field(op.kind, name).server_only for name in op.fields)


def kinds() -> dict[str, RecordKind]:
    """Give the kinds that are written: customers, and what goes along with them.

    Who gives many customers away has asked of all at once what is else asked of each.
    """
    return {
        "customer": dataclasses.replace(sync.CUSTOMER, ask=None),
        **{each.kind.name: each.kind for each in references.followers()},
    }


def edit_of(
    held: HeldRecord, fields: Mapping[str, Any], tags: SetChange, *, number: int, now: datetime
) -> Edit:
    """Make the op that writes a record as it stands now."""
    return Edit(
        number=number,
        kind=held.kind,
        id=held.id,
        fields=dict(fields),
        sets={"tags": tags} if tags.add or tags.remove else {},
        at_ms=clock.to_ms(now),
        base=changelog.base_of_now(),
    )
