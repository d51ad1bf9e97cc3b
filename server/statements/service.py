"""Draw statements up, answer and sign them. Each function is one use case and one transaction.

What is sent twice is done once: the books answer it with what it did. The trail tells it once.
"""

from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from billing.commissions import queries as commission_books
from billing.commissions import service as commissions
from billing.commissions.schemas import Correction
from billing.statements import queries as books
from billing.statements import rules
from billing.statements import service as statements
from billing.statements.schemas import (
    Answer,
    CorrectionUnknown,
    Dispute,
    NewStatement,
    Outcome,
    Said,
    StatementLineView,
)
from server.access import Actor, Permission, ensure
from server.audit import service as audit
from server.commissions.service import books_of
from server.identity import keys
from server.kit import db, outbox
from server.kit.calendars import ZONE
from server.kit.errors import Invalid
from server.partners import queries as partners
from server.statements import queries
from server.statements import schemas as asked
from server.statements.schemas import StatementDetail, StatementSummary
from server.tenants import queries as tenants

DISPUTED: Final = "statements.disputed"
"""The outbox's topic: an agent disputes a line."""
TOLD: Final = "statements.told"
"""The outbox's topic: a statement was drawn up, or a dispute in it answered."""

# ------------------------------------------------------------------------------- the platform


async def draw(actor: Actor, new: asked.NewStatement, *, now: datetime) -> StatementDetail:
    """Draw up what was written down in a month on an agent's accounts; its owners are told.

    :raises MonthNotOver: something may still be written down in it.
    :raises StatementDrawn: it was drawn up under another id.
    :raises NotSealed: lines of it are not in the log yet.
    :raises NotFound: there is no such agent.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    wanted = NewStatement(
        id=new.id,
        agent_id=new.agent_id,
        period=rules.first_day(new.month),
        currency=new.currency,
        answer_days=new.answer_days,
    )
    async with db.platform_transaction(actor):
        agent = await partners.agent(actor, new.agent_id)
        drawn, is_new = await statements.draw(wanted, actor_id=actor.user_id, now=now)
        if is_new:
            await audit.record_platform_write(
                actor,
                "statement.drawn",
                subject_id=new.id,
                now=now,
                agent_id=new.agent_id,
                month=new.month,
                hash=drawn.hash.hex(),
            )
            await _tell(new.agent_id, new.id, f"drawn:{new.id}", now=now)
        await audit.record_platform_read(actor, [new.agent_id], "statements.one", now=now)
        return await queries.detail(drawn, agent.name, now)


async def answer(
    actor: Actor, statement_id: UUID, said: asked.NewAnswer, *, now: datetime
) -> StatementLineView:
    """Answer a dispute; the line stays. A correction of commission is booked with the answer.

    :raises StatementNotFound: there is no such line.
    :raises NotDisputed: there is nothing to answer, or something else was answered.
    :raises CorrectionUnknown: what is named does not correct the line.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    if said.amount_minor is not None and (
        said.transfer_id is not None or said.outcome is not Outcome.CORRECTED
    ):
        raise Invalid("Give an amount, or what was booked already.", field="amount_minor")
    async with db.platform_transaction(actor):
        held = await books.statement(statement_id)
        line = await books.line(statement_id, said.line)
        booked = said.transfer_id
        if said.amount_minor is not None and line.said is Said.DISPUTED:
            booked = await _correct(actor, statement_id, line, said, now)
        meant = Answer(outcome=said.outcome, note=said.note, transfer_id=booked)
        answered, is_new = await statements.answer(
            statement_id, said.line, meant, actor_id=actor.user_id, now=now
        )
        if is_new:
            await audit.record_platform_write(
                actor,
                f"statement_line.{said.outcome}",
                subject_id=statement_id,
                now=now,
                line=said.line,
                transfer_id=booked,
            )
            await _tell(
                held.agent_id, statement_id, f"answered:{statement_id}:{said.line}", now=now
            )
        await audit.record_platform_read(actor, [held.agent_id], "statements.lines", now=now)
    return answered


async def _correct(
    actor: Actor,
    statement_id: UUID,
    line: StatementLineView,
    said: asked.NewAnswer,
    now: datetime,
) -> UUID:
    """Book a correction of the commission that a line is about; give the transfer.

    Its id follows from the line: sent twice, it is booked once.

    :raises CorrectionUnknown: the line is of no commission.
    """
    line_id = await commission_books.line_moved_by(line.transfer_id)
    if line_id is None or said.amount_minor is None:
        raise CorrectionUnknown("This line is of no commission; name what was booked for it.")
    correction = Correction(
        id=uuid5(statement_id, f"line:{line.n}"),
        line_id=line_id,
        amount_minor=said.amount_minor,
        reason=said.note,
    )
    await commissions.correct(correction, books_of(actor, now))
    return commissions.correcting_transfer(correction)


async def sign(
    actor: Actor, statement_id: UUID, seen: asked.SeenStatement, *, now: datetime
) -> StatementSummary:
    """Sign a statement for the platform as it was shown.

    :raises StatementNotFound: there is none.
    :raises StatementDiffers: the hash is another's.
    :raises DisputesOpen: disputes are answered first.
    """
    ensure(actor, Permission.COMMISSIONS_KEEP)
    async with db.platform_transaction(actor):
        signed, is_new = await statements.sign(
            statement_id,
            bytes.fromhex(seen.hash),
            keys.current().books,
            actor_id=actor.user_id,
            now=now,
        )
        if is_new:
            await audit.record_platform_write(
                actor, "statement.signed", subject_id=statement_id, now=now, hash=seen.hash
            )
        await audit.record_platform_read(actor, [signed.agent_id], "statements.list", now=now)
    return queries.summary(signed, now)


async def _tell(agent_id: UUID, statement_id: UUID, key: str, *, now: datetime) -> None:
    """Have the owners told, once, after the commit."""
    payload = {"id": str(statement_id), "key": key}
    await outbox.add(TOLD, payload, tenant_id=agent_id, now=now, key=key)


# ---------------------------------------------------------------------------------- the agents


async def confirm(
    actor: Actor, statement_id: UUID, said: asked.Confirmation, *, now: datetime
) -> StatementSummary:
    """Confirm lines of a statement of one's own company.

    :raises StatementNotFound: it has no such line, or is another company's.
    :raises LineAnswered: one of them is disputed.
    :raises StatementSigned: nothing more is said of its lines.
    :raises AnswerOver: this had to be said earlier.
    """
    queries.ensure_owner(actor)
    async with db.tenant_transaction(actor.tenant_id):
        held, is_new = await statements.confirm(
            statement_id, said.lines, actor_id=actor.user_id, now=now
        )
        if is_new:
            await audit.record(
                actor,
                "statement_lines.confirmed",
                subject_id=statement_id,
                now=now,
                lines=len(said.lines),
            )
    return queries.summary(held, now)


async def dispute(
    actor: Actor, statement_id: UUID, why: asked.NewDispute, *, now: datetime
) -> StatementLineView:
    """Dispute a line of a statement of one's own company; the platform's clock begins.

    Its finance is told, once a day of a statement.

    :raises StatementNotFound: it has no such line, or is another company's.
    :raises LineAnswered: something else was said of it.
    :raises StatementSigned: nothing more is said of its lines.
    :raises AnswerOver: this had to be said earlier.
    """
    queries.ensure_owner(actor)
    meant = Dispute(n=why.line, reason=why.reason, evidence=why.evidence)
    async with db.tenant_transaction(actor.tenant_id):
        line, is_new = await statements.dispute(
            statement_id, meant, actor_id=actor.user_id, now=now
        )
        if is_new:
            await audit.record(
                actor, "statement_line.disputed", subject_id=statement_id, now=now, line=why.line
            )
            await _tell_finance(actor, statement_id, now=now)
    return line


async def _tell_finance(actor: Actor, statement_id: UUID, *, now: datetime) -> None:
    """Have the platform's finance told of a dispute after the commit, once a day."""
    held = await books.statement(statement_id)
    payload = {
        "id": str(statement_id),
        "key": f"disputed:{statement_id}:{now.astimezone(ZONE).date()}",
        "about": f"{(await tenants.tenant(actor)).name} · {queries.month(held.period)}",
    }
    await outbox.add(DISPUTED, payload, tenant_id=actor.tenant_id, now=now, key=payload["key"])


async def accept(
    actor: Actor, statement_id: UUID, seen: asked.SeenStatement, *, now: datetime
) -> StatementSummary:
    """Sign a statement for one's own company as it was shown.

    :raises StatementNotFound: also when it is another company's.
    :raises StatementDiffers: the hash is another's.
    :raises DisputesOpen: the platform answers first.
    """
    queries.ensure_owner(actor)
    async with db.tenant_transaction(actor.tenant_id):
        held, is_new = await statements.accept(
            statement_id, bytes.fromhex(seen.hash), actor_id=actor.user_id, now=now
        )
        if is_new:
            await audit.record(
                actor, "statement.signed", subject_id=statement_id, now=now, hash=seen.hash
            )
    return queries.summary(held, now)
