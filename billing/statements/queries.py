"""Read statements. An agent's transaction sees its own, the platform's role all."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.ledger.schemas import Finding
from billing.statements import rules
from billing.statements.rules import Account
from billing.statements.schemas import (
    DisputeRow,
    PlacedLine,
    Said,
    StatementLineView,
    StatementNotFound,
    StatementRow,
    StatementView,
)
from billing.statements.tables import Statement, StatementAccount, StatementLine

_ROW: Final = """
SELECT id, agent_id, period, currency, hash, lines, answer_by, drawn_by, drawn_at,
    said.confirmed, said.disputes, said.open_disputes, said.last_answer_on,
    coalesce((
        SELECT jsonb_agg(to_jsonb(one) - 'hash' - 'statement_id' - 'agent_id' ORDER BY side)
        FROM statement_signature one WHERE statement_id = statement.id
    ), '[]') AS signatures
FROM statement CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE said = 'confirmed') AS confirmed,
        count(*) FILTER (WHERE said = 'disputed') AS disputes,
        count(*) FILTER (WHERE said = 'disputed' AND outcome IS NULL) AS open_disputes,
        (max(answered_at) AT TIME ZONE 'Asia/Shanghai')::date AS last_answer_on
    FROM statement_answer WHERE statement_id = statement.id
) said WHERE
"""
_LIST: Final = """
({}::uuid IS NULL OR agent_id = {}) AND ({}::date IS NULL OR (period, id) < ({}::date, {}::uuid))
ORDER BY period DESC, id DESC LIMIT {}
"""
_ACCOUNTS: Final = """
SELECT account_id, kind, subject_id, after_version, last_version, opening_pending, opening_posted,
    closing_pending, closing_posted, lines_digest
FROM statement_account WHERE statement_id = {} ORDER BY kind, account_id
"""
_LINE: Final = """
SELECT line.n, line.account_id, line.version, line.transfer_id, line.event, line.on_day AS "on",
    line.pending_minor, line.posted_minor, line.posted_after, answer.said, answer.reason,
    answer.evidence, answer.said_at, answer.due_on, answer.outcome, answer.note,
    answer.transfer_id AS correction_id, answer.answered_at
"""
_LINES: Final = f"""
{_LINE}
FROM statement_line line LEFT JOIN statement_answer answer USING (statement_id, n)
WHERE statement_id = {{}} AND n > {{}} ORDER BY n LIMIT {{}}
"""
_SAID: Final = """
SELECT line.n, answer.said
FROM statement_line line LEFT JOIN statement_answer answer USING (statement_id, n)
WHERE statement_id = {} AND n = ANY ({}::integer[])
"""
_DISPUTES: Final = f"""
{_LINE}, statement_id, statement.agent_id, statement.period, statement.currency
FROM statement_answer answer JOIN statement_line line USING (statement_id, n)
JOIN statement ON statement.id = statement_id
WHERE answer.said = 'disputed' AND answer.outcome IS NULL
AND ({{}}::uuid IS NULL OR statement_id = {{}}::uuid)
AND ({{}}::date IS NULL
    OR (answer.due_on, statement_id, n) > ({{}}::date, {{}}::uuid, {{}}::integer))
ORDER BY answer.due_on, statement_id, n LIMIT {{}}
"""

_PLACED: Final = """
SELECT entry.transfer_id, line.statement_id, line.n, statement.period
FROM ledger_entry entry JOIN statement_line line USING (account_id, version)
JOIN statement ON statement.id = line.statement_id
WHERE entry.transfer_id = ANY ({}::uuid[]) AND ({}::uuid IS NULL OR line.agent_id = {}::uuid)
"""

I14: Final = {
    "a statement's lines are the ledger's": """
        SELECT account.statement_id || ' ' || account.account_id AS subject
        FROM statement_account account
        LEFT JOIN LATERAL (
            SELECT count(*) AS lines, coalesce(sum(entry.pending_minor), 0) AS pending,
                coalesce(sum(entry.posted_minor), 0) AS posted,
                bool_and((line.transfer_id, line.pending_minor, line.posted_minor)
                    = (entry.transfer_id, entry.pending_minor, entry.posted_minor)) AS are_same
            FROM statement_line line
            JOIN ledger_entry entry USING (account_id, version)
            WHERE line.statement_id = account.statement_id
            AND line.account_id = account.account_id
            AND version > account.after_version AND version <= account.last_version
        ) told ON true
        WHERE NOT coalesce(told.are_same, told.lines = 0)
        OR told.lines <> account.last_version - account.after_version
        OR opening_pending + told.pending <> closing_pending
        OR opening_posted + told.posted <> closing_posted
    """,
    "a month opens with what the one before closed with": """
        SELECT next.statement_id || ' ' || next.account_id AS subject
        FROM statement_account next JOIN statement ON statement.id = next.statement_id
        JOIN statement before ON (before.agent_id, before.currency)
            = (statement.agent_id, statement.currency)
            AND before.period = (statement.period - interval '1 month')::date
        LEFT JOIN statement_account last ON (last.statement_id, last.account_id)
            = (before.id, next.account_id)
        WHERE (next.after_version, next.opening_pending, next.opening_posted)
            <> (coalesce(last.last_version, next.after_version),
                coalesce(last.closing_pending, 0), coalesce(last.closing_posted, 0))
    """,
    "what was earned was paid out or is carried": """
        SELECT account.id::text AS subject FROM ledger_account account
        LEFT JOIN LATERAL (
            SELECT sum(amount_minor) AS minor FROM commission_item
            WHERE agent_id = account.owner_id AND currency = account.currency
        ) item ON true
        LEFT JOIN LATERAL (
            SELECT sum(amount_minor) AS minor FROM payout_payment
            WHERE agent_id = account.owner_id AND currency = account.currency
            AND state IN ('ordered', 'paid')
        ) paid ON true
        WHERE account.kind = 'commission' AND account.credits_posted - account.debits_posted
            <> coalesce(item.minor, 0) - coalesce(paid.minor, 0)
    """,
}
"""What lists contradictions of I14, by what holds otherwise."""


async def statement(statement_id: UUID) -> StatementView:
    """Give a statement with its accounts.

    :raises StatementNotFound: there is none.
    """
    rows = await Statement.raw(_ROW + "id = {}", statement_id)
    if not rows:
        raise StatementNotFound("There is no such statement.")
    accounts = await StatementAccount.raw(_ACCOUNTS, statement_id)
    return msgspec.convert({**_read(rows[0]), "accounts": accounts}, StatementView)


async def of_month(agent_id: UUID, period: date, currency: str) -> UUID | None:
    """Give the id of an agent's statement of a month, if it was drawn up."""
    where = "SELECT id FROM statement WHERE (agent_id, period, currency) = ({}, {}, {})"
    rows = await Statement.raw(where, agent_id, period, currency)
    return rows[0]["id"] if rows else None


async def statements(
    *, agent_id: UUID | None = None, before: tuple[date, UUID] | None = None, limit: int
) -> list[StatementRow]:
    """List statements, the newest month first.

    :param agent_id: this agent's alone.
    :param before: month and id of the last one that was seen.
    """
    period, statement_id = before or (None, None)
    rows = await Statement.raw(
        _ROW + _LIST, agent_id, agent_id, period, period, statement_id, limit
    )
    return [msgspec.convert(_read(row), StatementRow) for row in rows]


def _read(row: dict[str, Any]) -> dict[str, Any]:
    """Read the signatures of a row."""
    return {**row, "signatures": msgspec.json.decode(row["signatures"])}


async def lines(statement_id: UUID, *, after: int = 0, limit: int) -> list[StatementLineView]:
    """List a statement's lines above a number, with what was said of each."""
    rows = await StatementLine.raw(_LINES, statement_id, after, limit)
    return msgspec.convert(rows, list[StatementLineView])


async def line(statement_id: UUID, n: int) -> StatementLineView:
    """Give one line.

    :raises StatementNotFound: there is none.
    """
    found = await lines(statement_id, after=n - 1, limit=1)
    if not found or found[0].n != n:
        raise StatementNotFound("There is no such line in this statement.")
    return found[0]


async def said(statement_id: UUID, numbers: Sequence[int]) -> dict[int, Said | None]:
    """Give what was said of lines, by number; those that it does not have are left out."""
    rows = await StatementLine.raw(_SAID, statement_id, list(numbers))
    return {row["n"]: Said(row["said"]) if row["said"] else None for row in rows}


async def disputes(
    *,
    statement_id: UUID | None = None,
    after: tuple[date, UUID, int] | None = None,
    limit: int,
) -> list[DisputeRow]:
    """List the disputes that wait for an answer, the most urgent first. Platform's role only.

    :param statement_id: only this one's.
    :param after: due day, statement and line of the last one that was seen.
    """
    due_on, last_id, n = after or (None, None, None)
    about = (statement_id, statement_id, due_on, due_on, last_id, n)
    rows = await StatementLine.raw(_DISPUTES, *about, limit)
    return msgspec.convert(rows, list[DisputeRow])


async def placed(transfer_ids: Sequence[UUID], *, agent_id: UUID | None = None) -> list[PlacedLine]:
    """Say where movements stand in statements; those of no statement yet are left out.

    Platform's role only.

    :param agent_id: in this agent's alone.
    """
    rows = await StatementLine.raw(_PLACED, list(transfer_ids), agent_id, agent_id)
    return msgspec.convert(rows, list[PlacedLine])


async def contradictions() -> list[Finding]:
    """List every statement that is not what the ledger says (I14). Platform's role only."""
    found = [
        Finding("I14", f"{row['subject']}: not so that {what}")
        for what, check in I14.items()
        for row in await Statement.raw(check)
    ]
    for row in await Statement.raw("SELECT id, agent_id, period, currency, hash FROM statement"):
        accounts = await StatementAccount.raw(_ACCOUNTS, row["id"])
        told = msgspec.convert(accounts, list[Account])
        digest = rules.content_hash(row["agent_id"], row["period"], row["currency"], told)
        if digest != bytes(row["hash"]):
            found.append(Finding("I14", f"{row['id']}: it is not what its hash says"))
    return found
