"""A compared file is taken back and counts no more; what is settled is so by its own agent."""

from typing import Any

import pytest

from billing.reconciliation.rules.findings import Cause, Kind, Step
from billing.reconciliation.rules.lines import Side
from billing.reconciliation.schemas import (
    ExceptionNotFound,
    ExceptionOutcome,
    FileGivenUp,
    FileNotCompared,
    FileSentTwice,
    FileSettled,
    FileState,
)
from server.access.rules import NotPermitted
from server.kit import db
from server.kit.errors import Invalid
from server.reconciliation import exports, queries, service
from server.reconciliation.schemas import (
    NewQuestion,
    NewResolution,
    NewResolutions,
    QuestionReply,
    ReconFilter,
)
from tests.factories import NOW, Tenant, new_id
from tests.server.benefits import stories
from tests.server.reconciliation.stories import (
    FINANCE,
    a_file,
    a_row,
    a_source,
    handed_in,
    issued,
)
from tests.server.reconciliation.test_reconciliation import sheet_of

pytestmark = pytest.mark.usefixtures("database")
WRONG = "2026-02"
"""The month before: its last days are near enough to the benefits of early March."""
ACCEPTED = NewResolution(outcome=ExceptionOutcome.ACCEPTED, note="双方保留")


async def test_s06_a_file_of_the_wrong_month_is_taken_back_and_comes_again(
    tenant: Tenant, rival: Tenant
) -> None:
    source = await a_source(tenant)
    [one, two] = await issued(tenant, 2)
    content = a_file([a_row(one["id"]), a_row(two["id"], amount="51.00")])
    wrong = await handed_in(source, content, month=WRONG)
    with pytest.raises(FileNotCompared):
        await service.take_back(FINANCE, wrong.id, now=NOW)
    await service.go_on(wrong.id, now=NOW)
    [amount] = (await queries.exceptions(FINANCE, Side.HERE, wrong.id, now=NOW)).items
    question = NewQuestion(id=new_id(), asked="这一笔是五十一元吗？")
    await service.ask(FINANCE, amount.id, question, now=NOW)
    with pytest.raises(FileSentTwice):
        await handed_in(source, content)
    for actor in (tenant.owner, rival.owner):
        with pytest.raises(NotPermitted):
            await service.take_back(actor, wrong.id, now=NOW)

    for _ in range(2):
        taken = await service.take_back(FINANCE, wrong.id, now=NOW)

    assert (taken.state, taken.matches, taken.exceptions, taken.sides) == (
        *(FileState.WITHDRAWN, {}, {}, []),
    )
    assert (taken.open_exceptions, taken.compared_at) == (0, NOW)
    for side, actor in ((Side.HERE, FINANCE), (Side.THERE, tenant.owner)):
        asked = ReconFilter(agent_id=tenant.tenant_id if side is Side.HERE else None)
        for look in (queries.differences, queries.waiting):
            assert (await look(actor, side, asked, now=NOW)).items == []
        assert await queries.groups(actor, side, asked, now=NOW) == []
        assert await sheet_of(exports.differences(actor, side, wrong.id, now=NOW)) == []
    with pytest.raises(ExceptionNotFound):
        await service.reply(tenant.owner, question.id, QuestionReply(said="是的"), now=NOW)
    async with db.tenant_transaction(FINANCE.tenant_id, readonly=True):
        trail = await db.connection().fetch(
            "SELECT action FROM audit_entry WHERE subject_id = $1 AND actor_id = $2",
            *(wrong.id, FINANCE.user_id),
        )
    assert sorted(row["action"] for row in trail) == [
        "recon_file.handed_in",
        "recon_file.taken_back",
    ]

    with pytest.raises(FileGivenUp):
        await handed_in(source, content, wrong.id, WRONG)
    again = await handed_in(source, content)
    await service.go_on(again.id, now=NOW)
    right = await queries.file(FINANCE, Side.HERE, again.id, now=NOW)
    assert (right.matches, right.exceptions) == ({Step.ID: 1}, {Kind.AMOUNT_DIFFERS: 1})


async def test_a_file_of_which_something_is_settled_stays(tenant: Tenant) -> None:
    view = await handed_in(await a_source(tenant), a_file([a_row("X-1"), a_row("X-2")]))
    await service.go_on(view.id, now=NOW)
    found = (await queries.exceptions(FINANCE, Side.HERE, view.id, now=NOW)).items
    await service.resolve(FINANCE, found[0].id, ACCEPTED, now=NOW)

    with pytest.raises(FileSettled):
        await service.take_back(FINANCE, view.id, now=NOW)

    kept = await queries.file(FINANCE, Side.HERE, view.id, now=NOW)
    assert (kept.state, kept.open_exceptions) == (FileState.COMPARED, 1)


async def test_two_files_of_one_month_do_not_both_have_a_benefit(tenant: Tenant) -> None:
    source = await a_source(tenant)
    [one] = await issued(tenant, 1)
    row = a_row(one["id"], one["customer_token"])
    first, second = [await handed_in(source, a_file(rows)) for rows in ([row], [row, a_row("X")])]
    for each in (first, second):
        await service.go_on(each.id, now=NOW)

    found = (await queries.exceptions(FINANCE, Side.HERE, second.id, now=NOW)).items

    assert {(each.kind, each.cause) for each in found} == {
        (Kind.DUPLICATE_THERE, Cause.MATCHED_BEFORE),
        (Kind.MISSING_HERE, Cause.ID_UNKNOWN),
    }


async def test_no_difference_is_put_right_by_another_agents_transfer(
    tenant: Tenant, rival: Tenant
) -> None:
    await stories.admit(rival)
    [theirs] = await issued(rival, 1)
    source = await a_source(tenant)
    [own] = await issued(tenant, 1)
    async with db.platform_transaction(FINANCE):
        foreign, right = [
            await db.connection().fetchval(
                "SELECT group_id FROM ledger_transfer WHERE id = $1", each["id"]
            )
            for each in (theirs, own)
        ]
    view = await handed_in(source, a_file([a_row(own["id"], amount="51.00"), a_row("X-1")]))
    await service.go_on(view.id, now=NOW)
    ids = [
        each.id for each in (await queries.exceptions(FINANCE, Side.HERE, view.id, now=NOW)).items
    ]
    said: dict[str, Any] = {"outcome": ExceptionOutcome.CORRECTED_HERE, "note": "已更正"}

    with pytest.raises(Invalid) as one:
        await service.resolve(FINANCE, ids[0], NewResolution(**said, group_id=foreign), now=NOW)
    many = NewResolutions(**said, group_id=foreign, exceptions=ids)
    with pytest.raises(Invalid) as both:
        await service.resolve_many(FINANCE, many, now=NOW)

    assert one.value.field == both.value.field == "group_id"
    done = await service.resolve(FINANCE, ids[0], NewResolution(**said, group_id=right), now=NOW)
    assert done.group_id == right
