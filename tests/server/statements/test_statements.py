"""A statement goes from finance to the owner and back: told, answered, signed, verified alone."""

import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import openpyxl
import pikepdf
import pytest

from billing.commissions.rules.plans import Measure, PlanVersion, Tier
from billing.commissions.rules.shares import Seller
from billing.sealing import tonglu_verify
from billing.statements import queries as books
from billing.statements import rules as months
from billing.statements.published import NotSigned
from billing.statements.rules import MonthNotOver, Standing
from billing.statements.schemas import (
    CorrectionUnknown,
    DisputesOpen,
    NotDisputed,
    Outcome,
    Said,
    StatementDiffers,
    StatementDrawn,
    StatementNotFound,
    StatementSigned,
)
from server.access import Role
from server.access.rules import NotPermitted
from server.audit import queries as audit
from server.benefits import jobs as sealing
from server.commissions import jobs as commission_jobs
from server.commissions import queries as commission_queries
from server.commissions import service as commissions
from server.commissions.schemas import NewSale
from server.identity import keys
from server.identity import service as identity
from server.kit import db, outbox, papers
from server.kit.errors import Invalid, NotFound
from server.notifications import queries as notifications
from server.notifications.rules import Kind
from server.statements import exports, jobs, queries, service
from server.statements.schemas import (
    Confirmation,
    NewAnswer,
    NewDispute,
    NewStatement,
    SeenStatement,
    StatementDetail,
)
from tests.factories import NOW, Tenant, make_platform_actor, new_id, new_user
from tests.server.benefits import stories

pytestmark = pytest.mark.usefixtures("database")
FINANCE = make_platform_actor(Role.PLATFORM_FINANCE)
APRIL = datetime(2026, 4, 2, 2, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
async def drawn(tenant: Tenant) -> StatementDetail:
    """March of an agent that earned 100 yuan, and whose customer has a benefit."""
    await stories.admit(tenant)
    version = PlanVersion(
        id=new_id(),
        plan_id=new_id(),
        begins_on=NOW.date().replace(day=1),
        currency="CNY",
        measure=Measure.REVENUE,
        tiers=[Tier(at_least=0, rate=100_000)],
    )
    await commissions.publish(FINANCE, version, now=NOW)
    sale = NewSale(
        id=new_id(),
        plan_id=version.plan_id,
        contract_id=new_id(),
        on=NOW.date(),
        sold=1_000_00,
        sellers=[Seller(tenant.tenant_id)],
    )
    await commissions.record_sale(FINANCE, sale, now=NOW)
    await commission_jobs.earn(NOW)
    program = await stories.make_program()
    await stories.request(tenant.rep, await stories.make_customer(tenant.rep), program.id)
    await sealing.seal(NOW)
    return await service.draw(FINANCE, a_statement(tenant), now=APRIL)


def a_statement(tenant: Tenant, month: str = "2026-03") -> NewStatement:
    """Write a statement to be drawn up."""
    return NewStatement(id=new_id(), agent_id=tenant.tenant_id, month=month)


async def told(tenant: Tenant) -> Sequence[Kind]:
    """Do what waits for the worker, twice, and list what the owner was told."""
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
        await jobs.tell(job, APRIL)
    return [each.kind for each in (await notifications.notifications(tenant.owner)).items]


async def test_a_statement_is_disputed_corrected_signed_by_both_and_verified_alone(
    tenant: Tenant, drawn: StatementDetail
) -> None:
    owner, seen = tenant.owner, SeenStatement(hash=drawn.hash)
    lines = await queries.own_lines(owner, drawn.id)
    [earned] = [line for line in lines if line.event == "commission.earned"]
    why = NewDispute(line=earned.n, reason="少计一单", evidence="合同 2026-018")
    for _ in range(2):
        disputed = await service.dispute(owner, drawn.id, why, now=APRIL)
    with pytest.raises(DisputesOpen):
        await service.accept(owner, drawn.id, seen, now=APRIL)
    waiting = (await queries.disputes(FINANCE, now=APRIL)).items
    its_own = await queries.disputes(FINANCE, statement_id=drawn.id, now=APRIL)
    of_none = await queries.disputes(FINANCE, statement_id=new_id(), now=APRIL)
    said = NewAnswer(line=earned.n, outcome=Outcome.CORRECTED, note="补记", amount_minor=5_00)
    for _ in range(2):
        answered = await service.answer(FINANCE, drawn.id, said, now=APRIL)
    others = [line.n for line in lines if line.n != earned.n]
    for _ in range(2):
        confirmed = await service.confirm(owner, drawn.id, Confirmation(lines=others), now=APRIL)
        accepted = await service.accept(owner, drawn.id, seen, now=APRIL)
    with pytest.raises(NotSigned):
        await queries.own_signed(owner, drawn.id)
    for _ in range(2):
        agreed = await service.sign(FINANCE, drawn.id, seen, now=APRIL)

    assert [(each.statement_id, each.n, each.due_on) for each in waiting] == [
        (drawn.id, earned.n, date(2026, 4, 9))
    ]
    assert (its_own.items, of_none.items) == (waiting, [])
    assert (disputed.said, answered.outcome) == (Said.DISPUTED, Outcome.CORRECTED)
    assert confirmed.confirmed == len(lines) - 1 == 2
    assert (accepted.standing, agreed.standing) == (Standing.ACCEPTED, Standing.AGREED)
    assert await queries.own_lines(owner, drawn.id, after=1) == (
        await queries.drawn_lines(FINANCE, drawn.id, after=1, now=APRIL)
    )
    # The correction is a line of April, and March stays as it was signed.
    april = await commission_queries.own_statement(owner, "2026-04", "CNY")
    assert [line.amount_minor for line in april.lines] == [5_00]
    assert (await queries.own_one(owner, drawn.id, now=APRIL)).hash == drawn.hash

    content = await queries.own_signed(owner, drawn.id)
    size = msgspec.json.decode(content.split(b"\n\n")[1].splitlines()[0] + b"]}")["size"]
    head = await commission_queries.head(owner, size)
    key = keys.current().books.public_key().public_bytes_raw().hex()
    signed, count = tonglu_verify.check_signed(content, tonglu_verify.read_head(head, key), key)
    assert (signed["period"], count) == ("2026-03", 3)
    assert sorted(await told(tenant)) == [Kind.STATEMENT_ANSWERED, Kind.STATEMENT_DRAWN]
    async with db.tenant_transaction(FINANCE.tenant_id, readonly=True):
        trail = await db.connection().fetch(
            "SELECT action FROM audit_entry WHERE subject_id = $1 ORDER BY action", drawn.id
        )
    assert [row["action"] for row in trail] == [
        *("statement.drawn", "statement.signed", "statement_line.corrected"),
    ]
    reads = {each.what for each in (await audit.platform_reads(owner)).items}
    assert reads >= {"statements.list", "statements.one", "statements.lines", "statements.disputes"}


async def test_finance_is_told_once_a_day_that_an_agent_disputes_its_statement(
    tenant: Tenant, drawn: StatementDetail
) -> None:
    finance, operator = map(make_platform_actor, (Role.PLATFORM_FINANCE, Role.PLATFORM_OPERATOR))
    for each in (finance, operator):
        await identity.add_staff(new_user(each, team_id=None), password="correct horse", now=NOW)
    for line in await queries.own_lines(tenant.owner, drawn.id):
        why = NewDispute(line=line.n, reason="少计一单")
        await service.dispute(tenant.owner, drawn.id, why, now=APRIL)
    async with db.job_transaction():
        rows = await db.connection().fetch(
            "SELECT payload FROM outbox WHERE tenant_id = $1 AND topic = $2",
            *(tenant.tenant_id, service.DISPUTED),
        )
    job: Any = outbox.Job(
        id=new_id(),
        tenant_id=tenant.tenant_id,
        topic=service.DISPUTED,
        payload=msgspec.json.decode(rows[0]["payload"]),
        attempts=0,
        lease=1,
    )

    for _ in range(2):
        await jobs.HANDLERS[service.DISPUTED](job, APRIL)

    [word] = (await notifications.notifications(finance)).items
    assert (await notifications.notifications(operator)).items == []
    assert len(rows) == 1
    assert (word.kind, word.link) == (Kind.LINE_DISPUTED, f"/console/statements/{drawn.id}")
    assert word.subject.endswith(" · 2026-03")


async def test_a_movement_is_found_in_the_statement_that_it_stands_in(
    tenant: Tenant, rival: Tenant, drawn: StatementDetail
) -> None:
    lines = await queries.own_lines(tenant.owner, drawn.id)
    moved = [line.transfer_id for line in lines]

    own = await queries.own_places(tenant.owner, [*moved, new_id()])
    seen = await queries.places(FINANCE, moved)
    of_others = await queries.own_places(rival.owner, moved)

    stands = {each.transfer_id: (each.statement_id, each.n, each.period) for each in own}
    assert stands == {
        line.transfer_id: (drawn.id, line.n, NOW.date().replace(day=1)) for line in lines
    }
    assert sorted(seen, key=lambda each: each.n) == sorted(own, key=lambda each: each.n)
    assert of_others == []


async def test_what_does_not_fit_is_refused(
    tenant: Tenant, rival: Tenant, drawn: StatementDetail
) -> None:
    seen, wrong = SeenStatement(hash=drawn.hash), SeenStatement(hash="0" * 64)
    why = NewDispute(line=1, reason="不对")
    kept = NewAnswer(line=1, outcome=Outcome.KEPT, note="无误")
    late = NewAnswer(line=1, outcome=Outcome.CORRECTED, note="补记", amount_minor=5_00)
    with pytest.raises(StatementDrawn):
        await service.draw(FINANCE, a_statement(tenant), now=APRIL)
    with pytest.raises(MonthNotOver):
        await service.draw(FINANCE, a_statement(tenant, "2026-04"), now=APRIL)
    with pytest.raises(NotFound):
        await service.draw(FINANCE, a_statement(rival), now=APRIL)
    for theirs in (
        queries.own_one(rival.owner, drawn.id, now=APRIL),
        service.dispute(rival.owner, drawn.id, why, now=APRIL),
        service.accept(rival.owner, drawn.id, seen, now=APRIL),
        queries.own_signed(rival.owner, drawn.id),
    ):
        with pytest.raises(StatementNotFound):
            await theirs
    with pytest.raises(NotPermitted):
        await service.accept(tenant.manager, drawn.id, seen, now=APRIL)
    with pytest.raises(NotPermitted):
        await service.sign(make_platform_actor(), drawn.id, seen, now=APRIL)
    with pytest.raises(StatementDiffers):
        await service.accept(tenant.owner, drawn.id, wrong, now=APRIL)
    with pytest.raises(StatementDiffers):
        await service.sign(FINANCE, drawn.id, wrong, now=APRIL)
    for undisputed in (kept, late):
        with pytest.raises(NotDisputed):
            await service.answer(FINANCE, drawn.id, undisputed, now=APRIL)
    mixed = msgspec.structs.replace(kept, amount_minor=5)
    with pytest.raises(Invalid):
        await service.answer(FINANCE, drawn.id, mixed, now=APRIL)

    def of_benefit(said: NewAnswer) -> NewAnswer:
        return msgspec.structs.replace(said, line=3)

    # A line of a benefit is corrected where benefits are, then named here.
    await service.dispute(tenant.owner, drawn.id, NewDispute(line=3, reason="未发放"), now=APRIL)
    with pytest.raises(CorrectionUnknown):
        await service.answer(FINANCE, drawn.id, of_benefit(late), now=APRIL)
    await service.answer(FINANCE, drawn.id, of_benefit(kept), now=APRIL)
    await service.accept(tenant.owner, drawn.id, seen, now=APRIL)
    with pytest.raises(StatementSigned):
        await service.dispute(tenant.owner, drawn.id, why, now=APRIL)

    [listed] = (await queries.own(tenant.owner, now=APRIL)).items
    assert (listed.standing, listed.disputes, listed.open_disputes) == (Standing.ACCEPTED, 1, 0)
    assert (await queries.own(rival.owner, now=APRIL)).items == []
    found = await queries.drawn(FINANCE, agent_id=tenant.tenant_id, now=APRIL + 40 * DAY)
    assert found.items == [listed]


async def test_a_statement_is_a_workbook_that_adds_up_and_a_paper(
    tenant: Tenant, drawn: StatementDetail
) -> None:
    mine = await queries.own_whole(tenant.owner, drawn.id, most=9, now=APRIL)
    theirs = await queries.drawn_whole(FINANCE, drawn.id, most=9, now=APRIL)
    book = openpyxl.load_workbook(io.BytesIO(await exports.as_workbook(*mine)))
    pdf = await exports.as_pdf(*theirs)
    async with db.platform_transaction(FINANCE):
        lines = await books.lines(drawn.id, limit=9)

    rows = list(book["明细"].iter_rows(min_row=2, values_only=True))
    assert [row[5] or 0 for row in rows] == [line.posted_minor / 100 for line in lines]
    assert sum(row[4] for row in rows) == 50
    assert [row[0] for row in book["汇总"].iter_rows(min_row=7, values_only=True)] == [
        *("佣金", "权益·开春进货券"),
    ]
    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert str(document.docinfo["/Title"]) == f"对账单 2026-03 {tenant.name}"
    said = exports.paper(drawn, lines)
    assert (said["owed"], said["words"]) == ("100.00", "壹佰元整")
    assert (said["begins"], said["ends"]) == ("2026-03-01", "2026-03-31")


@pytest.mark.parametrize(
    ("minor", "said"),
    [
        (0, "零元整"),
        (1, "壹分"),
        (10, "壹角"),
        (1_00, "壹元整"),
        (-80, "负捌角"),
        (1_234_05, "壹仟贰佰叁拾肆元零伍分"),
        (100_010_00, "壹拾万零壹拾元整"),
        (10_010_000_00, "壹仟零壹万元整"),
        (100_000_001_00, "壹亿零壹元整"),
        (1_005_000_005_00, "壹拾亿零伍佰万零伍元整"),
        (1_234_567_890_12, "壹拾贰亿叁仟肆佰伍拾陆万柒仟捌佰玖拾元壹角贰分"),
    ],
)
def test_yuan_are_written_as_a_cheque_has_them(minor: int, said: str) -> None:
    assert papers.in_words(minor) == said


def test_in_words_no_amount_reads_as_another() -> None:
    amounts = [*range(30_000), *(n * 10_007_003 + 11 for n in range(30_000))]

    assert len({papers.in_words(minor) for minor in amounts}) == len(set(amounts))


def test_a_month_begins_in_china() -> None:
    begins, ends = months.bounds(date(2026, 2, 1))

    assert (begins.astimezone(UTC), ends - begins) == (
        datetime(2026, 1, 31, 16, tzinfo=UTC),
        28 * DAY,
    )
