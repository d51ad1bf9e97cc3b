"""Take leads in, one or a thousand at once: read, tag, judge and keep them (S37-S39, S42).

Nothing of a lead is refused for what is wrong with it: it is kept with its verdict. The number of
statements does not grow with the leads.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.customers.opt_outs import queries as opt_outs
from server.customers.queries import doubles
from server.customers.rules import pinyin, search
from server.customers.rules.duplicates import likeness
from server.kit import db, ids, outbox
from server.kit.errors import IdReused, Invalid
from server.kit.text import cleaned, tidied
from server.leads.queries import ground
from server.leads.rules import tagging, verdicts
from server.leads.rules.handoff import Terms
from server.leads.rules.names import named
from server.leads.rules.routing import Territory
from server.leads.rules.states import IntakePath, LeadState
from server.leads.rules.tagging import Field, Matcher, Tagged
from server.leads.rules.verdicts import Contact, Findings, Judgement, Verdict
from server.leads.schemas import LeadSaved, NewLead, SourceView

ROUTE: Final = "leads.route"
"""The topic of the job that routes what is ready."""

_TYPES: Final = {
    "id": "uuid",
    "fingerprint": "bytea",
    "path": "text",
    "name": "text",
    "name_pinyin": "text",
    "contact_name": "text",
    "phone": "text",
    "phone_given": "text",
    "uscc": "text",
    "city": "text",
    "district": "text",
    "industry": "text",
    "need": "text",
    "amount_minor": "bigint",
    "source_id": "uuid",
    "campaign_id": "uuid",
    "cost_key": "text",
    "tags": "jsonb",
    "rules_version": "bigint",
    "state": "text",
    "verdict": "text",
    "verdict_values": "jsonb",
    "received_at": "timestamptz",
    "received_by": "uuid",
    "consented_at": "timestamptz",
    "updated_at": "timestamptz",
}
_INSERT: Final = f"""
INSERT INTO raw_lead (tenant_id, {", ".join(_TYPES)})
SELECT $1, u.* FROM UNNEST({
    ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_TYPES.values(), 2))
}) AS u
ON CONFLICT DO NOTHING RETURNING id
"""  # noqa: S608 - constants
_TOKENS: Final = """
INSERT INTO lead_token (tenant_id, token, lead_id, before)
SELECT $1, u.* FROM UNNEST($2::text[], $3::uuid[], $4::text[]) AS u
"""
_UNTOKENS: Final = "DELETE FROM lead_token WHERE tenant_id = $1 AND lead_id = ANY($2::uuid[])"
_HELD: Final = """
SELECT id, fingerprint, verdict FROM raw_lead WHERE tenant_id = $1 AND id = ANY($2::uuid[])
"""
_ALIKE: Final = """
SELECT id, phone, uscc FROM raw_lead
WHERE tenant_id = $1 AND phone = ANY($2::text[]) AND state <> 'discarded'
UNION ALL
SELECT id, phone, uscc FROM raw_lead
WHERE tenant_id = $1 AND uscc = ANY($3::text[]) AND state <> 'discarded'
ORDER BY id
"""


class Ground(msgspec.Struct, frozen=True):
    """What leads of a company are judged by; looked up once for many."""

    terms: Terms
    rules: Matcher
    territories: Sequence[Territory]
    sources: Mapping[UUID, SourceView]
    campaigns: Mapping[UUID, tuple[str, UUID]]


class Reading(msgspec.Struct, frozen=True):
    """A lead as the product understands it."""

    fields: Mapping[str, Any]
    contact: Contact
    tagged: Tagged


class Batch(msgspec.Struct, frozen=True):
    """Leads that are to be kept: their ids, what was understood of them, what is said of them."""

    lead_ids: Sequence[UUID]
    read: Sequence[Reading]
    judgements: Sequence[Judgement]


async def look_around(tenant_id: UUID) -> Ground:
    """Look up what leads are judged by; in the open transaction."""
    return Ground(
        terms=await ground.terms_of(tenant_id),
        rules=tagging.made_ready(await ground.rules_of(tenant_id)),
        territories=await ground.territories_of(tenant_id),
        sources=await ground.sources_of(tenant_id),
        campaigns=await ground.campaigns_of(tenant_id),
    )


async def receive(
    actor: Actor,
    leads: Sequence[NewLead],
    path: IntakePath,
    *,
    now: datetime,
    consented_at: datetime | None = None,
    known: Ground | None = None,
    place: str = "",
) -> LeadSaved:
    """Take leads in, all or none. Sending the same ids with the same content again changes nothing.

    :param known: what they are judged by, where the caller has looked already.
    :param place: where a lead stands in the request, as ``leads[{}].``
    :raises IdReused: an id is another lead's, or stands twice in the request.
    :raises Invalid: a source or campaign is not the company's.
    """
    lead_ids = [new.id or ids.new_id(now) for new in leads]
    _ensure_apart(lead_ids, place)
    async with db.tenant_transaction(actor.tenant_id):
        around = known or await look_around(actor.tenant_id)
        read = [interpret(new, path, around, place.format(n)) for n, new in enumerate(leads)]
        judgements = await judge(actor, list(zip(lead_ids, read, strict=True)), around)
        batch = Batch(lead_ids, read, judgements)
        new_ids = await write(actor, batch, around, path, consented_at=consented_at, now=now)
        verdicts_held = await _ensure_same(actor, lead_ids, read, new_ids, place)
    return LeadSaved(
        ids=lead_ids,
        verdicts=[
            verdicts_held.get(lead_id, judgements[n].verdict) for n, lead_id in enumerate(lead_ids)
        ],
        is_new=[lead_id in new_ids for lead_id in lead_ids],
    )


async def receive_typed(actor: Actor, new: NewLead, *, now: datetime) -> LeadSaved:
    """Take in a lead that somebody of the company has typed on a page."""
    ensure(actor, Permission.LEADS_MANAGE)
    return await receive(actor, [new], IntakePath.FORM, now=now)


async def leave_for_routing(tenant_id: UUID, terms: Terms, *, now: datetime) -> None:
    """Have the worker route what is ready, where the company wants that; in the transaction."""
    if terms.is_routed_at_once:
        await outbox.add(ROUTE, {}, tenant_id=tenant_id, now=now, key=f"{ROUTE}:{tenant_id}")


def interpret(new: NewLead, path: IntakePath, around: Ground, place: str = "") -> Reading:
    """Bring a lead into normal form and tag it; pure.

    :raises Invalid: the source or campaign is not the company's, or they do not belong together.
    """
    campaign_id, source_id = new.campaign_id, new.source_id
    if campaign_id is not None:
        if campaign_id not in around.campaigns:
            raise Invalid("There is no such campaign.", field=f"{place}campaign_id")
        source_id = source_id or around.campaigns[campaign_id][1]
    if source_id is not None and source_id not in around.sources:
        raise Invalid("There is no such source.", field=f"{place}source_id")
    name = named(new.name, f"{place}name", kept=tidied)
    contact = verdicts.contact_of(new.phone, new.uscc, new.city)
    source = around.sources.get(source_id) if source_id else None
    fields: dict[str, Any] = {
        "name": name,
        "contact_name": tidied(new.contact_name, f"{place}contact_name", 100),
        "phone": contact.phone,
        "phone_given": new.phone.strip(),
        "uscc": contact.uscc,
        "city": contact.city,
        "district": cleaned(new.district, f"{place}district", 100) or None,
        "industry": cleaned(new.industry, f"{place}industry", 100) or None,
        "need": new.need.strip() or None,
        "amount_minor": new.amount_minor,
        "source_id": source_id,
        "campaign_id": campaign_id,
        "cost_key": source.cost_key if source else "",
    }
    campaign = around.campaigns[campaign_id][0] if campaign_id else None
    return Reading(
        fields, contact, tagging.tag(around.rules, _facts(fields, path, source, campaign))
    )


def _facts(
    fields: Mapping[str, Any], path: IntakePath, source: SourceView | None, campaign: str | None
) -> tagging.Facts:
    """Gather what rules look at."""
    words: dict[Field, Sequence[str | None]] = {
        Field.NAME: [fields["name"]],
        Field.NEED: [fields["need"]],
        Field.CITY: [fields["city"]],
        Field.DISTRICT: [fields["district"]],
        Field.INDUSTRY: [fields["industry"]],
        Field.SOURCE: source.path if source else [],
        Field.CAMPAIGN: [campaign],
        Field.PATH: [path],
    }
    facts = {
        field: [tagging.word_of(word) for word in given if word] for field, given in words.items()
    }
    if fields["amount_minor"] is not None:
        facts[Field.AMOUNT] = [str(fields["amount_minor"] / 100)]
    return facts


async def judge(
    actor: Actor, read: Sequence[tuple[UUID, Reading]], around: Ground
) -> list[Judgement]:
    """Judge leads against the company's leads and customers and those before them in the list."""
    found = await look_up(actor, read, around)
    return [
        verdicts.judge(each.contact, findings)
        for (_, each), findings in zip(read, found, strict=True)
    ]


async def look_up(
    actor: Actor, read: Sequence[tuple[UUID, Reading]], around: Ground
) -> list[Findings]:
    """Look up what speaks against leads, also of those before them in the list."""
    contacts = [each.contact for _, each in read]
    phones = {one.phone for one in contacts if one.phone}
    codes = {one.uscc for one in contacts if one.uscc}
    refused = await opt_outs.among(phones)
    customers = await doubles.alike(
        actor, [likeness(None, uscc=one.uscc, phone=one.phone) for one in contacts]
    )
    rows = await db.connection().fetch(_ALIKE, actor.tenant_id, list(phones), list(codes))
    earlier: dict[str, UUID] = {}
    for row in rows:
        for key in (row["phone"], row["uscc"]):
            if key is not None:
                earlier.setdefault(key, row["id"])
    looked_up = []
    for number, (lead_id, each) in enumerate(read):
        keys = [key for key in (each.contact.uscc, each.contact.phone) if key]
        twins = (earlier[key] for key in keys if earlier.get(key, lead_id) != lead_id)
        found = customers.get(number, [])
        findings = Findings(
            is_opted_out=each.contact.phone in refused,
            junk_rule=each.tagged.junk_rule,
            lead_id=next(map(str, twins), None),
            customer_id=str(found[0][1]["id"]) if found else None,
            is_covered=_is_covered(each, around.territories),
        )
        looked_up.append(findings)
        for key in keys:
            earlier.setdefault(key, lead_id)
    return looked_up


def _is_covered(read: Reading, territories: Sequence[Territory]) -> bool:
    """Say whether a lead lies in a territory; one that names no city is not judged by it."""
    city, district = read.fields["city"], read.fields["district"]
    if not territories or city is None:
        return True
    return any(each.meets(city, district) for each in territories)


async def write(
    actor: Actor,
    batch: Batch,
    around: Ground,
    path: IntakePath,
    *,
    consented_at: datetime | None = None,
    now: datetime,
) -> set[UUID]:
    """Write leads with their search keys, and leave them for routing; in the open transaction.

    Gives the ids of those that were not there.
    """
    received_by = None if actor.user_id.int == 0 else actor.user_id
    rows = [
        {
            **each.fields,
            "id": lead_id,
            "fingerprint": fingerprint(each),
            "path": path,
            "name_pinyin": pinyin.sort_key(each.fields["name"]),
            "tags": msgspec.json.encode(each.tagged.tags).decode(),
            "rules_version": around.rules.version,
            "state": state_of(judgement.verdict),
            "verdict": judgement.verdict,
            "verdict_values": msgspec.json.encode(judgement.values).decode(),
            "received_at": now,
            "received_by": received_by,
            "consented_at": consented_at,
            "updated_at": now,
        }
        for lead_id, each, judgement in zip(
            batch.lead_ids, batch.read, batch.judgements, strict=True
        )
    ]
    columns = [[row[name] for row in rows] for name in _TYPES]
    written = await db.connection().fetch(_INSERT, actor.tenant_id, *columns)
    new_ids = {row["id"] for row in written}
    await index(
        actor.tenant_id,
        [(row["id"], row) for row in rows if row["id"] in new_ids],
    )
    if new_ids:
        await audit.record(
            actor, "leads.received", subject_id=None, now=now, leads=len(new_ids), path=path
        )
        await leave_for_routing(actor.tenant_id, around.terms, now=now)
    return new_ids


async def index(tenant_id: UUID, leads: Sequence[tuple[UUID, Mapping[str, Any]]]) -> None:
    """Write the search keys of leads that have none."""
    tokens = sorted(
        (token, lead_id, before)
        for lead_id, fields in leads
        for token, before in search.customer_tokens(
            fields["name"], phone=fields["phone"], uscc=fields["uscc"], city=fields["city"]
        ).items()
    )
    if tokens:
        columns = list(map(list, zip(*tokens, strict=True)))
        await db.connection().execute(_TOKENS, tenant_id, *columns)


async def index_anew(tenant_id: UUID, lead_id: UUID, fields: Mapping[str, Any]) -> None:
    """Write a lead's search keys anew."""
    await db.connection().execute(_UNTOKENS, tenant_id, [lead_id])
    await index(tenant_id, [(lead_id, fields)])


def state_of(verdict: Verdict) -> LeadState:
    """Give where a lead stands with its verdict at first."""
    return LeadState.READY if verdict is Verdict.CLEAN else LeadState.SUSPECT


def fingerprint(read: Reading) -> bytes:
    """Give what tells one content from another."""
    canonical = msgspec.json.encode(read.fields, order="deterministic")
    return hashlib.blake2b(canonical, digest_size=16).digest()


def _ensure_apart(lead_ids: Sequence[UUID], place: str) -> None:
    """Refuse a request in which one id stands for two leads: of the second nothing would be kept.

    :raises IdReused: naming the second.
    """
    seen: set[UUID] = set()
    for number, lead_id in enumerate(lead_ids):
        if lead_id in seen:
            detail = "This id stands twice in the request; make a new one for each lead."
            raise IdReused(detail, field=f"{place.format(number)}id")
        seen.add(lead_id)


async def _ensure_same(
    actor: Actor,
    lead_ids: Sequence[UUID],
    read: Sequence[Reading],
    new_ids: set[UUID],
    place: str,
) -> dict[UUID, Verdict]:
    """Give the verdicts of the leads that were there already.

    :raises IdReused: one of them is another lead.
    """
    held_ids = [lead_id for lead_id in lead_ids if lead_id not in new_ids]
    if not held_ids and len(new_ids) == len(lead_ids):
        return {}
    rows = await db.connection().fetch(_HELD, actor.tenant_id, held_ids)
    held = {row["id"]: row for row in rows}
    for number, (lead_id, each) in enumerate(zip(lead_ids, read, strict=True)):
        row = held.get(lead_id)
        if row is not None and row["fingerprint"] != fingerprint(each):
            detail = "This id belongs to another lead; make a new one."
            raise IdReused(detail, field=f"{place.format(number)}id")
    return {lead_id: Verdict(row["verdict"]) for lead_id, row in held.items()}
