"""Finance asks about a difference, the agent's owner replies, and both read both."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from billing.reconciliation.rules.lines import Side
from billing.reconciliation.schemas import AlreadyResolved, ExceptionNotFound, ExceptionOutcome
from server.access.rules import NotPermitted
from server.audit import queries as audit
from server.kit import db, outbox
from server.kit.errors import IdReused, NotFound
from server.notifications import queries as notifications
from server.notifications.rules import Kind
from server.reconciliation import exports, jobs, queries, service
from server.reconciliation.schemas import (
    NewQuestion,
    NewResolution,
    QuestionReplied,
    QuestionReply,
    QuestionWaits,
    ReconExceptionView,
    ReconFilter,
)
from tests.factories import NOW, Tenant, new_id
from tests.server.reconciliation.stories import (
    FINANCE,
    a_file,
    a_row,
    a_source,
    handed_in,
)
from tests.server.reconciliation.test_reconciliation import sheet_of

pytestmark = pytest.mark.usefixtures("database")
ALL = ReconFilter()


async def compared(tenant: Tenant) -> tuple[UUID, Sequence[ReconExceptionView]]:
    """Have a file compared of whose two rows the platform knows nothing."""
    source = await a_source(tenant)
    view = await handed_in(source, a_file([a_row("X-1"), a_row("X-2")]))
    await service.go_on(view.id, now=NOW)
    found = await queries.exceptions(FINANCE, Side.HERE, view.id, now=NOW)
    return view.id, found.items


async def told(tenant: Tenant) -> list[tuple[Kind, str]]:
    """Do what waits for the worker, twice, and list what the owner was told, and where."""
    async with db.job_transaction():
        rows = await db.connection().fetch(
            "SELECT payload FROM outbox WHERE tenant_id = $1 AND topic = $2 ORDER BY id",
            tenant.tenant_id,
            service.TOLD,
        )
    for row in [*rows, *rows]:
        job: Any = outbox.Job(
            id=new_id(),
            tenant_id=tenant.tenant_id,
            topic=service.TOLD,
            payload=msgspec.json.decode(row["payload"]),
            attempts=0,
            lease=1,
        )
        await jobs.tell(job, NOW)
    page = await notifications.notifications(tenant.owner)
    return sorted((each.kind, each.link) for each in page.items)


async def test_s06_both_sides_see_a_question_its_reply_and_when(
    tenant: Tenant, rival: Tenant
) -> None:
    file_id, [first, second] = await compared(tenant)
    new = NewQuestion(id=new_id(), asked="这一笔是哪位经办的？")
    for _ in range(2):
        asked = await service.ask(FINANCE, first.id, new, now=NOW)
    with pytest.raises(QuestionWaits):
        await service.ask(FINANCE, first.id, NewQuestion(id=new_id(), asked="?"), now=NOW)
    with pytest.raises(IdReused):
        await service.ask(FINANCE, second.id, new, now=NOW)
    with pytest.raises(ExceptionNotFound):
        await service.ask(FINANCE, new_id(), NewQuestion(id=new_id(), asked="?"), now=NOW)

    for actor, side in ((FINANCE, Side.HERE), (tenant.owner, Side.THERE)):
        page = await queries.waiting(actor, side, ReconFilter(file_id=file_id), now=NOW)
        assert [(each.id, each.asked) for each in page.items] == [(new.id, new.asked)]
        listed = await queries.exceptions(actor, side, file_id, now=NOW)
        assert {each.id for each in listed.items if each.is_asked} == {first.id}
    assert page.items[0].words_zh.startswith("对方没有这笔")
    assert (await queries.waiting(rival.owner, Side.THERE, ALL, now=NOW)).items == []

    said, later = QuestionReply(said="三月由门店补录"), NOW + timedelta(hours=1)
    with pytest.raises(NotFound):
        await service.reply(rival.owner, new.id, said, now=later)
    for _ in range(2):
        replied = await service.reply(tenant.owner, new.id, said, now=later)
    with pytest.raises(QuestionReplied):
        await service.reply(tenant.owner, new.id, QuestionReply(said="不知道"), now=later)

    assert (asked.reply, asked.asked_at) == (None, NOW)
    assert (replied.reply, replied.replied_at) == (said.said, later)
    for actor, side in ((FINANCE, Side.HERE), (tenant.owner, Side.THERE)):
        held = await queries.difference(actor, side, first.id, now=later)
        assert (held.questions, held.is_asked) == ([replied], False)
        of_file = ReconFilter(file_id=file_id)
        assert (await queries.waiting(actor, side, of_file, now=later)).items == []
    # Answered, so the next one may be asked.
    await service.ask(FINANCE, first.id, NewQuestion(id=new_id(), asked="有凭据吗？"), now=later)
    reads = {each.what for each in (await audit.platform_reads(tenant.owner)).items}
    assert "reconciliation.questions" in reads
    trail = []
    for company in (FINANCE.tenant_id, tenant.tenant_id):
        async with db.tenant_transaction(company, readonly=True):
            trail += await db.connection().fetch(
                "SELECT action FROM audit_entry WHERE subject_id = $1", new.id
            )
    assert [row["action"] for row in trail] == ["recon_question.asked", "recon_question.replied"]


async def test_s06_an_owner_is_told_once_of_a_file_that_could_not_be_read(tenant: Tenant) -> None:
    source = await a_source(tenant)
    view = await handed_in(source, a_file([a_row("X-1", amount="-5.00")]))
    for _ in range(2):
        await service.go_on(view.id, now=NOW)

    assert await told(tenant) == [(Kind.FILE_FAILED, f"/reconciliation/files/{view.id}")]


async def test_s06_an_owner_is_told_once_of_a_file_that_nobody_could_compare(
    tenant: Tenant,
) -> None:
    view = await handed_in(await a_source(tenant), a_file([a_row("X-1")]))
    async with db.job_transaction():
        await db.connection().execute(
            "UPDATE outbox SET attempts = $1 WHERE topic = $2 AND payload ->> 'file_id' = $3",
            *(outbox.ATTEMPTS_MAX, service.TOPIC, str(view.id)),
        )
    for _ in range(2):
        await jobs.give_up_lost(NOW)

    assert await told(tenant) == [(Kind.FILE_FAILED, f"/reconciliation/files/{view.id}")]


async def test_s06_an_owner_is_told_once_of_a_compared_file_and_once_a_day_of_its_questions(
    tenant: Tenant,
) -> None:
    file_id, differences = await compared(tenant)
    for each in differences:
        await service.ask(FINANCE, each.id, NewQuestion(id=new_id(), asked="请核对"), now=NOW)

    of_file = f"/reconciliation/files/{file_id}"
    once = [(Kind.DIFFERENCE_ASKED, of_file), (Kind.FILE_COMPARED, of_file)]
    assert await told(tenant) == once

    [asked, _] = (await queries.waiting(tenant.owner, Side.THERE, ALL, now=NOW)).items
    await service.reply(tenant.owner, asked.id, QuestionReply(said="已核对"), now=NOW)
    again = NewQuestion(id=new_id(), asked="请再核对")
    await service.ask(FINANCE, asked.exception_id, again, now=NOW + timedelta(days=1))
    assert await told(tenant) == sorted([*once, (Kind.DIFFERENCE_ASKED, of_file)])


async def test_s06_an_owner_is_told_once_of_a_file_that_was_taken_back(tenant: Tenant) -> None:
    file_id, _ = await compared(tenant)

    for _ in range(2):
        await service.take_back(FINANCE, file_id, now=NOW)

    of_file = f"/reconciliation/files/{file_id}"
    assert await told(tenant) == [(Kind.FILE_COMPARED, of_file), (Kind.FILE_TAKEN_BACK, of_file)]


async def test_s06_what_the_platform_does_not_follow_is_refused_with_its_reason(
    tenant: Tenant,
) -> None:
    file_id, [first, second] = await compared(tenant)
    question = NewQuestion(id=new_id(), asked="有凭据吗？")
    await service.ask(FINANCE, first.id, question, now=NOW)
    refused = NewResolution(outcome=ExceptionOutcome.REJECTED, note="没有签收单，不予认可")
    for _ in range(2):
        await service.resolve(FINANCE, first.id, refused, now=NOW)

    theirs = await queries.difference(tenant.owner, Side.THERE, first.id, now=NOW)
    assert (theirs.outcome, theirs.note) == (ExceptionOutcome.REJECTED, refused.note)
    [row] = [
        each
        for each in await sheet_of(exports.differences(tenant.owner, Side.THERE, file_id, now=NOW))
        if each["差异编号"] == str(first.id)
    ]
    assert (row["结果"], row["说明"]) == ("平台不予认可", refused.note)
    # What is settled is asked about no more, and its question waits for nobody.
    assert (await queries.waiting(tenant.owner, Side.THERE, ALL, now=NOW)).items == []
    with pytest.raises(AlreadyResolved):
        await service.reply(tenant.owner, question.id, QuestionReply(said="有"), now=NOW)
    with pytest.raises(AlreadyResolved):
        await service.ask(FINANCE, first.id, NewQuestion(id=new_id(), asked="？"), now=NOW)
    assert (await service.ask(FINANCE, first.id, question, now=NOW)).asked == question.asked
    assert second.outcome is None


async def test_who_may_not_asks_and_replies_to_nothing(tenant: Tenant) -> None:
    _, [first, _] = await compared(tenant)
    new = NewQuestion(id=new_id(), asked="这是什么？")
    with pytest.raises(NotPermitted):
        await service.ask(tenant.owner, first.id, new, now=NOW)
    await service.ask(FINANCE, first.id, new, now=NOW)
    with pytest.raises(NotPermitted):
        await service.reply(tenant.rep, new.id, QuestionReply(said="我"), now=NOW)
    with pytest.raises(NotPermitted):
        await service.reply(FINANCE, new.id, QuestionReply(said="我"), now=NOW)
