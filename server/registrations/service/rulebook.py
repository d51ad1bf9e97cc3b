"""What the platform sets and publishes: rules, terms, and customers that do not exist."""

from datetime import datetime
from typing import Final

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.kit import db, ids, outbox
from server.registrations import queries
from server.registrations.queries import identities
from server.registrations.queries import rulebook as held
from server.registrations.rules import states, terms
from server.registrations.rules.order import FIRST, RuleSet
from server.registrations.rules.terms import TermsVersion
from server.registrations.schemas import Honeytoken, NewRules, NewTerms, RulesView, SwitchOn
from sync_protocol.registering import OPEN

_LAST_RULES: Final = "SELECT coalesce(max(version), $1) FROM registry_rules"
_ADD_RULES: Final = """
INSERT INTO registry_rules (
    version, steps, tolerance_ms, edition, hash, proposed_by, proposed_at
) VALUES ($1, $2::jsonb, $3, $4, $5, $6, $7)
"""
_SWITCH: Final = """
UPDATE registry_rules SET switched_on_at = $2 WHERE version = $1 AND switched_on_at IS NULL
"""
_LAST_TERMS: Final = "SELECT coalesce(max(version), 0) FROM registration_terms"
_ADD_TERMS: Final = """
INSERT INTO registration_terms (version, holds_from, terms, set_by, set_at)
VALUES ($1, $2, $3::jsonb, $4, $5)
"""
_ADD_BAIT: Final = """
INSERT INTO registry_honeytoken (key, set_at, ends_at) VALUES ($1, $2, $3)
ON CONFLICT (key) DO NOTHING
"""
BAITED: Final = "registrations.baited"
"""To the registry: a customer that does not exist is to be somebody's."""
_BAIT_DAYS: Final = 365
_MET: Final = """
SELECT EXISTS (
    SELECT FROM registry_key k JOIN registry_entry e ON e.id = k.entry_id
    WHERE k.key = $1 AND e.state = ANY ($2::text[])
        AND NOT EXISTS (SELECT FROM registry_honeytoken h WHERE h.key = k.key)
)
"""
_LOCK: Final = "SELECT id FROM registry_clock WHERE id = 1 FOR UPDATE"


async def propose_rules(actor: Actor, new: NewRules, *, now: datetime) -> RulesView:
    """Write a version of the published order that can be looked at before it holds.

    :raises RulesUndecided: its steps leave some undecided, or say one thing twice.
    """
    ensure(actor, Permission.CASES_RULE)
    states.ensure_decides(new.steps)
    async with db.platform_transaction(actor):
        await db.connection().execute(_LOCK)
        version = await db.connection().fetchval(_LAST_RULES, FIRST.version) + 1
        rules = RuleSet(version=version, steps=new.steps, tolerance_ms=new.tolerance_ms)
        steps = msgspec.json.encode(rules.steps).decode()
        await db.connection().execute(
            _ADD_RULES,
            *(version, steps, rules.tolerance_ms, rules.edition, rules.hash, actor.user_id, now),
        )
        await audit.record_platform_write(
            actor, "registry_rules.proposed", subject_id=ids.new_id(now), now=now, version=version
        )
        return await queries.preview(actor, version)


async def switch_rules_on(actor: Actor, seen: SwitchOn, *, now: datetime) -> RulesView:
    """Let a version hold from now on, for who has seen what it would have changed.

    :raises NotFound: there is no such version.
    :raises DifferencesUnseen: what it would change is not what was looked at.
    """
    ensure(actor, Permission.CASES_RULE)
    version = seen.version
    async with db.platform_transaction(actor):
        await db.connection().execute(_LOCK)
        tried = await queries.preview(actor, version)
        states.ensure_seen(seen.diff_hash, tried.diff_hash)
        status = await db.connection().execute(_SWITCH, version, now)
        if status.endswith(" 1"):
            await audit.record_platform_write(
                actor,
                "registry_rules.switched_on",
                subject_id=ids.new_id(now),
                now=now,
                version=version,
            )
        return await queries.preview(actor, version)


async def set_terms(actor: Actor, new: NewTerms, *, now: datetime) -> TermsVersion:
    """Publish terms of registration that hold from a moment on.

    :raises SettlesTooSoon: the window is shorter than a lease may be.
    :raises EvidenceAfterVerdict: a case would be decided before its evidence is in.
    :raises TierMissing: they say nothing of some agents.
    :raises TermsInThePast: they would change what was promised.
    """
    ensure(actor, Permission.CASES_RULE)
    terms.ensure_settles(new.terms)
    terms.ensure_hears(new.terms)
    terms.ensure_for_all(new.terms)
    terms.ensure_ahead(new.holds_from, now)
    async with db.platform_transaction(actor):
        await db.connection().execute(_LOCK)
        version = await db.connection().fetchval(_LAST_TERMS) + 1
        text = msgspec.json.encode(new.terms).decode()
        await db.connection().execute(_ADD_TERMS, version, new.holds_from, text, actor.user_id, now)
        await audit.record_platform_write(
            actor, "registration_terms.set", subject_id=ids.new_id(now), now=now, version=version
        )
    return TermsVersion(version=version, holds_from=new.holds_from, terms=new.terms)


async def terms_now(actor: Actor, *, now: datetime) -> TermsVersion:
    """Give the terms that hold now, to whoever is bound by them."""
    if actor.is_platform:
        async with db.platform_transaction(actor):
            return await held.terms_at(now)
    async with db.tenant_transaction(actor.tenant_id):
        return await held.terms_at(now)


async def lay_bait(actor: Actor, new: Honeytoken, *, now: datetime) -> None:
    """Name a phone that belongs to nobody; who asks for it raises an alarm, for a year.

    :raises BadPhone: it is no phone.
    :raises BaitIsSomebody: a customer with it is registered.
    """
    ensure(actor, Permission.CASES_RULE)
    key = identities.honeytoken(new.phone)
    async with db.platform_transaction(actor):
        states.ensure_nobody(
            is_met=await db.connection().fetchval(_MET, key, [*map(str, sorted(OPEN))])
        )
        ends_at = now + _BAIT_DAYS * terms.DAY
        status = await db.connection().execute(_ADD_BAIT, key, now, ends_at)
        if status.endswith(" 1"):
            told = {
                "key": key,
                "ids": [str(ids.new_id(now)), str(ids.new_id(now))],
                "ends_at": ends_at.isoformat(),
            }
            await outbox.add(BAITED, told, tenant_id=None, now=now)
        await audit.record_platform_write(
            actor, "registry_honeytoken.laid", subject_id=ids.new_id(now), now=now
        )
