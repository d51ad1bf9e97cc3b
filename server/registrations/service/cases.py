"""Cases: evidence is brought, an arbitrator or the rules decide, who lost may appeal once.

An agent's transaction writes its own evidence and leaves it to the outbox; the platform's writes
its decision, and the registry brings all registrations to it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import PLATFORM_TENANT, Actor, Permission, ensure
from server.audit import service as audit
from server.customers import holding
from server.kit import clock, db, ids, outbox
from server.kit.errors import NotFound
from server.registrations import queries
from server.registrations.kinds import REGISTRATION, WRITTEN
from server.registrations.queries import rulebook
from server.registrations.rules import order, states, terms
from server.registrations.rules.order import Claim
from server.registrations.rules.states import (
    AppealedOnce,
    CaseMoved,
    CaseState,
    EvidenceTooLate,
    NotAParty,
    VerdictUnexplained,
)
from server.registrations.rules.waits import LEAST
from server.registrations.schemas import Appeal, CaseView, NewVerdict, Show, Word
from server.registrations.service import disputes, entries, evidence, waits

SHOWN: Final = "registrations.shown"
WAIVED: Final = "registrations.waived"
RULED: Final = "registrations.ruled"

_HOLD: Final = "SELECT * FROM registry_case WHERE id = $1 FOR UPDATE"
_EVIDENCE_UNTIL: Final = "SELECT evidence_until FROM registry_case WHERE id = $1"
_ADD_EVIDENCE: Final = """
INSERT INTO registry_evidence (id, case_id, entry_id, kind, happened_at, is_vouched, shown_at)
SELECT $1, e.case_id, e.id, $3, $4, $5, $6 FROM registry_entry e
JOIN registry_case c ON c.id = e.case_id AND c.state IN ('open', 'appealed')
WHERE e.id = $2 ON CONFLICT (entry_id, id) DO NOTHING
"""
_VOUCHED: Final = """
SELECT entry_id, min(happened_at) AS first FROM registry_evidence
WHERE entry_id = ANY ($1::uuid[]) AND is_vouched GROUP BY entry_id
"""
_WAIVE: Final = """
UPDATE registry_party p SET waived_at = $2 FROM registry_entry e, registry_case c
WHERE e.id = $1 AND p.entry_id = e.id AND p.case_id = e.case_id AND c.id = e.case_id
    AND c.state IN ('open', 'appealed') AND p.waived_at IS NULL
"""
_HEAR_ANEW: Final = "UPDATE registry_party SET waived_at = NULL WHERE case_id = $1"
_WORD: Final = "UPDATE registry_party SET has_word = entry_id = $2 WHERE case_id = $1"
_DECIDE: Final = """
UPDATE registry_case SET state = $2, winner_id = $3, decided_at = $4, decided_by = $5, reason = $6,
    appeal_until = $7, verdict_id = $8
WHERE id = $1
"""
_APPEAL: Final = """
UPDATE registry_case SET state = 'appealed', appeals = appeals + 1, appeal_reason = $2,
    evidence_until = $3, decide_by = $4, appeal_until = NULL, first_by = decided_by,
    first_reason = reason
WHERE id = $1
"""


# ------------------------------------------------------------------------ the agent's side


async def show(actor: Actor, registration_id: UUID, shown: Show, *, now: datetime) -> CaseView:
    """Bring evidence to the case of one's own registration; again changes nothing.

    :raises NotFound: it is not there, or in no case.
    :raises EvidenceTooLate: the case takes no more.
    :raises EvidenceOfAnother, EvidenceUsed: see `evidence`.
    """
    await bring(actor, registration_id, shown, now=now)
    return await queries.of_registration(actor, registration_id, now=now)


async def bring(actor: Actor, registration_id: UUID, shown: Show, *, now: datetime) -> None:
    """Do what `show` does and look at nothing, as devices want it."""
    ensure(actor, Permission.CUSTOMERS_WRITE)
    shown_id = shown.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        held = await holding.hold(actor, REGISTRATION, registration_id, kinds=WRITTEN)
        states.ensure_yours(actor, held.fields)
        if held.fields["case_id"] is None:
            raise NotFound
        if await evidence.is_shown(actor, held, shown_id, shown.evidence, purpose="case"):
            return
        _ensure_takes_evidence(held.fields, now)
        happened_at, is_vouched = await evidence.show(
            actor, held, shown_id, shown.evidence, purpose="case", now=now
        )
        told = {
            "id": str(shown_id),
            "registration_id": held.id,
            "case_id": held.fields["case_id"],
            "kind": shown.evidence.kind,
            "happened_at": happened_at.isoformat(),
            "is_vouched": is_vouched,
        }
        await outbox.add(SHOWN, told, tenant_id=None, now=now)


async def waive(actor: Actor, registration_id: UUID, *, now: datetime) -> CaseView:
    """Bring no more evidence to a case, so that it may be decided sooner; again changes nothing.

    :raises NotFound: it is not there, or in no case.
    :raises EvidenceTooLate: the case takes none any more.
    """
    await forgo(actor, registration_id, now=now)
    return await queries.of_registration(actor, registration_id, now=now)


async def forgo(actor: Actor, registration_id: UUID, *, now: datetime) -> None:
    """Do what `waive` does and look at nothing, as devices want it."""
    ensure(actor, Permission.CUSTOMERS_WRITE)
    async with db.tenant_transaction(actor.tenant_id):
        held = await holding.hold(actor, REGISTRATION, registration_id, kinds=WRITTEN)
        states.ensure_yours(actor, held.fields)
        _ensure_takes_evidence(held.fields, now)
        await audit.record(actor, "registration.waived", subject_id=registration_id, now=now)
        await outbox.add(WAIVED, {"id": held.id}, tenant_id=None, now=now)


def _ensure_takes_evidence(fields: Mapping[str, Any], now: datetime) -> None:
    """Refuse what is brought to no case, or to one that takes no more."""
    if fields["case_id"] is None:
        raise NotFound
    until = fields["evidence_until"]
    if until is None or clock.to_ms(now) >= until:
        raise EvidenceTooLate("This case takes no more evidence.", field="evidence")


async def appeal(actor: Actor, registration_id: UUID, asked: Appeal, *, now: datetime) -> CaseView:
    """Have a case looked at once more that was decided for somebody else.

    :raises NotFound: it is not there, or in no case.
    :raises CaseMoved: there is no verdict against it.
    :raises AppealedOnce, ContestTooLate: it is too late.
    """
    ensure(actor, Permission.CUSTOMERS_WRITE)
    async with db.tenant_transaction(actor.tenant_id):
        held = await holding.hold(actor, REGISTRATION, registration_id, kinds=WRITTEN)
        states.ensure_yours(actor, held.fields)
        case_id = held.fields["case_id"]
        if case_id is not None:
            await audit.record(actor, "registration.appealed", subject_id=registration_id, now=now)
    if case_id is None:
        raise NotFound
    async with db.job_transaction():
        await entries.lock()
        row = await _held(UUID(case_id))
        is_again = row["state"] == CaseState.APPEALED and row["appeal_reason"] == asked.reason
        if not is_again:
            await _appeal(row, registration_id, asked, now=now)
    return await queries.of_registration(actor, registration_id, now=now)


async def _appeal(
    row: asyncpg.Record, registration_id: UUID, asked: Appeal, *, now: datetime
) -> None:
    """Open a case once more."""
    if row["appeals"]:
        raise AppealedOnce("This case was looked at a second time; that is the end.")
    parties = await disputes.parties_of(row["id"])
    lost = {each["id"] for each in parties if disputes.has_lost(each, row["id"])}
    if row["state"] != CaseState.DECIDED or registration_id not in lost:
        raise CaseMoved("There is no verdict against you to appeal.", field="case_id")
    states.ensure_not_over(row["appeal_until"], now)
    given = (await rulebook.terms_at(now)).terms
    evidence_until = now + given.evidence_days * terms.DAY
    decide_by = now + given.decide_days * terms.DAY
    await db.connection().execute(_APPEAL, row["id"], asked.reason, evidence_until, decide_by)
    await db.connection().execute(_HEAR_ANEW, row["id"])
    await disputes.reopen(row["id"], now=now)
    told = {"id": str(row["id"])}
    await outbox.add(disputes.DUE, told, tenant_id=None, now=now, run_at=decide_by)


# --------------------------------------------------------------------- the platform's side


async def hear(actor: Actor, case_id: UUID, word: Word, *, now: datetime) -> CaseView:
    """Write down whom the customer itself has named.

    :raises NotFound: there is no such case.
    :raises NotAParty: it named somebody else.
    :raises CaseMoved: the case is decided.
    :raises HouseIsParty: the platform is one of the parties.
    """
    ensure(actor, Permission.CASES_RULE)
    async with db.platform_transaction(actor):
        row = await _held(case_id)
        left = await disputes.left_in(case_id)
        if row["state"] not in {CaseState.OPEN, CaseState.APPEALED}:
            raise CaseMoved("This case is decided.", field="case_id")
        # Whom a customer has named is the platform's own word, and would be one for itself.
        states.ensure_impartial(is_house=_is_house(await disputes.parties_of(case_id)))
        if word.registration_id not in {each["id"] for each in left}:
            raise NotAParty("The customer names one of the parties.", field="registration_id")
        await db.connection().execute(_WORD, case_id, word.registration_id)
        await audit.record_platform_write(
            actor, "registration_case.heard", subject_id=case_id, now=now
        )
    return await queries.case(actor, case_id, now=now)


async def rule(actor: Actor, case_id: UUID, asked: NewVerdict, *, now: datetime) -> CaseView:
    """Decide a case, by the rules or, with a reason, otherwise.

    :raises NotFound: there is no such case.
    :raises CaseMoved, VerdictTooLate, NotAParty: see `states.ensure_can_be_ruled`.
    :raises EvidenceOpen: not all have been heard.
    :raises EvidenceOnItsWay: what they have shown was not taken in yet.
    :raises AppealBySame: the same person decided before the appeal.
    :raises VerdictUnexplained: the rules say otherwise, and nobody said why.
    :raises HouseIsParty: the rules say otherwise, and the platform is one of the parties.
    """
    ensure(actor, Permission.CASES_RULE)
    is_on_its_way = await _is_on_its_way(case_id, now=now)
    async with db.platform_transaction(actor):
        await entries.lock()
        row = await _held(case_id)
        claims = await _claims(case_id)
        states.ensure_can_be_ruled(
            CaseState(row["state"]),
            decide_by=row["decide_by"],
            parties=frozenset(each.id for each in claims),
            winner=asked.winner_id,
            now=now,
        )
        left = await disputes.left_in(case_id)
        states.ensure_heard(
            evidence_until=row["evidence_until"],
            is_waived=all(each["waived_at"] or _is_house([each]) for each in left),
            is_on_its_way=is_on_its_way,
            now=now,
        )
        states.ensure_another(row["first_by"], actor.user_id)
        by_rules = order.decide(claims, await rulebook.rules_at(row["opened_at"]))
        winner = asked.winner_id or by_rules.first
        is_otherwise = winner not in by_rules.winners
        is_house = is_otherwise and _is_house(await disputes.parties_of(case_id))
        states.ensure_impartial(is_house=is_house)
        if is_otherwise and not asked.reason.strip():
            raise VerdictUnexplained(
                "The rules say otherwise; say why you do not follow them.", field="reason"
            )
        told = asked.reason or None
        await _write(row, by_rules, claims, winner, by=actor.user_id, reason=told, now=now)
        await audit.record_platform_write(
            actor, "registration_case.decided", subject_id=case_id, now=now
        )
        await outbox.add(RULED, {"id": str(case_id)}, tenant_id=None, now=now)
    return await queries.case(actor, case_id, now=now)


async def _is_on_its_way(case_id: UUID, *, now: datetime) -> bool:
    """Say whether evidence that was brought in time may still be on its way to a case."""
    async with db.job_transaction():
        until = await db.connection().fetchval(_EVIDENCE_UNTIL, case_id)
        before = now if until is None else min(until, now)
        return await _is_waited_for(case_id, before, now)


async def _is_waited_for(case_id: UUID, before: datetime, now: datetime) -> bool:
    """Say, in the worker's transaction, whether evidence for this case alone is on its way."""
    about = {"case_id": str(case_id)}
    return await outbox.is_waited_for(SHOWN, before=before, now=now, about=about)


def _is_house(parties: Iterable[asyncpg.Record]) -> bool:
    """Say whether the platform is one of the parties."""
    return any(each["tenant_id"] == PLATFORM_TENANT for each in parties)


# ------------------------------------------------------------------------------ the worker's


async def add_evidence(
    shown_id: UUID,
    registration_id: UUID,
    *,
    kind: str,
    happened_at: datetime,
    is_vouched: bool,
    now: datetime,
) -> None:
    """Put what an agent has shown to the case, by kind and time; again changes nothing."""
    async with db.job_transaction():
        await db.connection().execute(
            _ADD_EVIDENCE, shown_id, registration_id, kind, happened_at, is_vouched, now
        )


async def add_waiver(registration_id: UUID, *, now: datetime) -> None:
    """Note that a party brings no more evidence; again changes nothing."""
    async with db.job_transaction():
        await db.connection().execute(_WAIVE, registration_id, now)


async def decide_due(case_id: UUID, *, now: datetime) -> None:
    """Let the rules decide a case that no arbitrator has decided in time."""
    async with db.job_transaction():
        await entries.lock()
        row = await _held(case_id)
        is_waiting = row["state"] in {CaseState.OPEN, CaseState.APPEALED}
        if is_waiting and now >= row["decide_by"]:
            if await _is_waited_for(case_id, row["evidence_until"], now):
                told, later = {"id": str(case_id)}, now + LEAST
                await outbox.add(disputes.DUE, told, tenant_id=None, now=now, run_at=later)
                return
            claims = await _claims(case_id)
            by_rules = order.decide(claims, await rulebook.rules_at(row["opened_at"]))
            await _write(row, by_rules, claims, by_rules.first, by=None, reason=None, now=now)
            await disputes.apply(case_id, now=now)


async def apply(case_id: UUID, *, now: datetime) -> None:
    """Bring a case's registrations to what an arbitrator has decided."""
    async with db.job_transaction():
        await entries.lock()
        await disputes.apply(case_id, now=now)


async def _held(case_id: UUID) -> asyncpg.Record:
    """Lock a case, in an open transaction of the platform or the worker."""
    row = await db.connection().fetchrow(_HOLD, case_id)
    if row is None:
        raise NotFound
    return row


async def _claims(case_id: UUID) -> list[Claim]:
    """Give the parties that a case still decides about as the rules see them.

    They are protected since when they were as the case began, whatever a verdict has said since;
    the first thing that each has shown and the server itself has seen counts as its evidence.
    """
    parties = await disputes.left_in(case_id)
    shown = await db.connection().fetch(_VOUCHED, [each["id"] for each in parties])
    first = {row["entry_id"]: clock.to_ms(row["first"]) for row in shown}
    claims = []
    for entry, claim in zip(parties, await entries.claims_of(parties), strict=True):
        since = entry["was_live_since"]
        told = msgspec.structs.replace(
            claim,
            has_word=entry["has_word"],
            live_since_ms=None if since is None else clock.to_ms(since),
            evidence_ms=first.get(entry["id"], msgspec.UNSET),
        )
        claims.append(told)
    return claims


async def _write(
    row: asyncpg.Record,
    verdict: order.Verdict,
    claims: list[Claim],
    winner: UUID | None,
    *,
    by: UUID | None,
    reason: str | None,
    now: datetime,
) -> None:
    """Write a decision down, with what the rules saw and said."""
    await waits.end([each.id for each in claims], now=now)
    rules = (await rulebook.rules_by_version())[verdict.rules_version]
    verdict_id = await entries.write_verdict(verdict, claims, rules, case_id=row["id"], now=now)
    given = (await rulebook.terms_at(now)).terms
    is_last = row["appeals"] > 0
    await db.connection().execute(
        _DECIDE,
        row["id"],
        CaseState.CLOSED if is_last else CaseState.DECIDED,
        *(winner, now, by, reason),
        None if is_last else now + given.appeal_days * terms.DAY,
        verdict_id,
    )
