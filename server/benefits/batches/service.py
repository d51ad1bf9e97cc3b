"""Make batches, approve them as they are, and have the worker issue them row by row."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.benefits import deciding
from server.benefits.batches import queries, rules
from server.benefits.batches.rules import COLUMNS, ROWS_MAX, BatchState, Named, Row, RowRefusal
from server.benefits.batches.schemas import (
    Approval,
    BatchRefusal,
    BatchView,
    NewBatch,
    Outcomes,
    Withdraw,
)
from server.benefits.deciding import Decided, Wanted
from server.benefits.reviews.traces import Asker
from server.benefits.rules import Program, customer_token
from server.customers import queries as customers
from server.customers import references
from server.imports import service as imports
from server.imports.rules.columns import Vocabulary
from server.kit import db, outbox
from server.kit.errors import IdReused, NotFound
from server.partners import queries as partners

APPROVED: Final = "benefits.batch_approved"
"""The outbox's topic: a batch may be issued."""

_CHUNK: Final = 200
"""Rows that are issued in one transaction."""
_VOCABULARY: Final = Vocabulary(COLUMNS)
_GIVEN_MAX: Final = 200

_PROGRAM: Final = """
SELECT id, name, amount_minor, currency, limit_per_customer, opens_at, closes_at, token_key
FROM benefit_program WHERE id = $1
"""
_ADD: Final = """
INSERT INTO benefit_batch (
    id, agent_id, program_id, asked_hash, content_hash, rows, open_rows, amount_minor, currency,
    state, made_by, made_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'submitted', $10, $11)
ON CONFLICT (id) DO NOTHING RETURNING id
"""
_ADD_ROWS: Final = """
INSERT INTO benefit_batch_row (
    tenant_id, id, batch_id, place, given, customer_id, code, decided_at
)
SELECT $1, id, $2, place, given, customer_id, code,
    CASE WHEN code IS NOT NULL THEN $3::timestamptz END
FROM unnest($4::uuid[], $5::integer[], $6::text[], $7::uuid[], $8::text[])
    AS row (id, place, given, customer_id, code)
"""
_ASKED: Final = "SELECT asked_hash FROM benefit_batch WHERE id = $1"
_LOCK: Final = """
SELECT state, program_id, content_hash, approved_hash, made_by, decided_by FROM benefit_batch
WHERE id = $1 FOR UPDATE
"""
_WITHDRAW: Final = """
UPDATE benefit_batch_row SET code = $4, decided_at = $5
WHERE tenant_id = $1 AND batch_id = $2 AND place = ANY ($3::integer[]) AND code IS NULL
"""
_OPEN: Final = """
SELECT place, customer_id FROM benefit_batch_row
WHERE tenant_id = $1 AND batch_id = $2 AND code IS NULL ORDER BY place
"""
_RESTATE: Final = """
UPDATE benefit_batch
SET content_hash = $2, open_rows = $3, amount_minor = $4, state = 'submitted' WHERE id = $1
"""
_DECIDE: Final = """
UPDATE benefit_batch
SET state = $2, approved_hash = $3, decided_by = $4, decided_at = $5, reason = $6 WHERE id = $1
"""
_BEGIN: Final = "UPDATE benefit_batch SET state = 'issuing' WHERE id = $1"
_FINISH: Final = "UPDATE benefit_batch SET state = 'issued', finished_at = $2 WHERE id = $1"
_NEXT: Final = """
SELECT id, customer_id FROM benefit_batch_row
WHERE tenant_id = $1 AND batch_id = $2 AND code IS NULL ORDER BY place LIMIT $3
"""
_REQUESTS: Final = """
INSERT INTO benefit_request (
    tenant_id, id, customer_id, program_id, amount_minor, currency, state, refusal_code,
    requested_by, requested_at, decided_at, rules_version, facts
)
SELECT $1, id, customer_id, $2, $3, $4, CASE WHEN code IS NULL THEN 'issued' ELSE 'refused' END,
    code, $5, $6, $6, version, facts::jsonb
FROM unnest($7::uuid[], $8::uuid[], $9::text[], $10::integer[], $11::text[])
    AS row (id, customer_id, code, version, facts)
ON CONFLICT (tenant_id, id) DO NOTHING
"""
_OUTCOMES: Final = """
UPDATE benefit_batch_row held SET code = coalesce(row.code, 'issued'), decided_at = $2
FROM unnest($3::uuid[], $4::text[]) AS row (id, code)
WHERE held.tenant_id = $1 AND held.id = row.id
"""

references.register(references.Reference("benefit_batch_row", "customer_id"))


# ---------------------------------------------------------------------------------- the agents


async def submit(actor: Actor, new: NewBatch, *, now: datetime) -> Outcomes:
    """Make a batch of customers that are named, or that a filter leaves.

    :raises BatchEmpty: nobody is named.
    :raises BatchTooLarge: more are than one batch takes.
    :raises IdReused: the id is that of another batch.
    :raises NotFound: there is no such program.
    """
    _ensure_may_make(actor)
    asked_hash = hashlib.sha256(msgspec.json.encode(new)).hexdigest()
    async with db.tenant_transaction(actor.tenant_id):
        chosen = new.customers or []
        if new.customers is None and new.filters is not None:
            found = await customers.chosen(actor, new.filters, limit=ROWS_MAX + 1)
            chosen = [each.id for each in found]
        asked = [
            (place, str(each), Named(customer_id=each)) for place, each in enumerate(chosen, 1)
        ]
        return await _add(actor, new.id, new.program_id, asked_hash, asked, now=now)


async def submit_file(
    actor: Actor, batch_id: UUID, program_id: UUID, content: bytes, *, now: datetime
) -> Outcomes:
    """Make a batch of the rows of a spreadsheet: by number, credit code, phone or name.

    :raises FileNotRead: with the reader's reason.
    :raises BatchEmpty: it has no rows.
    """
    _ensure_may_make(actor)
    asked = [
        (number, " ".join(filter(None, cells.values()))[:_GIVEN_MAX], rules.named(cells))
        for number, cells in await imports.table(actor, content, _VOCABULARY)
    ]
    asked_hash = hashlib.sha256(program_id.bytes + content).hexdigest()
    async with db.tenant_transaction(actor.tenant_id):
        return await _add(actor, batch_id, program_id, asked_hash, asked, now=now)


def _ensure_may_make(actor: Actor) -> None:
    """Refuse who makes no batches."""
    actor.ensure_agent()
    ensure(actor, Permission.BENEFITS_BATCH)


async def _add(
    actor: Actor,
    batch_id: UUID,
    program_id: UUID,
    asked_hash: str,
    asked: Sequence[tuple[int, str, Named]],
    *,
    now: datetime,
) -> Outcomes:
    """Write a batch down with all its rows, or find that it was."""
    held = await db.connection().fetchval(_ASKED, batch_id)
    if held is None:
        await partners.ensure_begins(actor.tenant_id, now=now)
        rules.ensure_size(len(asked))
        program, token_key = await _program(program_id)
        keys = {meant.key for _, _, meant in asked if meant.key is not None}
        rows = rules.settled(asked, await queries.known_by(actor, keys))
        is_first = await _keep(actor, batch_id, program, token_key, asked_hash, rows, now=now)
        # Another company's is not seen here, and no twin of this one.
        held = asked_hash if is_first else await db.connection().fetchval(_ASKED, batch_id)
    if held != asked_hash:
        raise IdReused("This id belongs to another batch; make a new one.", field="id")
    return await queries.batch(actor, batch_id)


async def _keep(
    actor: Actor,
    batch_id: UUID,
    program: Program,
    token_key: bytes,
    asked_hash: str,
    rows: Sequence[Row],
    *,
    now: datetime,
) -> bool:
    """Write a batch and its rows; False when its id is taken."""
    open_rows = [(row.place, row.customer_id) for row in rows if row.customer_id is not None]
    added = await db.connection().fetchval(
        _ADD,
        *(batch_id, actor.tenant_id, program.id, asked_hash),
        _hash(program, token_key, actor.tenant_id, open_rows),
        *(len(rows), len(open_rows), len(open_rows) * program.amount_minor, program.currency),
        *(actor.user_id, now),
    )
    if added is None:
        return False
    await db.connection().execute(
        _ADD_ROWS,
        *(actor.tenant_id, batch_id, now),
        [rules.request_id(batch_id, row.place) for row in rows],
        [row.place for row in rows],
        [row.given for row in rows],
        [row.customer_id for row in rows],
        [row.code for row in rows],
    )
    await audit.record(
        actor,
        "benefit_batch.submitted",
        subject_id=batch_id,
        now=now,
        program_id=program.id,
        rows=len(rows),
    )
    return True


async def withdraw(actor: Actor, batch_id: UUID, wanted: Withdraw, *, now: datetime) -> Outcomes:
    """Take rows out before they are issued; an approval of what it was holds no longer.

    :raises BatchDecided: its rows are being issued, or it was declined.
    :raises NotFound: also when it is another tenant's.
    """
    _ensure_may_make(actor)
    async with db.tenant_transaction(actor.tenant_id):
        held = await _lock(batch_id)
        if held["state"] not in {BatchState.SUBMITTED, BatchState.APPROVED}:
            rules.ensure_undecided(BatchState(held["state"]))
        await db.connection().execute(
            _WITHDRAW, actor.tenant_id, batch_id, wanted.places, RowRefusal.WITHDRAWN, now
        )
        await _restate(actor.tenant_id, batch_id, *await _program(held["program_id"]))
        await audit.record(actor, "benefit_batch.rows_withdrawn", subject_id=batch_id, now=now)
        return await queries.batch(actor, batch_id)


async def _restate(tenant_id: UUID, batch_id: UUID, program: Program, token_key: bytes) -> None:
    """Say anew what a batch comes to; it has to be approved again."""
    rows = [tuple(row) for row in await db.connection().fetch(_OPEN, tenant_id, batch_id)]
    digest = _hash(program, token_key, tenant_id, rows)
    await db.connection().execute(
        _RESTATE, batch_id, digest, len(rows), len(rows) * program.amount_minor
    )


# ------------------------------------------------------------------------------- the platform


async def approve(actor: Actor, batch_id: UUID, seen: Approval, *, now: datetime) -> BatchView:
    """Approve a batch as it was looked at; asked again about the same rows it answers the same.

    :raises BatchChanged: its rows are not those that were looked at.
    :raises BatchDecided: it was declined.
    """
    ensure(actor, Permission.BATCHES_APPROVE)
    async with db.platform_transaction(actor):
        held = await _lock(batch_id)
        rules.ensure_unchanged(seen.content_hash, held["content_hash"])
        if held["approved_hash"] != seen.content_hash or held["state"] == BatchState.SUBMITTED:
            rules.ensure_undecided(BatchState(held["state"]))
            view = await _decide(actor, batch_id, BatchState.APPROVED, seen.content_hash, now=now)
            await outbox.add(APPROVED, {"id": str(batch_id)}, tenant_id=view.agent_id, now=now)
        return await queries.one(batch_id)


async def refuse(actor: Actor, batch_id: UUID, why: BatchRefusal, *, now: datetime) -> BatchView:
    """Decline a batch with a reason that its agent reads.

    :raises BatchDecided: it was decided before.
    """
    ensure(actor, Permission.BATCHES_APPROVE)
    async with db.platform_transaction(actor):
        held = await _lock(batch_id)
        rules.ensure_undecided(BatchState(held["state"]))
        return await _decide(actor, batch_id, BatchState.REFUSED, None, why.reason, now=now)


async def _decide(
    actor: Actor,
    batch_id: UUID,
    state: BatchState,
    approved_hash: str | None,
    reason: str | None = None,
    *,
    now: datetime,
) -> BatchView:
    """Write a decision down, for both sides' trails."""
    await db.connection().execute(
        _DECIDE, batch_id, state, approved_hash, actor.user_id, now, reason
    )
    view = await queries.one(batch_id)
    what = f"benefit_batch.{state}"
    await audit.record_platform_read(
        actor, [view.agent_id], f"benefits.batch_{state}", now=now, batch_id=batch_id
    )
    await audit.record_platform_write(
        actor,
        what,
        subject_id=batch_id,
        now=now,
        agent_id=view.agent_id,
        content_hash=view.content_hash,
        amount_minor=view.amount_minor,
    )
    return view


# --------------------------------------------------------------------------------- the worker


async def issue_some(tenant_id: UUID, batch_id: UUID, *, now: datetime) -> bool:
    """Issue some rows of a batch that is approved, in one transaction; say whether more wait.

    Killed at any moment, the next call goes on where the last commit was: a row without an outcome
    is asked for under its own id, which the books answer once.
    """
    async with db.tenant_transaction(tenant_id):
        held = await _lock(batch_id)
        program, token_key = await _program(held["program_id"])
        if held["state"] == BatchState.APPROVED and not await _begin(
            tenant_id, batch_id, program, token_key, held["approved_hash"]
        ):
            return False
        if held["state"] not in {BatchState.APPROVED, BatchState.ISSUING}:
            return False
        rows = await db.connection().fetch(_NEXT, tenant_id, batch_id, _CHUNK)
        if rows:
            decided = await deciding.decide(
                tenant_id,
                program,
                token_key,
                [Wanted(row["id"], row["customer_id"]) for row in rows],
                asker=Asker(person_id=held["made_by"], approved_by=held["decided_by"]),
                now=now,
            )
            await _write(tenant_id, program, decided, held["made_by"], now=now)
        if len(rows) == _CHUNK:
            return True
        await db.connection().execute(_FINISH, batch_id, now)
        return False


async def _begin(
    tenant_id: UUID, batch_id: UUID, program: Program, token_key: bytes, approved_hash: str
) -> bool:
    """Begin with the rows that were approved; of any others nothing is issued."""
    rows = [tuple(row) for row in await db.connection().fetch(_OPEN, tenant_id, batch_id)]
    if _hash(program, token_key, tenant_id, rows) != approved_hash:
        await _restate(tenant_id, batch_id, program, token_key)
        return False
    await db.connection().execute(_BEGIN, batch_id)
    return True


async def _write(
    tenant_id: UUID, program: Program, decided: Sequence[Decided], made_by: UUID, *, now: datetime
) -> None:
    """Write each row's request and outcome; a request that somebody made under its id stays."""
    request_ids = [each.request_id for each in decided]
    codes = [each.refusal_code for each in decided]
    await db.connection().execute(
        _REQUESTS,
        *(tenant_id, program.id, program.amount_minor, program.currency, made_by, now),
        *(request_ids, [each.customer_id for each in decided], codes),
        [each.rules_version for each in decided],
        [msgspec.json.encode(each.facts).decode() for each in decided],
    )
    await db.connection().execute(_OUTCOMES, tenant_id, now, request_ids, codes)


async def _lock(batch_id: UUID) -> Any:
    """Give a batch, for this transaction alone.

    :raises NotFound: it is not there for this side.
    """
    held = await db.connection().fetchrow(_LOCK, batch_id)
    if held is None:
        raise NotFound
    return held


async def _program(program_id: UUID) -> tuple[Program, bytes]:
    """Give a program and what makes its customers' tokens, in an agent's transaction.

    :raises NotFound: there is none.
    """
    row = await db.connection().fetchrow(_PROGRAM, program_id)
    if row is None:
        raise NotFound("There is no program with this id.", field="program_id")
    return msgspec.convert(dict(row), Program), row["token_key"]


def _hash(
    program: Program, token_key: bytes, tenant_id: UUID, rows: Sequence[tuple[int, UUID]]
) -> str:
    """Give the fingerprint of the rows that may be issued."""
    tokens = (
        (place, customer_token(token_key, tenant_id, customer_id)) for place, customer_id in rows
    )
    return rules.content_hash(program, tenant_id, tokens)
