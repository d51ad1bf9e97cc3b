"""Ask who has opted out, inside an open transaction of a tenant; and who of the company said so."""

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, Scope, ensure
from server.customers.opt_outs import rules
from server.customers.opt_outs.rules import OptedOut, OptOutReason
from server.customers.opt_outs.schemas import WordView
from server.customers.rules import masks
from server.identity import keys
from server.kit import db
from server.kit.errors import NotFound
from server.kit.pages import PAGE_SIZE, Page, decode_cursor, encode_cursor

_AMONG: Final = """
SELECT phone_hash, min(reason) AS reason FROM contact_opt_out
WHERE phone_hash = ANY($1::bytea[]) GROUP BY phone_hash
"""
_PHONES: Final = """
SELECT id::text AS id, phone, status FROM customer
WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND phone IS NOT NULL
"""
_WORDS: Final = """
SELECT w.id, w.phone, w.reason, w.customer_id, c.name AS customer_name, w.told_by, w.told_at,
    w.state, w.decided_by, w.decided_at, w.why
FROM opt_out_word w
LEFT JOIN customer c ON c.tenant_id = w.tenant_id AND c.id = w.customer_id
WHERE w.tenant_id = $1 AND ($2 OR w.told_by = $3 OR EXISTS (
    SELECT FROM user_account u
    WHERE u.tenant_id = w.tenant_id AND u.id = w.told_by AND u.team_id = $4
))
"""
_LAST: Final = UUID(int=2**128 - 1)


async def words(actor: Actor, *, cursor: str | None = None) -> Page[WordView]:
    """List who said of whom that nobody may call them, the last first.

    To a manager of one team what its people said; phones are shown in part.
    """
    last_id = decode_cursor(cursor, tuple[UUID])[0] if cursor else _LAST
    found = await _words(actor, f"AND w.id < $5 ORDER BY w.id DESC LIMIT {PAGE_SIZE + 1}", last_id)
    items = found[:PAGE_SIZE]
    return Page(items, encode_cursor(items[-1].id) if len(found) > PAGE_SIZE else None)


async def word(actor: Actor, word_id: UUID) -> WordView:
    """Give one word of somebody in the actor's charge.

    :raises NotFound: there is none.
    """
    found = await _words(actor, "AND w.id = $5", word_id)
    if not found:
        raise NotFound
    return found[0]


async def _words(actor: Actor, text: str, word_id: UUID) -> list[WordView]:
    """Fetch words within sight."""
    ensure(actor, Permission.LEADS_MANAGE)
    sees_all = actor.scope is Scope.TENANT
    async with db.tenant_transaction(actor.tenant_id):
        rows = await db.connection().fetch(
            f"{_WORDS} {text}",
            *(actor.tenant_id, sees_all, actor.user_id, actor.team_id, word_id),
        )
    return [msgspec.convert({**row, "phone": masks.masked(row["phone"])}, WordView) for row in rows]


async def among(phones: Collection[str]) -> Mapping[str, OptOutReason]:
    """Give those of these phones (E.164) that are not to be called, each with its reason."""
    key = keys.current().opt_outs
    by_hash = {rules.phone_hash(phone, key=key): phone for phone in phones}
    if not by_hash:
        return {}
    rows = await db.connection().fetch(_AMONG, list(by_hash))
    return {by_hash[row["phone_hash"]]: OptOutReason(row["reason"]) for row in rows}


async def not_to_be_assigned(tenant_id: UUID, customers: Collection[UUID | str]) -> set[str]:
    """Give those of these customers that nobody new may be given, since nobody may call them."""
    rows = await db.connection().fetch(_PHONES, tenant_id, [str(each) for each in customers])
    banned = await among({row["phone"] for row in rows})
    return {
        row["id"]
        for row in rows
        if not rules.may_be_assigned(row["status"], is_opted_out=row["phone"] in banned)
    }


async def ensure_may_be_assigned(tenant_id: UUID, customer_id: UUID) -> None:
    """Refuse to give a customer that nobody may call to somebody new.

    :raises OptedOut: saying so.
    """
    if await not_to_be_assigned(tenant_id, [customer_id]):
        raise OptedOut(
            "Who has this phone has asked not to be called; nobody new gets this customer.",
            field="owner_id",
        )
