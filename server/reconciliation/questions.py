"""How questions about differences and their replies lie on disk, in an open transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from billing.reconciliation.schemas import AlreadyResolved, ExceptionView
from server.kit import db
from server.kit.errors import IdReused, NotFound
from server.reconciliation.schemas import (
    NewQuestion,
    QuestionReplied,
    QuestionReply,
    QuestionWaits,
    ReconFilter,
    ReconQuestionView,
)

_SEEN: Final = """
SELECT q.id, q.exception_id, q.agent_id, q.asked, q.asked_at, r.said AS reply,
    r.said_at AS replied_at
FROM recon_question q LEFT JOIN recon_reply r ON r.question_id = q.id
"""
_ONE: Final = f"{_SEEN} WHERE q.id = $1"
_OF: Final = f"{_SEEN} WHERE q.exception_id = $1 ORDER BY q.asked_at, q.id"
_WAITING: Final = f"""
{_SEEN} JOIN recon_exception e ON e.id = q.exception_id AND e.outcome IS NULL
JOIN recon_file f ON f.id = e.file_id AND f.state = 'compared'
WHERE r.question_id IS NULL AND ($1::uuid IS NULL OR q.agent_id = $1)
    AND ($2::uuid IS NULL OR e.file_id = $2)
    AND ($3::timestamptz IS NULL OR (q.asked_at, q.id) > ($3, $4))
ORDER BY q.asked_at, q.id LIMIT $5
"""
_ASKED_OF: Final = """
SELECT DISTINCT exception_id FROM recon_question q
WHERE exception_id = ANY ($1::uuid[])
    AND NOT EXISTS (SELECT FROM recon_reply r WHERE r.question_id = q.id)
"""
_ASK: Final = """
INSERT INTO recon_question (id, exception_id, agent_id, asked, asked_by, asked_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""
_REPLY: Final = """
INSERT INTO recon_reply (question_id, agent_id, said, said_by, said_at)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""


async def one(question_id: UUID) -> ReconQuestionView:
    """Give a question.

    :raises NotFound: there is none.
    """
    rows = await db.connection().fetch(_ONE, question_id)
    if not rows:
        raise NotFound("There is no such question.")
    return _view(rows[0])


async def of(exception_id: UUID) -> list[ReconQuestionView]:
    """List what was asked about a difference, the earliest first."""
    return [_view(row) for row in await db.connection().fetch(_OF, exception_id)]


async def waiting(
    asked: ReconFilter, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[ReconQuestionView]:
    """List questions that wait for a reply about open differences, of a file, an agent or all.

    :param after: when the last one of the page before was asked, and its id.
    """
    values = (asked.agent_id, asked.file_id, *(after or (None, None)), limit)
    rows = await db.connection().fetch(_WAITING, *values)
    return [_view(row) for row in rows]


async def asked_of(exception_ids: Sequence[UUID]) -> set[UUID]:
    """Say about which of some differences a question waits."""
    rows = await db.connection().fetch(_ASKED_OF, list(exception_ids))
    return {row["exception_id"] for row in rows}


async def ask(about: ExceptionView, new: NewQuestion, *, actor_id: UUID, now: datetime) -> bool:
    """Write a question about a locked difference down; say whether it is new.

    :raises AlreadyResolved: the difference is settled.
    :raises IdReused: its id belongs to another question.
    :raises QuestionWaits: another one waits for its reply.
    """
    known = {each.id: each.asked for each in await of(about.id)}
    if known.get(new.id) == new.asked:
        return False
    if about.outcome is not None:
        raise AlreadyResolved("Somebody has resolved this already; look at it as it is now.")
    if new.id not in known and await asked_of([about.id]):
        raise QuestionWaits("A question about this waits for its reply; wait for it.")
    values = (new.id, about.id, about.agent_id, new.asked, actor_id, now)
    status: str = await db.connection().execute(_ASK, *values)
    if status.endswith(" 0"):
        raise IdReused("This id belongs to another question; make a new one.", field="id")
    return True


async def reply(
    question: ReconQuestionView, given: QuestionReply, *, actor_id: UUID, now: datetime
) -> bool:
    """Write down what was replied, once; say whether it is new.

    :raises QuestionReplied: something else was replied before.
    """
    values = (question.id, question.agent_id, given.said, actor_id, now)
    status: str = await db.connection().execute(_REPLY, *values)
    if status.endswith(" 1"):
        return True
    if (await one(question.id)).reply != given.said:
        raise QuestionReplied("Your company has replied to this already.", field="said")
    return False


def _view(row: asyncpg.Record) -> ReconQuestionView:
    """Give a question as people see it."""
    return msgspec.convert(dict(row), ReconQuestionView)
