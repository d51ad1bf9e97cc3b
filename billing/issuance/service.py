"""Issue benefits. Each function joins its caller's transaction and says what happened.

The caller commits also when a request is refused, so that the refusal stays the answer to its key.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from billing.budgets import rules as budgets
from billing.issuance.schemas import Issue, IssueCode, Issued, Terms
from billing.issuance.tables import Issuance
from billing.ledger import service as ledger
from billing.money import Currency

_ISSUE: Final = """
SELECT code, issuance_id, is_new
FROM issuance_issue({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}) ORDER BY n
"""
_OPEN_ISSUED: Final = """
INSERT INTO ledger_account (id, owner_id, subject_id, kind, currency, bound, opened_at)
SELECT asked.id, {}, asked.program_id, 'issued', asked.currency, 'debits_within_credits', {}
FROM unnest({}::uuid[], {}::uuid[], {}::text[]) AS asked (id, program_id, currency)
WHERE NOT EXISTS (SELECT FROM ledger_account held WHERE held.id = asked.id)
ORDER BY asked.id ON CONFLICT (id) DO NOTHING
"""
# An agent with an allocation draws on it, and does not keep the others from the pool.
_LOCK: Final = """
SELECT id FROM ledger_account WHERE id = ANY (ARRAY(
    SELECT unnest({}::uuid[])
    UNION ALL
    SELECT coalesce(own.id, asked.pool_id)
    FROM unnest({}::uuid[], {}::uuid[]) AS asked (own_id, pool_id)
    LEFT JOIN ledger_account own ON own.id = asked.own_id AND own.version > 0
)) ORDER BY id FOR NO KEY UPDATE
"""


async def issue(
    terms: Terms, rows: Sequence[Issue], *, group_id: UUID, actor_id: UUID, now: datetime
) -> list[Issued]:
    """Issue benefits of one program, each within its budget and its customer's limit, or refuse it.

    One statement however many rows. Rows are served in their order; one that is refused leaves
    nothing in the books but its answer. Runs in the transaction of the customers' agent.

    :raises AmountOutOfRange: an amount is not one of a movement.
    """
    if not rows:
        return []
    for row in rows:
        ledger.ensure_amount(row.amount.amount_minor)
    places: dict[tuple[UUID, UUID], int] = {}
    first = [places.setdefault((row.agent_id, row.key), len(places)) for row in rows]
    asked: list[Issue] = []
    for row, place in zip(rows, first, strict=True):
        if place == len(asked):
            asked.append(row)
    answers = await Issuance.raw(_ISSUE, *_arguments(terms, asked, group_id, actor_id, now))
    given = [
        Issued(
            key=row.key,
            code=IssueCode(answer["code"]),
            issuance_id=answer["issuance_id"] if answer["code"] == IssueCode.ISSUED else None,
            is_new=answer["is_new"],
        )
        for row, answer in zip(asked, answers, strict=True)
    ]
    if len(asked) == len(rows):
        return given
    return [
        _again(terms, row, asked[place], given[place])
        for row, place in zip(rows, first, strict=True)
    ]


async def queue_up(
    programs: Sequence[tuple[UUID, Currency]], *, agent_id: UUID, now: datetime
) -> None:
    """Lock what an agent's issues of several programs will move, before the first of them.

    `issue` locks the accounts of one program. Who issues of several in one transaction would take
    them in the order of the requests, and two such could wait for each other for ever; all in the
    order of their ids they wait only in line. Two statements however many programs.
    """
    issued = [budgets.issued_account(program, agent_id, currency) for program, currency in programs]
    ids, currencies = [program for program, _ in programs], [currency for _, currency in programs]
    await Issuance.raw(_OPEN_ISSUED, agent_id, now, issued, ids, currencies)
    own = [budgets.agent_budget(program, agent_id, currency) for program, currency in programs]
    pools = [budgets.program_budget(program, currency) for program, currency in programs]
    await Issuance.raw(_LOCK, issued, own, pools)


def fingerprint(terms: Terms, row: Issue) -> bytes:
    """Digest what was asked, without the ids and times that each attempt makes anew."""
    content = msgspec.json.encode(
        ["issue", terms.program_id, row.agent_id, row.customer_token, row.amount]
    )
    return hashlib.sha256(content).digest()


def _again(terms: Terms, row: Issue, first: Issue, answer: Issued) -> Issued:
    """Answer a row of a call; a second row with the key of an earlier one is a retry of it."""
    if row is first:
        return answer
    if fingerprint(terms, row) != fingerprint(terms, first):
        return Issued(key=row.key, code=IssueCode.ID_REUSED, issuance_id=None, is_new=False)
    return msgspec.structs.replace(answer, is_new=False)


def _arguments(
    terms: Terms, rows: Sequence[Issue], group_id: UUID, actor_id: UUID, now: datetime
) -> list[object]:
    """Lay the rows out in columns, as the database's function takes them."""
    program = terms.program_id
    pool = budgets.program_budget(program, rows[0].amount.currency)
    return [
        program,
        terms.limit_per_customer,
        terms.expires_at,
        pool,
        actor_id,
        group_id,
        now,
        [row.key for row in rows],
        [fingerprint(terms, row) for row in rows],
        [row.id for row in rows],
        [row.agent_id for row in rows],
        [budgets.agent_budget(program, row.agent_id, row.amount.currency) for row in rows],
        [budgets.issued_account(program, row.agent_id, row.amount.currency) for row in rows],
        [row.customer_token for row in rows],
        [row.amount.amount_minor for row in rows],
        [row.amount.currency for row in rows],
    ]
