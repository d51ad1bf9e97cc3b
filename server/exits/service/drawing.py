"""Draw up what is to become of each thing of a leaver's, and choose where the rule is not right.

The leaver's own transaction lists what there is, under tokens; the platform looks and chooses.
"""

import hashlib
import hmac
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.exits import queries, rules
from server.exits.rules import Fate
from server.exits.schemas import Choice, Plan, Thing
from server.kit import db, outbox
from server.kit.errors import NotFound
from server.partners import queries as partners
from server.partners.rules.exits import ExitState, ExitUnderWay
from server.partners.schemas import ExitView
from sync_protocol.registering import OPEN

DRAW: Final = "exits.draw"
"""Of an agent that leaves: list what there is."""
HOLD_ROWS: Final = """
SELECT FROM exit_item WHERE exit_id = $1 ORDER BY kind, ref FOR UPDATE
"""
"""Who draws a plan up and who begins to carry it out take turns."""
_HOLD: Final = "SELECT id FROM agent_exit WHERE id = $1 FOR UPDATE"
_KEY: Final = "SELECT token_key FROM agent_exit WHERE id = $1"
_CUSTOMERS: Final = """
SELECT 'customer' AS kind, c.id AS ref, c.id AS customer_id, coalesce(c.status, '') AS stands,
    NULL::timestamptz AS until, NULL::uuid AS program_id, 0::bigint AS amount_minor, k.successor_id
FROM customer c
LEFT JOIN exit_consent k ON k.tenant_id = c.tenant_id AND k.customer_id = c.id AND k.exit_id = $2
WHERE c.tenant_id = $1 AND NOT c.deleted
"""
_REGISTRATIONS: Final = """
SELECT 'registration' AS kind, id AS ref, customer_id, state AS stands, protected_until AS until,
    NULL::uuid AS program_id, 0::bigint AS amount_minor, NULL::uuid AS successor_id
FROM registration WHERE tenant_id = $1 AND state = ANY ($2::text[]) AND NOT deleted
"""
_BENEFITS: Final = """
SELECT 'benefit' AS kind, i.id AS ref, r.customer_id,
    CASE WHEN i.state = 'issued' AND v.state = 'waiting' THEN 'in_review'
        WHEN i.state = 'issued' AND i.used_minor > 0 THEN 'used_in_part' ELSE i.state END AS stands,
    i.expires_at AS until, i.program_id, i.amount_minor, NULL::uuid AS successor_id
FROM issuance i JOIN benefit_request r ON r.tenant_id = i.agent_id AND r.id = i.request_key
LEFT JOIN benefit_review v ON v.issuance_id = i.id
WHERE i.agent_id = $1 AND i.state IN ('issued', 'redeemed')
"""
_ADD: Final = """
INSERT INTO exit_item (
    exit_id, agent_id, kind, ref, customer_ref, customer_id, stands, until, program_id,
    amount_minor, successor_id, drawn_at
)
SELECT $1, $2, u.kind, u.ref, u.customer_ref, u.customer_id, u.stands, u.until, u.program_id,
    u.amount_minor, u.successor_id, $3
FROM UNNEST(
    $4::text[], $5::uuid[], $6::uuid[], $7::uuid[], $8::text[], $9::timestamptz[], $10::uuid[],
    $11::bigint[], $12::uuid[]
) AS u(kind, ref, customer_ref, customer_id, stands, until, program_id, amount_minor, successor_id)
"""
_RENEW: Final = """
ON CONFLICT (exit_id, kind, ref) DO UPDATE SET stands = EXCLUDED.stands, until = EXCLUDED.until,
    customer_ref = EXCLUDED.customer_ref, customer_id = EXCLUDED.customer_id,
    successor_id = EXCLUDED.successor_id, drawn_at = EXCLUDED.drawn_at
"""
_KEEP: Final = "ON CONFLICT (exit_id, kind, ref) DO NOTHING"
_GONE: Final = "DELETE FROM exit_item WHERE exit_id = $1 AND drawn_at <> $2"
_ITEM: Final = """
SELECT i.kind, i.ref, i.customer_ref, i.stands, i.until, i.amount_minor, i.chosen, c.successor_id
FROM exit_item i
LEFT JOIN exit_item c ON c.exit_id = i.exit_id AND c.kind = 'customer'
    AND c.customer_ref = i.customer_ref
WHERE i.exit_id = $1 AND i.kind = $2 AND i.ref = $3
"""
_CHOOSE: Final = """
UPDATE exit_item SET chosen = $4 WHERE exit_id = $1 AND kind = $2 AND ref = $3
    AND chosen IS DISTINCT FROM $4
"""
_CHUNK: Final = 2_000


async def draw_up(actor: Actor, agent_id: UUID, *, now: datetime) -> Plan:
    """Have the leaver's things listed anew by the worker; give the plan as it stands.

    :raises NotFound: there is no such agent, or it does not leave.
    :raises ExitUnderWay: its plan is being carried out.
    :raises NothingDrawnUp: it is not frozen yet, so what it has may still grow.
    """
    ensure(actor, Permission.AGENTS_ADMIT)
    async with db.platform_transaction(actor):
        held = await held_open(agent_id)
        if held.frozen_from > now:
            raise rules.NothingDrawnUp("The company is not frozen yet; draw the plan up then.")
        await leave(held, now=now)
        await audit.record_platform_read(actor, [agent_id], queries.PLAN, now=now)
        return await queries.of(agent_id)


async def leave(held: ExitView, *, now: datetime) -> None:
    """Leave the drawing up to the worker; what waits already is enough."""
    payload = {"exit_id": str(held.id)}
    key = f"{DRAW}:{held.id}"
    await outbox.add(DRAW, payload, tenant_id=held.agent_id, now=now, key=key)


async def held_open(agent_id: UUID) -> ExitView:
    """Give an exit that is open, and let nobody else decide about it before the transaction ends.

    :raises NotFound: there is none.
    :raises ExitUnderWay: it is being carried out, or was.
    """
    held = await partners.last_exit(agent_id)
    if held is None or not held.holds:
        raise NotFound
    await db.connection().execute(_HOLD, held.id)
    held = await partners.last_exit(agent_id)
    if held is None or held.state is not ExitState.OPEN:
        raise ExitUnderWay("What was begun is carried out to its end.")
    return held


async def draw(agent_id: UUID, exit_id: UUID, *, now: datetime) -> None:
    """List what there is of a leaver's, under tokens, while its exit is open. May run again."""
    async with db.tenant_transaction(agent_id, snapshot=True):
        held = await partners.last_exit(agent_id)
        if held is None or (held.id, held.state) != (exit_id, ExitState.OPEN):
            return
        await db.connection().execute(HOLD_ROWS, exit_id)
        key = await db.connection().fetchval(_KEY, exit_id)
        await list_all(agent_id, exit_id, key, now=now)
        await db.connection().execute(_GONE, exit_id, now)


async def list_all(
    agent_id: UUID, exit_id: UUID, key: bytes, *, is_new: bool = False, now: datetime
) -> None:
    """Write down each thing that there is, in the leaver's transaction.

    :param is_new: what is written down already stays as it is.
    """
    fetch = db.connection().fetch
    found = [
        *await fetch(_CUSTOMERS, agent_id, exit_id),
        *await fetch(_REGISTRATIONS, agent_id, sorted(OPEN)),
        *await fetch(_BENEFITS, agent_id),
    ]
    for at in range(0, len(found), _CHUNK):
        rows = [_row(row, key) for row in found[at : at + _CHUNK]]
        columns = map(list, zip(*rows, strict=True))
        statement = f"{_ADD} {_KEEP if is_new else _RENEW}"
        await db.connection().execute(statement, exit_id, agent_id, now, *columns)


def _row(row: Any, key: bytes) -> tuple[Any, ...]:
    """Lay a thing out as a row; the platform knows its customer by the token."""
    token = UUID(bytes=hmac.digest(key, row["customer_id"].bytes, hashlib.sha256)[:16])
    ref = token if row["kind"] == rules.Kind.CUSTOMER else row["ref"]
    rest = ("stands", "until", "program_id", "amount_minor", "successor_id")
    return (row["kind"], ref, token, row["customer_id"], *(row[name] for name in rest))


async def choose(actor: Actor, agent_id: UUID, choice: Choice, *, now: datetime) -> Plan:
    """Let something else become of some things than the rule says, of all of them or of none.

    Said again it changes nothing.

    :raises FateImpossible: that cannot become of one of them.
    :raises ExitUnderWay: the plan is being carried out.
    :raises NotFound: there is no such thing.
    """
    ensure(actor, Permission.AGENTS_ADMIT)
    async with db.platform_transaction(actor):
        held = await held_open(agent_id)
        for thing in choice.things:
            await _choose(actor, held, thing, choice.fate, now=now)
        return await queries.of(agent_id)


async def _choose(
    actor: Actor, held: ExitView, thing: Thing, fate: Fate | None, *, now: datetime
) -> None:
    """Let something else become of one thing."""
    row = await db.connection().fetchrow(_ITEM, held.id, thing.kind, thing.ref)
    if row is None:
        raise NotFound
    if fate is not None:
        item, heir = queries.item_of(row), row["successor_id"]
        rules.ensure_possible(fate, item, ends_at=queries.ends_at(held), heir=heir)
    status: str = await db.connection().execute(_CHOOSE, held.id, thing.kind, thing.ref, fate)
    if status.endswith(" 1"):
        told = {"kind": thing.kind, "ref": thing.ref, "fate": fate}
        await audit.record_platform_write(actor, "exit.chosen", subject_id=held.id, now=now, **told)
