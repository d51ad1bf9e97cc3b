"""Change many customers at once, hand a person's customers over, and undo either.

Each is one transaction. By the number of the tenant's sequence that a record got in it, undoing
knows what is still as the bulk change left it, and brings exactly that back.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure, vouched
from server.audit import service as audit
from server.changelog import storage
from server.customers import following, sync
from server.customers.bulk import queries, rules
from server.customers.bulk.rules import NO_TAGS, Before
from server.customers.bulk.schemas import (
    CUSTOMERS_MAX,
    BulkView,
    NewBulkEdit,
    NewHandOver,
    Refused,
)
from server.customers.opt_outs import queries as opt_outs
from server.customers.opt_outs.rules import OptedOut
from server.customers.queries.filters import ask, where_of
from server.customers.rules import masks
from server.customers.schemas import Filters
from server.customers.service import writing
from server.customers.service.references import (
    UnknownOwner,
    ensure_tags,
    ensure_teams,
    teams_of,
)
from server.customers.sight import Where
from server.identity import queries as identity
from server.kit import db, ids
from server.kit.errors import IdReused, NotFound
from server.notifications import service as notifications
from server.notifications.rules import Kind
from sync_protocol.merge import Key
from sync_protocol.messages import Edit, SetChange

_REFUSALS_SHOWN: Final = 100
_TAG_CHANGES: Final = frozenset({"add_tags", "remove_tags"})
_BEGIN: Final = """
INSERT INTO customer_bulk (tenant_id, id, kind, asked, changed, unchanged, refused, refusals,
    made_by, made_at)
VALUES ($1, $2, $3, $4::jsonb, 0, 0, 0, '[]', $5, $6) ON CONFLICT DO NOTHING
"""
_DONE: Final = """
UPDATE customer_bulk
SET changed = $3, unchanged = $4, refused = $5, refusals = $6::jsonb
WHERE tenant_id = $1 AND id = $2
"""
_ROWS: Final = """
INSERT INTO customer_bulk_row (tenant_id, bulk_id, record_kind, record_id, before)
SELECT $1, $2, u.kind, u.id::uuid, u.before::jsonb
FROM UNNEST($3::text[], $4::text[], $5::text[]) AS u(kind, id, before)
"""
_LIVING_TAGS: Final = """
SELECT id::text AS id FROM tag WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND NOT deleted
"""
_UNDONE: Final = """
UPDATE customer_bulk SET undone_by = $3, undone_at = $4, restored = $5, kept = $6
WHERE tenant_id = $1 AND id = $2
"""


class Wish(msgspec.Struct, frozen=True):
    """What is wanted of one record, in normal form."""

    fields: Mapping[str, Any]
    tags: SetChange = NO_TAGS


# ------------------------------------------------------------------------------------ use cases


async def edit(actor: Actor, wanted: NewBulkEdit, *, now: datetime) -> BulkView:
    """Change many customers. Asked again with the same id and content, it answers the same.

    :raises NothingAsked: no field is changed, or no customers are chosen.
    :raises TooManyCustomers: narrow the filter.
    :raises IdReused: the id is that of another bulk change.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    fields = writing.fields_of(wanted.change, but=_TAG_CHANGES)
    tags = SetChange(
        add=tuple(sorted(map(str, wanted.change.add_tags))),
        remove=tuple(sorted(map(str, wanted.change.remove_tags))),
    )
    if not (fields or tags.add or tags.remove):
        raise rules.NothingAsked("Say what is to change.", field="change")
    if wanted.customers is None and wanted.filters is None:
        raise rules.NothingAsked("Name the customers, or give a filter.", field="customers")
    if rules.ASSIGNMENT.intersection(fields):
        ensure(actor, Permission.CUSTOMERS_ASSIGN)
    masks.ensure_may_take(actor, None, fields)
    bulk_id = wanted.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        if await _begin(actor, bulk_id, "edit", wanted, now=now):
            await ensure_tags(actor, {*tags.add, *tags.remove})
            await ensure_teams(actor, {fields.get("team_id")})
            if fields.get("owner_id") and "team_id" not in fields:
                fields["team_id"] = (await teams_of(actor, {fields["owner_id"]}))[
                    fields["owner_id"]
                ]
            chosen = await _chosen(actor, wanted.customers, wanted.filters)
            left = await _left_alone(actor, chosen) if fields.get("owner_id") else []
            wish = Wish(sync.CUSTOMER.normalise(fields), tags)
            wishes = {("customer", each): wish for each in _without(chosen, left)}
            await _write(actor, bulk_id, wishes, left, now=now)
            await audit.record(
                actor, "customers.bulk_edited", subject_id=bulk_id, now=now, fields=[*fields]
            )
        return queries.view(await queries.row(actor, bulk_id))


async def hand_over(actor: Actor, wanted: NewHandOver, *, now: datetime) -> BulkView:
    """Give a person's customers, with the work in progress, to colleagues in turn.

    Status, history, visits, files and everything else of a customer stay as they are.

    :raises UnknownOwner: somebody is not, or a receiver no longer, of this company.
    :raises TooManyCustomers: narrow the filter, and hand over in parts.
    :raises IdReused: the id is that of another bulk change.
    """
    ensure(actor, Permission.CUSTOMERS_ASSIGN)
    if wanted.from_id in wanted.to_ids:
        raise rules.NothingAsked("Nobody hands over to themselves.", field="to_ids")
    for to_id in wanted.to_ids:
        masks.ensure_may_take(actor, wanted.from_id, {"owner_id": to_id})
    bulk_id = wanted.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        if await _begin(actor, bulk_id, "hand_over", wanted, now=now):
            former = await _name_of(actor, wanted.from_id, field="from_id")
            receivers = [str(each) for each in dict.fromkeys(wanted.to_ids)]
            teams = await _teams_of_receivers(actor, receivers)
            chosen = await _chosen(actor, None, wanted.filters, owner_id=wanted.from_id)
            left = await _left_alone(actor, chosen)
            owners = {
                customer: receivers[at % len(receivers)]
                for at, customer in enumerate(_without(chosen, left))
            }
            wishes = {
                ("customer", customer): Wish({"owner_id": owner, "team_id": teams[owner]})
                for customer, owner in owners.items()
            }
            going = await following.going_along(
                actor, dict.fromkeys(owners, str(wanted.from_id)), owners
            )
            wishes |= {key: Wish(fields) for key, fields in going.items()}
            await _write(actor, bulk_id, wishes, left, now=now)
            await notifications.tell(
                actor.tenant_id,
                {UUID(owner) for owner in owners.values()},
                Kind.CUSTOMERS_HANDED_OVER,
                key=f"hand_over:{bulk_id}",
                subject=former,
                page="/customers",
                now=now,
            )
            await audit.record(
                actor,
                "customers.handed_over",
                subject_id=wanted.from_id,
                now=now,
                customers=len(owners),
            )
        return queries.view(await queries.row(actor, bulk_id))


async def undo(actor: Actor, bulk_id: UUID, *, now: datetime) -> BulkView:
    """Bring back what stood before a bulk change; what was written since stays. Once.

    :raises NotFound: there is none within sight.
    :raises UndoTooLate: it is long past.
    :raises UndoImpossible: somebody who had one of them is no longer of the company.
    :raises PhoneHidden: customers with hidden phones would become the actor's own.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    async with db.tenant_transaction(actor.tenant_id):
        found = await queries.row(actor, bulk_id, lock=True)
        if found["undone_at"] is None:
            rules.ensure_not_too_late(found["made_at"], now)
            before = await queries.written(actor, bulk_id)
            if any(rules.ASSIGNMENT.intersection(stood.fields) for stood in before.values()):
                ensure(actor, Permission.CUSTOMERS_ASSIGN)
            restored = await _bring_back(actor, before, now=now)
            await db.connection().execute(
                _UNDONE,
                actor.tenant_id,
                bulk_id,
                actor.user_id,
                now,
                restored,
                len(before) - restored,
            )
            await audit.record(actor, "customers.bulk_undone", subject_id=bulk_id, now=now)
        return queries.view(await queries.row(actor, bulk_id))


# ---------------------------------------------------------------------------------- who and what


async def _begin(
    actor: Actor,
    bulk_id: UUID,
    kind: Literal["edit", "hand_over"],
    wanted: NewBulkEdit | NewHandOver,
    *,
    now: datetime,
) -> bool:
    """Note what is asked; say whether it is to be done. The same once more is done already.

    :raises IdReused: the id stands for something else.
    """
    asked = msgspec.structs.replace(wanted, id=None)
    status = await db.connection().execute(
        _BEGIN,
        actor.tenant_id,
        bulk_id,
        kind,
        msgspec.json.encode(asked).decode(),
        actor.user_id,
        now,
    )
    if status.endswith(" 1"):
        return True
    held = await db.connection().fetchrow(
        "SELECT kind, made_by FROM customer_bulk WHERE tenant_id = $1 AND id = $2",
        actor.tenant_id,
        bulk_id,
    )
    is_same = held is not None and (held["kind"], held["made_by"]) == (kind, actor.user_id)
    view = queries.view(await queries.row(actor, bulk_id)) if is_same else None
    if view is None or (view.edit or view.hand_over) != asked:
        raise IdReused("There is another bulk change with this id; send a new one.", field="id")
    return False


async def _chosen(
    actor: Actor,
    customers: Sequence[UUID] | None,
    filters: Filters | None,
    *,
    owner_id: UUID | None = None,
) -> list[str]:
    """Give the customers that are meant, by name.

    :raises NotFound: one that is named is not within sight.
    :raises TooManyCustomers: there are more than one bulk change takes.
    """
    filters = filters or Filters()
    await ensure_teams(actor, {str(filters.team_id) if filters.team_id else None})
    await ensure_tags(actor, {str(filters.tag)} if filters.tag else set())
    if filters.owner_id:
        await _name_of(actor, filters.owner_id, field="filters.owner_id")
    where = await where_of(actor, filters)
    ask(where, filters.q)
    if customers is not None:
        await _ensure_in_sight(actor, customers)
        where.add("c.id = ANY({}::uuid[])", list(customers))
    if owner_id is not None:
        where.add("c.owner_id = {}", owner_id)
    # Locked, in the order of every write: what two choose at once the second finds changed.
    rows = await db.connection().fetch(
        f"SELECT c.id::text AS id, c.name_pinyin FROM customer c WHERE {where.text}"  # noqa: S608 - constants and numbered parameters
        f" ORDER BY c.id LIMIT {where.param(CUSTOMERS_MAX + 1)} FOR UPDATE OF c",
        *where.args,
    )
    if len(rows) > CUSTOMERS_MAX:
        raise rules.TooManyCustomers(
            f"Narrow the filter: at most {CUSTOMERS_MAX} customers at once.", field="filters"
        )
    return [row["id"] for row in sorted(rows, key=lambda row: (row["name_pinyin"], row["id"]))]


async def _left_alone(actor: Actor, chosen: Sequence[str]) -> list[Refused]:
    """Refuse those whose phone is not to be called: nobody new gets them (S45)."""
    banned = await opt_outs.not_to_be_assigned(actor.tenant_id, chosen)
    detail = "Who has this phone has asked not to be called; nobody new gets this customer."
    return [
        Refused(customer_id=UUID(each), code=OptedOut.code, detail=detail)
        for each in chosen
        if each in banned
    ]


def _without(chosen: Sequence[str], left: Sequence[Refused]) -> list[str]:
    """Give the chosen customers but those that are left alone, in their order."""
    out = {str(each.customer_id) for each in left}
    return [each for each in chosen if each not in out]


async def _ensure_in_sight(actor: Actor, customers: Sequence[UUID]) -> None:
    """Refuse customers that the actor does not see.

    :raises NotFound: one of them is not there.
    """
    where = Where(actor)
    where.add("c.id = ANY({}::uuid[])", list(customers))
    seen = await db.connection().fetchval(
        f"SELECT count(*) FROM customer c WHERE {where.text}",  # noqa: S608 - constants and numbered parameters
        *where.args,
    )
    if seen < len(set(customers)):
        raise NotFound


async def _name_of(actor: Actor, user_id: UUID, *, field: str) -> str:
    """Give the name of a person of the company, who may have left already.

    :raises UnknownOwner: nobody of this company has the id.
    """
    try:
        return (await identity.one_user(actor.tenant_id, user_id)).name
    except NotFound as error:
        raise UnknownOwner("Nobody here has this id.", field=field) from error


async def _teams_of_receivers(actor: Actor, receivers: Sequence[str]) -> dict[str, str | None]:
    """Look up the receivers' teams.

    :raises UnknownOwner: naming the field.
    """
    try:
        return await teams_of(actor, set(receivers))
    except UnknownOwner as error:
        error.field = "to_ids"
        raise


# -------------------------------------------------------------------------------------- writing


async def _write(
    actor: Actor,
    bulk_id: UUID,
    wishes: Mapping[Key, Wish],
    left: Sequence[Refused],
    *,
    now: datetime,
) -> None:
    """Write what differs from what is wanted, and keep what stood there.

    :param left: customers that were refused before they came here.
    """
    kinds = following.kinds()
    held = await storage.load(actor, kinds, wishes)
    edits: dict[Key, tuple[Edit, Before]] = {}
    for key, wish in wishes.items():
        altered = rules.alteration(held[key], wish.fields, wish.tags)
        if altered is not None:
            fields, tags, before = altered
            op = following.edit_of(held[key], fields, tags, number=len(edits) + 1, now=now)
            edits[key] = op, before
    ops = [op for op, _ in edits.values()]
    seqs, refusals = await following.settle(actor, ops, kinds, now=now)
    written = {
        key: msgspec.structs.replace(before, seq=seqs[op.number])
        for key, (op, before) in edits.items()
        if op.number in seqs
    }
    could_not = [
        Refused(customer_id=UUID(op.id), code=why.code, detail=why.detail)
        for op, _ in edits.values()
        if op.number in refusals and op.kind == "customer"
        for why in (refusals[op.number],)
    ]
    refused = [*left, *could_not]
    await following.tell_rooms(actor, {key: edits[key][0].fields for key in written}, now=now)
    changed = sum(kind == "customer" for kind, _ in written)
    asked = sum(kind == "customer" for kind, _ in wishes)
    await db.connection().execute(
        _ROWS,
        actor.tenant_id,
        bulk_id,
        [kind for kind, _ in written],
        [record_id for _, record_id in written],
        [msgspec.json.encode(before).decode() for before in written.values()],
    )
    await db.connection().execute(
        _DONE,
        actor.tenant_id,
        bulk_id,
        changed,
        asked - changed - len(could_not),
        len(refused),
        msgspec.json.encode(refused[:_REFUSALS_SHOWN]).decode(),
    )


async def _bring_back(actor: Actor, before: Mapping[Key, Before], *, now: datetime) -> int:
    """Write what stood before where nobody has written since; say how many are whole again."""
    # A status may have no way back; what stood there was right once.
    kinds = {
        name: dataclasses.replace(kind, check=lambda _before, _after: None)
        for name, kind in following.kinds().items()
    }
    held = await storage.load(actor, kinds, before)
    gone = await _gone_of(actor, {tag for stood in before.values() for tag in stood.removed})
    ops: list[Edit] = []
    whole: list[int] = []
    sent: set[str] = set()
    # Customers first: with one that comes back into sight comes what is beneath it.
    for key, stood in sorted(before.items(), key=lambda each: each[0][0] != "customer"):
        record = held.get(key)
        if record is None or record.deleted:
            continue
        fields, tags, is_whole = rules.restoration(record, stood, gone)
        if record.kind == "customer" and rules.ASSIGNMENT.intersection(fields):
            masks.ensure_may_take(actor, record.fields["owner_id"], fields)
            if _comes_into_sight(actor, {**record.fields, **fields}):
                sent.add(record.id)
        is_sent = record.id in sent or record.fields.get("customer_id") in sent
        if (record.visible or is_sent) and (fields or tags.add or tags.remove):
            ops.append(following.edit_of(record, fields, tags, number=len(ops) + 1, now=now))
            if is_whole:
                whole.append(len(ops))
    # The bulk change itself may have sent them out of the actor's sight.
    seqs, refusals = await following.settle(vouched(actor), ops, kinds, now=now)
    for why in refusals.values():
        raise rules.UndoImpossible(f"Nothing was undone. {why.detail}")
    await following.tell_rooms(actor, {(op.kind, op.id): op.fields for op in ops}, now=now)
    return sum(number in seqs for number in whole)


def _comes_into_sight(actor: Actor, restored: Mapping[str, Any]) -> bool:
    """Say whether the actor sees a customer as it stood: who has moved since does not any more."""
    owner_id, team_id = (
        UUID(restored[name]) if restored[name] else None for name in ("owner_id", "team_id")
    )
    return storage.is_visible(actor, owner_id, team_id)


async def _gone_of(actor: Actor, tags: Collection[str]) -> set[str]:
    """Give those of these tags that were deleted since."""
    rows = await db.connection().fetch(_LIVING_TAGS, actor.tenant_id, list(tags)) if tags else []
    return set(tags) - {row["id"] for row in rows}
