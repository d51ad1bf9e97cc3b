"""Decide about leads that something speaks against; nothing is thrown away (S39)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor, Permission, ensure, hidden
from server.customers.opt_outs import queries as opt_outs
from server.customers.opt_outs.rules import OptedOut
from server.customers.rules import pinyin
from server.kit import db
from server.kit.text import tidied
from server.leads import queries
from server.leads.rules.states import LeadState, ensure_may
from server.leads.schemas import Decision, LeadDetail, LeadEdit, NewLead
from server.leads.service import holding, intake

_SET: Final = """
UPDATE raw_lead SET state = $3, updated_at = $4 WHERE tenant_id = $1 AND id = ANY($2::uuid[])
"""
_EDIT: Final = """
UPDATE raw_lead SET name = $3, name_pinyin = $4, contact_name = $5, phone = $6, phone_given = $7,
    uscc = $8, city = $9, district = $10, industry = $11, need = $12, amount_minor = $13,
    source_id = $14, campaign_id = $15, cost_key = $16, tags = $17::jsonb, rules_version = $18,
    state = $19, verdict = $20, verdict_values = $21::jsonb, updated_at = $22
WHERE tenant_id = $1 AND id = $2
"""


async def discard(actor: Actor, decision: Decision, *, now: datetime) -> None:
    """Put leads away; they can be restored.

    :raises LeadStateUnfit: one of them was routed, or is away already.
    """
    await _decide(actor, decision, "discard", LeadState.DISCARDED, now=now)


async def keep(actor: Actor, decision: Decision, *, now: datetime) -> None:
    """Say that leads are good, whatever spoke against them.

    :raises OptedOut: somebody does not want to be called; that is not for the company to decide.
    """
    await _decide(actor, decision, "keep", LeadState.READY, now=now)


async def restore(actor: Actor, decision: Decision, *, now: datetime) -> None:
    """Bring discarded leads back, with their history; they are good from then on.

    :raises OptedOut: somebody does not want to be called.
    """
    await _decide(actor, decision, "restore", LeadState.READY, now=now)


async def _decide(
    actor: Actor, decision: Decision, verb: str, into: LeadState, *, now: datetime
) -> None:
    """Move leads, all or none, and tell it in their histories."""
    ensure(actor, Permission.LEADS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        held = await holding.hold(actor, decision.lead_ids)
        # What stands there already was decided before: the same request changes nothing.
        rows = [row for row in held if row["state"] != into]
        for row in rows:
            ensure_may(verb, LeadState(row["state"]))
        if into is LeadState.READY:
            await _ensure_callable(rows)
        lead_ids = [row["id"] for row in rows]
        await db.connection().execute(_SET, actor.tenant_id, lead_ids, into, now)
        reason = tidied(decision.reason, "reason")
        details = [{"verdict": row["verdict"], "reason": reason} for row in rows]
        await holding.note(actor, lead_ids, verb, details, now=now)
        if into is LeadState.READY:
            terms = (await intake.look_around(actor.tenant_id)).terms
            await intake.leave_for_routing(actor.tenant_id, terms, now=now)


async def _ensure_callable(rows: Sequence[asyncpg.Record]) -> None:
    """Refuse leads whose phone has opted out."""
    if await opt_outs.among({row["phone"] for row in rows if row["phone"]}):
        raise OptedOut("Somebody has asked not to be called; discard the lead.", field="lead_ids")


async def edit(actor: Actor, lead_id: UUID, change: LeadEdit, *, now: datetime) -> LeadDetail:
    """Complete a lead before it is handed off; it is tagged and judged anew.

    What a person has kept stays kept.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        [row] = await holding.hold(actor, [lead_id])
        ensure_may("edit", LeadState(row["state"]))
        if actor.masks_phones:
            for name, given in _touched(change).items():
                hidden.ensure_not_written_over(row[name], given, name)
        around = await intake.look_around(actor.tenant_id)
        new = msgspec.convert({**_as_sent(row), **_touched(change)}, NewLead)
        read = intake.interpret(new, row["path"], around)
        [judgement] = await intake.judge(actor, [(lead_id, read)], around)
        was_kept = row["state"] == LeadState.READY and row["verdict"] != "clean"
        state = LeadState.READY if was_kept else intake.state_of(judgement.verdict)
        fields = read.fields
        await db.connection().execute(
            _EDIT,
            *(actor.tenant_id, lead_id, fields["name"], pinyin.sort_key(fields["name"])),
            *(fields[name] for name in _EDITED),
            *(msgspec.json.encode(read.tagged.tags).decode(), around.rules.version, state),
            *(judgement.verdict, msgspec.json.encode(judgement.values).decode(), now),
        )
        await intake.index_anew(actor.tenant_id, lead_id, fields)
        detail = {"fields": sorted(_touched(change)), "verdict": judgement.verdict}
        await holding.note(actor, [lead_id], "edit", [detail], now=now)
        return await queries.detail(actor, lead_id)


_EDITED: Final = (
    *("contact_name", "phone", "phone_given", "uscc", "city", "district", "industry", "need"),
    *("amount_minor", "source_id", "campaign_id", "cost_key"),
)


def _touched(change: LeadEdit) -> dict[str, Any]:
    """Give what a request touched."""
    given = msgspec.structs.asdict(change)
    return {name: value for name, value in given.items() if value is not msgspec.UNSET}


def _as_sent(row: asyncpg.Record) -> dict[str, Any]:
    """Give a lead as somebody would send it."""
    texts = ("contact_name", "uscc", "city", "district", "industry", "need")
    return {
        "name": row["name"],
        "phone": row["phone_given"],
        **{name: row[name] or "" for name in texts},
        **{name: row[name] for name in ("amount_minor", "source_id", "campaign_id")},
    }
