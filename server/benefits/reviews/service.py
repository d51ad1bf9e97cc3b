"""Screen what was issued, hold what looks like fraud, and have somebody decide about it.

Screening sees all agents of a program, behind the platform's door: the worker does it every minute,
and whoever is about to use a benefit that was not screened yet. What is held stays held on its
budget; nobody is refused by a rule.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.ledger.schemas import Code
from billing.redemptions import service as redemptions
from billing.redemptions.schemas import Kind, Wish
from server.access import PLATFORM_TENANT, Actor, Permission, Role, ensure, of_the_product
from server.audit import service as audit
from server.benefits import queries as benefits
from server.benefits.reviews import queries, rules
from server.benefits.reviews.rules import (
    AppealMade,
    Guards,
    Raised,
    ReviewDecided,
    ReviewState,
    Verdict,
)
from server.benefits.reviews.schemas import (
    GuardsView,
    OwnReviewView,
    ReviewAppeal,
    ReviewDecision,
    ReviewRecord,
)
from server.identity import queries as identity
from server.kit import db, ids, outbox
from server.kit.errors import NotFound
from server.notifications import service as notifications
from server.notifications.rules import Kind as NoticeKind

SCREEN: Final = "benefits.screen"
MOVED: Final = "benefits.review_moved"
"""The outbox's topic: an agent is told of a review of its own."""

_SCREENER: Final = of_the_product(PLATFORM_TENANT, role=Role.PLATFORM_OPERATOR, name=SCREEN)
_NEW: Final = "SELECT DISTINCT program_id FROM benefit_trace WHERE screened_at IS NULL"
_ONE: Final = """
SELECT t.program_id, t.screened_at IS NULL AS is_new FROM benefit_trace t WHERE t.issuance_id = $1
"""
_IN_TURN: Final = "SELECT pg_advisory_xact_lock(hashtextextended('benefits.screen:' || $1, 0))"
# Whose benefit was found to be in order once is not held for the same again, but for each that is
# beyond what a customer may have. What is being used at the moment is left alone.
_OPEN: Final = """
INSERT INTO benefit_review (
    issuance_id, agent_id, program_id, customer_token, person_id, approved_by, signals, state,
    opened_at, due_at
)
SELECT t.issuance_id, t.agent_id, t.program_id, t.customer_token, t.person_id, t.approved_by,
    seen.signals, 'waiting', $2, $3
FROM jsonb_to_recordset($4::jsonb) AS seen (issuance_id uuid, signals jsonb)
JOIN benefit_trace t ON t.issuance_id = seen.issuance_id
JOIN issuance i ON i.id = t.issuance_id
WHERE i.state = 'issued' AND (
    seen.signals @> '[{"signal": "beyond_limit"}]' OR NOT EXISTS (
        SELECT FROM benefit_review cleared
        WHERE cleared.program_id = $1 AND cleared.customer_token = t.customer_token
        AND cleared.state IN ('released', 'granted')
    )
)
ORDER BY t.issuance_id FOR NO KEY UPDATE OF i SKIP LOCKED
ON CONFLICT (issuance_id) DO NOTHING RETURNING issuance_id, agent_id
"""
_SCREENED: Final = """
UPDATE benefit_trace SET screened_at = $2
WHERE program_id = $1 AND screened_at IS NULL AND issuance_id = ANY ($3::uuid[])
"""
_SCREENED_OLD: Final = """
UPDATE benefit_trace SET screened_at = $2
WHERE program_id = $1 AND screened_at IS NULL AND issued_at < $3
"""
_KEEP_STILL: Final = "SELECT FROM issuance WHERE id = $1 FOR NO KEY UPDATE"
_IS_HELD: Final = """
SELECT EXISTS (SELECT FROM benefit_review WHERE issuance_id = $1 AND state = 'waiting')
"""
_LOCK: Final = """
SELECT state, agent_id, person_id, approved_by, decided_by, owner_id FROM benefit_review
WHERE issuance_id = $1 FOR UPDATE
"""
_TAKE: Final = "UPDATE benefit_review SET owner_id = $2 WHERE issuance_id = $1"
_DECIDE: Final = """
UPDATE benefit_review SET state = $2, decided_by = $3, decided_at = $4, reason = $5
WHERE issuance_id = $1
"""
_SETTLE: Final = """
UPDATE benefit_review SET state = $2, settled_by = $3, settled_at = $4, settled_reason = $5
WHERE issuance_id = $1
"""
_APPEAL: Final = """
UPDATE benefit_review v SET state = 'appealed', appeal = $3, appealed_by = $4, appealed_at = $5
FROM issuance i WHERE i.id = v.issuance_id AND i.agent_id = $1 AND i.request_key = $2
AND v.state = 'rejected' RETURNING v.issuance_id
"""
_TOLD: Final = """
SELECT r.id, r.requested_by, c.name FROM issuance i
JOIN benefit_request r ON r.tenant_id = i.agent_id AND r.id = i.request_key
JOIN customer c ON c.tenant_id = r.tenant_id AND c.id = r.customer_id
WHERE i.id = $1
"""
KINDS: Final = {
    state: NoticeKind.BENEFIT_HELD if state is ReviewState.WAITING else NoticeKind.BENEFIT_REVIEWED
    for state in ReviewState
}
"""What an agent's people are told when a review has come to a state."""
_LAST: Final = "SELECT coalesce(max(version), 0) FROM benefit_guard WHERE program_id = $1"
_GUARD: Final = """
INSERT INTO benefit_guard (program_id, version, guards, set_by, set_at)
VALUES ($1, $2, $3::jsonb, $4, $5)
"""


# --------------------------------------------------------------------------------- screening


async def screen(now: datetime) -> None:
    """Screen what was issued since the last time, a program and a transaction at a time."""
    async with db.platform_transaction(_SCREENER):
        programs = [row["program_id"] for row in await db.connection().fetch(_NEW)]
    for program_id in programs:
        async with db.platform_transaction(_SCREENER):
            await _screen(program_id, now=now)


async def is_held(issuance_id: UUID, *, now: datetime) -> bool:
    """Say whether a benefit may not be used; what was not screened yet is screened now.

    In the open transaction of the platform, which keeps the benefit as it is until it ends, and is
    to be committed whatever the answer.
    """
    found = await db.connection().fetchrow(_ONE, issuance_id)
    if found is not None and found["is_new"]:
        await _screen(found["program_id"], now=now)
    await db.connection().execute(_KEEP_STILL, issuance_id)
    return bool(await db.connection().fetchval(_IS_HELD, issuance_id))


async def _screen(program_id: UUID, *, now: datetime) -> None:
    """Look at a program's benefits together, and hold those that look like fraud."""
    await db.connection().execute(_IN_TURN, str(program_id))
    guards = (await queries.guards_of(program_id)).guards
    traces = await queries.traces(program_id, now=now)
    seen = rules.screen(traces, guards, now=now)
    held = {each: raised for each, raised in seen.items() if rules.held(raised, guards)}
    if held:
        await _open(program_id, held, guards, now=now)
    await db.connection().execute(_SCREENED, program_id, now, [each.id for each in traces])
    # What came so late that it lies before all that is looked at is not waited for.
    await db.connection().execute(_SCREENED_OLD, program_id, now, now - rules.LOOKS_BACK)


async def _open(
    program_id: UUID, held: dict[UUID, list[Raised]], guards: Guards, *, now: datetime
) -> None:
    """Open a review of each that has none and of which something is left; its agent is told."""
    rows = [
        {
            "issuance_id": each,
            "signals": sorted(
                (msgspec.structs.asdict(one) for one in raised),
                key=lambda one: -guards.weight(one["signal"]),
            ),
        }
        for each, raised in held.items()
    ]
    due_at = now + timedelta(hours=guards.hours_to_decide)
    opened = await db.connection().fetch(
        _OPEN, program_id, now, due_at, msgspec.json.encode(rows).decode()
    )
    agents = [row["agent_id"] for row in opened]
    await audit.record_platform_read(_SCREENER, agents, "benefits.review_opened", now=now)
    for row in opened:
        await _tell(row["issuance_id"], row["agent_id"], ReviewState.WAITING, now=now)


async def _tell(issuance_id: UUID, agent_id: UUID, state: ReviewState, *, now: datetime) -> None:
    """Have the agent told what became of a review."""
    payload = {"issuance_id": str(issuance_id), "state": str(state)}
    await outbox.add(MOVED, payload, tenant_id=agent_id, now=now)


async def set_guards(
    actor: Actor, program_id: UUID, guards: Guards, *, now: datetime
) -> GuardsView:
    """Set from when on what counts as a signal in a program; the same again changes nothing.

    :raises NotFound: there is no such program.
    """
    ensure(actor, Permission.PROGRAMS_MANAGE)
    async with db.platform_transaction(actor):
        await benefits.program(actor, program_id)
        await db.connection().execute(_IN_TURN, str(program_id))
        if (await queries.guards_of(program_id)).guards != guards:
            version = await db.connection().fetchval(_LAST, program_id) + 1
            text = msgspec.json.encode(guards).decode()
            await db.connection().execute(_GUARD, program_id, version, text, actor.user_id, now)
            await audit.record_platform_write(
                actor, "benefit_guards.set", subject_id=program_id, now=now, version=version
            )
        return await queries.guards_of(program_id)


async def tell(tenant_id: UUID, issuance_id: UUID, state: str, *, now: datetime) -> None:
    """Tell who asked for a benefit, and the owners, what became of its review."""
    async with db.tenant_transaction(tenant_id):
        row = await db.connection().fetchrow(_TOLD, issuance_id)
        await notifications.tell(
            tenant_id,
            [row["requested_by"], *await identity.owners(tenant_id)],
            KINDS[ReviewState(state)],
            key=f"benefit_review:{issuance_id}:{state}",
            subject=row["name"],
            page="/benefits",
            subject_id=row["id"],
            now=now,
        )


# ------------------------------------------------------------------------------- the platform


async def take(actor: Actor, issuance_id: UUID, *, now: datetime) -> ReviewRecord:
    """Say that one looks at a review; whoever says so last is its owner.

    :raises NotFound: there is none of this benefit.
    :raises ReviewDecided: nothing is to be decided now.
    :raises OwnReview: one had a hand in it.
    """
    ensure(actor, Permission.ISSUANCES_VOID)
    async with db.platform_transaction(actor):
        held = await _lock(issuance_id)
        rules.outcome(ReviewState(held["state"]), Verdict.RELEASE)
        _ensure_may_decide(actor, held)
        if held["owner_id"] != actor.user_id:
            await db.connection().execute(_TAKE, issuance_id, actor.user_id)
            await audit.record_platform_write(
                actor, "benefit_review.taken", subject_id=issuance_id, now=now
            )
        return await queries.one(issuance_id)


async def decide(
    actor: Actor, issuance_id: UUID, decision: ReviewDecision, *, now: datetime
) -> ReviewRecord:
    """Release a benefit or withdraw it, or say of an answer whether that was an error, for good.

    What is rejected is withdrawn in this transaction. The agent is told with the reason.

    :raises NotFound: there is none of this benefit.
    :raises ReviewDecided: nothing is to be decided now.
    :raises OwnReview: one had a hand in it.
    """
    ensure(actor, Permission.ISSUANCES_VOID)
    async with db.platform_transaction(actor):
        held = await _lock(issuance_id)
        state = ReviewState(held["state"])
        after = rules.outcome(state, decision.verdict)
        _ensure_may_decide(actor, held)
        if after is ReviewState.REJECTED:
            await _withdraw(actor, issuance_id, decision.reason, now=now)
        statement = _DECIDE if state is ReviewState.WAITING else _SETTLE
        await db.connection().execute(
            statement, issuance_id, after, actor.user_id, now, decision.reason
        )
        agents = [held["agent_id"]]
        await audit.record_platform_read(
            actor, agents, f"benefits.review_{after}", now=now, issuance_id=issuance_id
        )
        await audit.record_platform_write(
            actor,
            f"benefit_review.{after}",
            subject_id=issuance_id,
            now=now,
            agent_id=held["agent_id"],
        )
        await _tell(issuance_id, held["agent_id"], after, now=now)
        return await queries.one(issuance_id)


async def _lock(issuance_id: UUID) -> Any:
    """Give a review, for this transaction alone.

    :raises NotFound: there is none of this benefit.
    """
    held = await db.connection().fetchrow(_LOCK, issuance_id)
    if held is None:
        raise NotFound
    return held


def _ensure_may_decide(actor: Actor, held: Any) -> None:
    """Refuse who had a hand in it."""
    involved = (held["person_id"], held["approved_by"], held["decided_by"])
    rules.ensure_may_decide(actor.user_id, involved)


async def _withdraw(actor: Actor, issuance_id: UUID, reason: str, *, now: datetime) -> None:
    """Withdraw what is left of a benefit; one that is over by now needs nothing."""
    wish = Wish(key=ids.new_id(now), kind=Kind.REVOKE, issuance_id=issuance_id, reason=reason)
    settled = await redemptions.settle(
        wish,
        transfer_ids=[ids.new_id(now) for _ in range(redemptions.IDS)],
        owner_id=PLATFORM_TENANT,
        actor_id=actor.user_id,
        now=now,
    )
    over = {Code.RECORDED, Code.ALREADY_VOIDED, Code.ALREADY_EXPIRED, Code.ALREADY_POSTED}
    assert settled.code in over, f"what is left is withdrawn: {settled.code}"


# ---------------------------------------------------------------------------------- the agents


async def appeal(
    actor: Actor, request_id: UUID, given: ReviewAppeal, *, now: datetime
) -> OwnReviewView:
    """Answer a rejection, once; somebody else of the platform decides, for good.

    The same answer again is answered the same.

    :raises NotFound: there is no review of such a benefit.
    :raises ReviewDecided: nothing was rejected.
    :raises AppealMade: it was answered otherwise before.
    """
    actor.ensure_agent()
    ensure(actor, Permission.USERS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        held = await queries.own(actor, request_id)
        if held is None:
            raise NotFound
        if held.appeal is not None and held.appeal != given.answer:
            raise AppealMade("This was answered before; what was said then is looked at.")
        if held.appeal is None:
            answered = await db.connection().fetchval(
                _APPEAL, actor.tenant_id, request_id, given.answer, actor.user_id, now
            )
            if answered is None:
                raise ReviewDecided("There is no rejection that could be answered.")
            await audit.record(actor, "benefit_review.appealed", subject_id=request_id, now=now)
        found = await queries.own(actor, request_id)
    assert found is not None, "a review stays"
    return found
