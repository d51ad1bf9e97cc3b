"""Say what the company asks of its leads: terms, rules in versions, territories."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.customers.rules import places
from server.identity import queries as identity
from server.kit import db, ids
from server.kit.errors import Conflict, IdReused, NotFound
from server.kit.text import cleaned
from server.leads import queries
from server.leads.rules.handoff import Terms
from server.leads.rules.names import named
from server.leads.rules.routing import NotARouteTarget
from server.leads.rules.tagging import BadRule, ensure_rules
from server.leads.schemas import NewRules, NewTerritory, TermsView, TerritoryView
from server.tenants import queries as tenants

_TERMS: Final = """
INSERT INTO lead_terms (tenant_id, terms) VALUES ($1, $2::jsonb)
ON CONFLICT (tenant_id) DO UPDATE SET terms = EXCLUDED.terms
"""
_RULES: Final = """
INSERT INTO lead_rules (tenant_id, version, rules, made_by, made_at)
VALUES ($1, $2, $3::jsonb, $4, $5) ON CONFLICT DO NOTHING
"""
_TERRITORY: Final = """
INSERT INTO lead_territory (tenant_id, id, holder_id, city, district)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""


_TAGS: Final = """
SELECT count(*) FROM tag WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND NOT deleted
"""


class RulesChanged(Conflict):
    """Somebody else has changed the rules meanwhile."""

    code = "rules_changed"


async def change_terms(actor: Actor, terms: Terms, *, now: datetime) -> TermsView:
    """Replace the company's terms."""
    ensure(actor, Permission.LEADS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        text = msgspec.json.encode(terms).decode()
        await db.connection().execute(_TERMS, actor.tenant_id, text)
        await audit.record(actor, "lead_terms.changed", subject_id=None, now=now)
        return await queries.terms(actor)


async def change_rules(actor: Actor, new: NewRules, *, now: datetime) -> TermsView:
    """Write the next version of the rules; leads that are there keep their tags.

    :raises RulesChanged: the base is not the latest version.
    :raises BadRule: a rule cannot be asked.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    ensure_rules(new.rules)
    async with db.tenant_transaction(actor.tenant_id):
        held = await queries.terms(actor)
        if held.version == new.base + 1 and held.rules == new.rules:
            return held
        await _ensure_tags(actor, new)
        text = msgspec.json.encode(new.rules).decode()
        status = "INSERT 0 0"
        if held.version == new.base:
            status = await db.connection().execute(
                _RULES, actor.tenant_id, new.base + 1, text, actor.user_id, now
            )
        if not status.endswith(" 1"):
            raise RulesChanged("Look at the rules as they are now, and save again.", field="base")
        await audit.record(
            actor, "lead_rules.changed", subject_id=None, now=now, version=new.base + 1
        )
        return await queries.terms(actor)


async def _ensure_tags(actor: Actor, new: NewRules) -> None:
    """Refuse tags that the company does not have.

    :raises BadRule: one of them is none.
    """
    tags = {tag for rule in new.rules for tag in rule.tags}
    known = await db.connection().fetchval(_TAGS, actor.tenant_id, list(tags))
    if known != len(tags):
        raise BadRule("One of the tags is not there; look at the list of tags.", field="rules")


async def add_territory(actor: Actor, new: NewTerritory, *, now: datetime) -> TerritoryView:
    """Let a person or a team hold a place.

    :raises NotARouteTarget: neither works here.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    territory_id = new.id or ids.new_id(now)
    view = TerritoryView(
        id=territory_id,
        holder_id=new.holder_id,
        city=places.city(named(new.city, "city", 100)),
        district=cleaned(new.district, "district", 100) or None,
    )
    async with db.tenant_transaction(actor.tenant_id):
        await _ensure_holder(actor, new.holder_id)
        status = await db.connection().execute(
            _TERRITORY, actor.tenant_id, territory_id, view.holder_id, view.city, view.district
        )
        if status.endswith(" 1"):
            await audit.record(actor, "territory.given", subject_id=territory_id, now=now)
        elif view not in (await queries.terms(actor)).territories:
            raise IdReused("This id belongs to another territory; make a new one.", field="id")
    return view


async def _ensure_holder(actor: Actor, holder_id: UUID) -> None:
    """Refuse who is neither a team nor a person of the company."""
    if any(team.id == holder_id for team in await tenants.teams(actor)):
        return
    try:
        await identity.one_user(actor.tenant_id, holder_id)
    except NotFound as error:
        raise NotARouteTarget("Neither a team nor a person here.", field="holder_id") from error


async def remove_territory(actor: Actor, territory_id: UUID, *, now: datetime) -> None:
    """Let nobody hold a place any more.

    :raises NotFound: there is no such territory.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        status = await db.connection().execute(
            "DELETE FROM lead_territory WHERE tenant_id = $1 AND id = $2",
            actor.tenant_id,
            territory_id,
        )
        if not status.endswith(" 1"):
            raise NotFound
        await audit.record(actor, "territory.taken", subject_id=territory_id, now=now)
