"""Draw statements up, take what owners say of them, and sign them.

Each function joins a transaction: drawing up and answering the platform's, speaking the agent's
own. A statement never changes; what was wrong in it is put right by a later line.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from billing.sealing.schemas import NotSealed
from billing.statements import queries, rules
from billing.statements.rules import ANSWER_DAYS, Account
from billing.statements.schemas import (
    Answer,
    AnswerOver,
    CorrectionUnknown,
    Dispute,
    DisputesOpen,
    LineAnswered,
    NewStatement,
    NotDisputed,
    Outcome,
    Said,
    Side,
    StatementDiffers,
    StatementDrawn,
    StatementLineView,
    StatementNotFound,
    StatementRow,
    StatementSigned,
    StatementView,
)
from billing.statements.tables import (
    Statement,
    StatementAccount,
    StatementAnswer,
    StatementLine,
    StatementSignature,
)

_IN_TURN: Final = "SELECT pg_advisory_xact_lock(hashtextextended({}, 0))"
_SPAN: Final = """
INSERT INTO statement_account (
    statement_id, agent_id, account_id, kind, subject_id, after_version, last_version,
    opening_pending, opening_posted, closing_pending, closing_posted, lines_digest
)
SELECT {}, span.owner_id, span.id, kind, subject_id, after_version, last_version,
    coalesce(before.pending_after, 0), coalesce(before.posted_after, 0),
    coalesce(last.pending_after, 0), coalesce(last.posted_after, 0),
    sha256((
        SELECT coalesce(string_agg(leaf.hash, ''::bytea ORDER BY leaf.version), ''::bytea)
        FROM ledger_leaf leaf WHERE leaf.account_id = span.id
        AND leaf.version > after_version AND leaf.version <= last_version
    ))
FROM (
    SELECT id, owner_id, kind, subject_id,
        ledger_version_at(id, 'infinity', {}::timestamptz) AS after_version,
        ledger_version_at(id, 'infinity', {}::timestamptz) AS last_version
    FROM ledger_account
    WHERE owner_id = {} AND currency = {} AND kind IN ('commission', 'issued')
) span
LEFT JOIN ledger_entry before ON (before.account_id, before.version) = (span.id, after_version)
LEFT JOIN ledger_entry last ON (last.account_id, last.version) = (span.id, last_version)
WHERE last_version > after_version OR before.pending_after <> 0 OR before.posted_after <> 0
RETURNING account_id, kind, subject_id, after_version, last_version, opening_pending,
    opening_posted, closing_pending, closing_posted, lines_digest
"""
_ADD_LINES: Final = """
INSERT INTO statement_line (
    statement_id, n, agent_id, account_id, version, transfer_id, event, on_day, pending_minor,
    posted_minor, posted_after
)
SELECT statement_id, row_number() OVER (ORDER BY account.kind, entry.account_id, entry.version),
    account.agent_id, entry.account_id, entry.version, entry.transfer_id, transfer.event,
    (entry.effective_at AT TIME ZONE {})::date, entry.pending_minor, entry.posted_minor,
    entry.posted_after
FROM statement_account account
JOIN ledger_entry entry ON entry.account_id = account.account_id
AND entry.version > account.after_version AND entry.version <= account.last_version
JOIN ledger_leaf leaf ON (leaf.account_id, leaf.version) = (entry.account_id, entry.version)
JOIN ledger_transfer transfer ON transfer.id = entry.transfer_id
WHERE account.statement_id = {}
RETURNING n
"""
_DRAW: Final = """
INSERT INTO statement (
    id, agent_id, period, currency, hash, lines, answer_by, drawn_by, drawn_at
) VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {})
"""
_CONFIRM: Final = """
INSERT INTO statement_answer (statement_id, n, agent_id, said, said_by, said_at)
SELECT {}, n, {}, 'confirmed', {}, {} FROM unnest({}::integer[]) line (n)
WHERE NOT EXISTS (
    SELECT FROM statement_answer held WHERE (held.statement_id, held.n) = ({}, line.n)
) ORDER BY n
"""
_DISPUTE: Final = """
INSERT INTO statement_answer (
    statement_id, n, agent_id, said, reason, evidence, said_by, said_at, due_on
) VALUES ({}, {}, {}, 'disputed', {}, {}, {}, {}, {})
"""
_ANSWER: Final = """
UPDATE statement_answer
SET outcome = {}, note = {}, transfer_id = {}, answered_by = {}, answered_at = {}
WHERE (statement_id, n) = ({}, {})
"""
_CORRECTS: Final = """
SELECT 1 FROM statement_account account JOIN ledger_entry entry
ON entry.account_id = account.account_id AND entry.version > account.last_version
WHERE account.statement_id = {} AND account.account_id = {} AND entry.transfer_id = {}
"""
_SIGN: Final = """
INSERT INTO statement_signature (
    statement_id, agent_id, side, signed_by, signed_at, hash, public_key, signature
) VALUES ({}, {}, {}, {}, {}, {}, {}, {})
"""


async def draw(new: NewStatement, *, actor_id: UUID, now: datetime) -> tuple[StatementView, bool]:
    """Draw up what was written down in a month on an agent's accounts; it never changes.

    :returns: the statement, and whether it is new.
    :raises MonthNotOver: something may still be written down in it.
    :raises StatementDrawn: it was drawn up under another id.
    :raises NotSealed: lines of it are not in the log yet.
    """
    rules.ensure_over(new.period, now)
    await Statement.raw(_IN_TURN, str(new.id))
    await Statement.raw(_IN_TURN, f"statement:{new.agent_id}:{new.period}:{new.currency}")
    held = await queries.of_month(new.agent_id, new.period, new.currency)
    if held is not None and held != new.id:
        raise StatementDrawn(held)
    if held is not None:
        return await queries.statement(held), False
    if await Statement.exists().where(Statement.id == new.id):
        raise StatementDrawn(new.id)
    # Up to a moment before, for the ends of a month belong to the next one.
    begins, ends = (at - timedelta(microseconds=1) for at in rules.bounds(new.period))
    rows = await StatementAccount.raw(_SPAN, new.id, begins, ends, new.agent_id, new.currency)
    accounts = msgspec.convert(rows, list[Account])
    lines = await StatementLine.raw(_ADD_LINES, str(rules.ZONE), new.id)
    if len(lines) != sum(each.lines for each in accounts):
        raise NotSealed("Lines of this month are not sealed yet; ask again in a minute.")
    today = now.astimezone(rules.ZONE).date()
    await Statement.raw(
        *(_DRAW, new.id, new.agent_id, new.period, new.currency),
        rules.content_hash(new.agent_id, new.period, new.currency, accounts),
        *(len(lines), today + timedelta(days=new.answer_days), actor_id, now),
    )
    return await queries.statement(new.id), True


# ----------------------------------------------------------------------------------- its owner


async def confirm(
    statement_id: UUID, numbers: Sequence[int], *, actor_id: UUID, now: datetime
) -> tuple[StatementView, bool]:
    """Confirm lines. Said again it is said once.

    :returns: the statement, and whether any of this is new.
    :raises StatementNotFound: it has no such line.
    :raises LineAnswered: one of them is disputed.
    :raises StatementSigned: nothing more is said of its lines.
    :raises AnswerOver: its owner had to speak earlier.
    """
    held = await _spoken_of(statement_id)
    said = await queries.said(statement_id, numbers)
    if said.keys() != set(numbers):
        raise StatementNotFound("There is no such line in this statement.")
    if Said.DISPUTED in said.values():
        raise LineAnswered("One of these lines is disputed; the platform answers that.")
    if None in said.values():
        _ensure_may_speak(held, now)
        await StatementAnswer.raw(
            *(_CONFIRM, statement_id, held.agent_id, actor_id, now),
            *(sorted(set(numbers)), statement_id),
        )
    return await queries.statement(statement_id), None in said.values()


async def dispute(
    statement_id: UUID, why: Dispute, *, actor_id: UUID, now: datetime
) -> tuple[StatementLineView, bool]:
    """Dispute a line, and start the platform's clock. Said again it is said once.

    :returns: the line, and whether this is new.
    :raises StatementNotFound: it has no such line.
    :raises LineAnswered: something else was said of it.
    :raises StatementSigned: nothing more is said of its lines.
    :raises AnswerOver: its owner had to speak earlier.
    """
    held = await _spoken_of(statement_id)
    line = await queries.line(statement_id, why.n)
    if line.said is not None:
        if (line.said, line.reason, line.evidence) != (Said.DISPUTED, why.reason, why.evidence):
            raise LineAnswered("Something else was said of this line; look at it again.")
        return line, False
    _ensure_may_speak(held, now)
    due_on = _today(now) + timedelta(days=ANSWER_DAYS)
    await StatementAnswer.raw(
        *(_DISPUTE, statement_id, why.n, held.agent_id, why.reason, why.evidence),
        *(actor_id, now, due_on),
    )
    return await queries.line(statement_id, why.n), True


async def accept(
    statement_id: UUID, seen: bytes, *, actor_id: UUID, now: datetime
) -> tuple[StatementView, bool]:
    """Sign a statement for the agent, with the hash that was shown; so are all lines confirmed.

    :returns: the statement, and whether this is new.
    :raises StatementDiffers: the hash is another's.
    :raises DisputesOpen: the platform has to answer first.
    """
    held = await _spoken_of(statement_id)
    return await _sign(held, Side.AGENT, seen, (None, None), actor_id=actor_id, now=now)


# -------------------------------------------------------------------------------- the platform


async def answer(
    statement_id: UUID, n: int, said: Answer, *, actor_id: UUID, now: datetime
) -> tuple[StatementLineView, bool]:
    """Answer a dispute; the line stays as it is. The same again is answered the same.

    :returns: the line, and whether this is new.
    :raises NotDisputed: there is nothing to answer, or something else was answered.
    :raises CorrectionUnknown: what is named does not correct it.
    """
    await _spoken_of(statement_id)
    line = await queries.line(statement_id, n)
    if line.outcome is not None and (line.outcome, line.note, line.correction_id) == (
        *(said.outcome, said.note, said.transfer_id),
    ):
        return line, False
    if line.said is not Said.DISPUTED or line.outcome is not None:
        raise NotDisputed("There is no open dispute about this line; look at it again.")
    is_correction = said.outcome is Outcome.CORRECTED
    if is_correction != (said.transfer_id is not None) or (
        is_correction
        and not await StatementLine.raw(_CORRECTS, statement_id, line.account_id, said.transfer_id)
    ):
        raise CorrectionUnknown("Name the later transfer on this account that corrects the line.")
    await StatementAnswer.raw(
        *(_ANSWER, said.outcome, said.note, said.transfer_id, actor_id, now, statement_id, n)
    )
    return await queries.line(statement_id, n), True


async def sign(
    statement_id: UUID, seen: bytes, key: Ed25519PrivateKey, *, actor_id: UUID, now: datetime
) -> tuple[StatementView, bool]:
    """Sign a statement for the platform, with its sealing key over the hash that was shown.

    :returns: the statement, and whether this is new.
    :raises StatementDiffers: the hash is another's.
    :raises DisputesOpen: disputes are answered first.
    """
    held = await _spoken_of(statement_id)
    signature = key.sign(rules.signed(held.hash)).hex()
    with_key = (key.public_key().public_bytes_raw().hex(), signature)
    return await _sign(held, Side.PLATFORM, seen, with_key, actor_id=actor_id, now=now)


async def _sign(
    held: StatementView,
    side: Side,
    seen: bytes,
    with_key: tuple[str | None, str | None],
    *,
    actor_id: UUID,
    now: datetime,
) -> tuple[StatementView, bool]:
    """Write a side's signature down, once."""
    if seen != held.hash:
        raise StatementDiffers("This is not the statement that was shown; look at it again.")
    if held.signature(side) is not None:
        return held, False
    if held.open_disputes:
        raise DisputesOpen("Lines of this statement are disputed; they are answered first.")
    await StatementSignature.raw(
        *(_SIGN, held.id, held.agent_id, side, actor_id, now, held.hash, *with_key)
    )
    return await queries.statement(held.id), True


async def _spoken_of(statement_id: UUID) -> StatementView:
    """Give a statement, of which nobody else says anything until the end of the transaction.

    :raises StatementNotFound: there is none.
    """
    await Statement.raw(_IN_TURN, str(statement_id))
    return await queries.statement(statement_id)


def _ensure_may_speak(held: StatementRow, now: datetime) -> None:
    """Refuse what is said of lines too late."""
    if held.signature(Side.AGENT) is not None:
        raise StatementSigned("You have signed this statement; nothing more is said of its lines.")
    if _today(now) > held.answer_by:
        raise AnswerOver(f"Lines could be disputed until {held.answer_by}; ask the platform.")


def _today(now: datetime) -> date:
    """Give the day in China."""
    return now.astimezone(rules.ZONE).date()
