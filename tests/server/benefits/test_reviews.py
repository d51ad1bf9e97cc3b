"""What looks like fraud is held, not refused; somebody decides with a reason, not who issued it."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import msgspec
import pytest

from server.access import Role
from server.audit import queries as audit
from server.benefits import jobs
from server.benefits import queries as benefits
from server.benefits.batches import service as batches
from server.benefits.batches.schemas import Approval, NewBatch
from server.benefits.reviews import queries, service
from server.benefits.reviews.rules import (
    AppealMade,
    BenefitInReview,
    Guards,
    OwnReview,
    ReviewDecided,
    ReviewState,
    Signal,
    Verdict,
)
from server.benefits.reviews.schemas import ReviewAppeal, ReviewDecision
from server.benefits.rules import AlreadyVoided, BenefitState
from server.benefits.schemas import BenefitFilters, BenefitView, IssuanceFilters
from server.benefits.vouchers import service as vouchers
from server.benefits.vouchers.schemas import Redeem
from server.customers import service as customers
from server.customers.schemas import NewCustomer
from server.kit import db, outbox
from server.kit.errors import Forbidden, NotFound
from server.notifications import queries as notifications
from tests.factories import NOW, Tenant, make_platform_actor, new_id
from tests.server.benefits import stories

pytestmark = pytest.mark.usefixtures("database")
SECOND = make_platform_actor()
FINANCE = make_platform_actor(Role.PLATFORM_FINANCE)
NOBODY_TWICE = Guards(phone_customers_max=1)
RELEASE = ReviewDecision(verdict=Verdict.RELEASE, reason="同一老板的两家店")
REJECT = ReviewDecision(verdict=Verdict.REJECT, reason="同一电话冒充多家客户")


def _phone() -> str:
    """Give a phone that is nobody else's."""
    return f"+8613{new_id().int % 10**9:09d}"


async def _guarded(benefits_funded: int = 10) -> UUID:
    """Open a program in which no two customers have one phone."""
    program = await stories.make_program(benefits_funded)
    await service.set_guards(stories.OPERATOR, program.id, NOBODY_TWICE, now=NOW)
    return program.id


async def _asked(tenant: Tenant, program_id: UUID, phone: str, name: str = "店") -> BenefitView:
    """Ask for a benefit for a new customer with a phone."""
    new = NewCustomer(name=f"{name}{new_id()}", phone=phone)
    customer = await customers.create(tenant.rep, new, now=NOW)
    return await stories.request(tenant.rep, customer.id, program_id)


async def _issuance_of(program_id: UUID, request: BenefitView) -> UUID:
    """Find the platform's id of a benefit."""
    page = await benefits.issuances(FINANCE, IssuanceFilters(program_id=program_id), now=NOW)
    async with db.platform_transaction(stories.OPERATOR):
        found = await db.connection().fetchval(
            "SELECT id FROM issuance WHERE request_key = $1", request.id
        )
    assert found in {each.id for each in page.items}
    assert isinstance(found, UUID)
    return found


async def _held(tenant: Tenant) -> tuple[UUID, BenefitView, UUID]:
    """Have a benefit held; give its program, itself, and the platform's id of it."""
    program_id, phone = await _guarded(), _phone()
    await _asked(tenant, program_id, phone)
    second = await _asked(tenant, program_id, phone)
    await service.screen(NOW)
    return program_id, second, await _issuance_of(program_id, second)


async def _use(tenant: Tenant, request_id: UUID) -> BenefitView:
    """Show a benefit's code, and use it."""
    code = (await vouchers.code_of(tenant.rep, request_id, now=NOW)).code
    await vouchers.redeem(tenant.rep, Redeem(id=new_id(), code=code), now=NOW)
    return await benefits.benefit(tenant.rep, request_id)


async def test_a_benefit_that_looks_like_fraud_waits_held_and_unusable(
    tenant: Tenant, rival: Tenant
) -> None:
    program_id, phone = await _guarded(3), _phone()
    asked = [await _asked(company, program_id, phone) for company in (tenant, rival)]
    fine = await _asked(tenant, program_id, _phone())
    codes = [
        (await vouchers.code_of(company.rep, each.id, now=NOW)).code
        for company, each in zip((tenant, rival), asked, strict=True)
    ]

    # Nobody has screened them yet: who is about to use one does.
    with pytest.raises(BenefitInReview):
        await vouchers.redeem(tenant.rep, Redeem(id=new_id(), code=codes[0]), now=NOW)
    with pytest.raises(BenefitInReview):
        await vouchers.redeem(rival.rep, Redeem(id=new_id(), code=codes[1]), now=NOW)
    with pytest.raises(BenefitInReview):
        await vouchers.code_of(tenant.rep, asked[0].id, now=NOW)
    assert (await _use(tenant, fine.id)).state is BenefitState.REDEEMED

    program = await benefits.program(FINANCE, program_id)
    assert (program.held_minor, program.available_minor) == (2 * stories.AMOUNT, 0)
    shown = await benefits.benefit(tenant.rep, asked[0].id)
    assert shown.state is BenefitState.IN_REVIEW
    listed = await benefits.benefits(tenant.rep, BenefitFilters(state=BenefitState.IN_REVIEW))
    assert [each.id for each in listed.items] == [asked[0].id]
    told = await queries.own(tenant.rep, asked[0].id)
    assert told is not None
    assert [each.signal for each in told.signals] == [Signal.SHARED_PHONE]
    assert not any(character.isdigit() for character in told.signals[0].en)
    assert await queries.own(tenant.rep, fine.id) is None
    with pytest.raises(NotFound):
        await queries.own(rival.rep, asked[0].id)


async def test_who_looked_at_it_releases_it_with_a_reason(tenant: Tenant) -> None:
    _, request, issuance_id = await _held(tenant)
    for wrong in (FINANCE, tenant.owner):
        with pytest.raises(Forbidden):
            await service.decide(wrong, issuance_id, RELEASE, now=NOW)
    with pytest.raises(NotFound):
        await service.decide(SECOND, new_id(), RELEASE, now=NOW)

    assert (await service.take(SECOND, issuance_id, now=NOW)).owner_id == SECOND.user_id
    done = await service.decide(SECOND, issuance_id, RELEASE, now=NOW)

    assert (done.state, done.reason) == (ReviewState.RELEASED, RELEASE.reason)
    with pytest.raises(ReviewDecided):
        await service.decide(stories.OPERATOR, issuance_id, REJECT, now=NOW)
    await service.screen(NOW)
    assert (await _use(tenant, request.id)).state is BenefitState.REDEEMED
    feed = await audit.platform_reads(tenant.owner)
    seen = {line.what for line in feed.items}
    assert {"benefits.review_opened", "benefits.review_released"} <= seen


async def test_what_is_rejected_is_withdrawn_and_answered_once(tenant: Tenant) -> None:
    program_id, request, issuance_id = await _held(tenant)
    before = await benefits.program(FINANCE, program_id)
    await service.decide(SECOND, issuance_id, REJECT, now=NOW)

    after = await benefits.program(FINANCE, program_id)
    assert after.available_minor == before.available_minor + stories.AMOUNT
    assert (await benefits.benefit(tenant.rep, request.id)).state is BenefitState.VOIDED
    answer = ReviewAppeal(answer="两家店的法人相同，附营业执照")
    with pytest.raises(Forbidden):
        await service.appeal(tenant.rep, request.id, answer, now=NOW)
    for _ in range(2):
        told = await service.appeal(tenant.owner, request.id, answer, now=NOW)
    with pytest.raises(AppealMade):
        await service.appeal(tenant.owner, request.id, ReviewAppeal(answer="再申诉"), now=NOW)
    assert (told.state, told.reason) == (ReviewState.APPEALED, REJECT.reason)
    with pytest.raises(OwnReview):
        await service.decide(SECOND, issuance_id, RELEASE, now=NOW)
    granted = await service.decide(stories.OPERATOR, issuance_id, RELEASE, now=NOW)
    assert granted.state is ReviewState.GRANTED
    with pytest.raises(ReviewDecided):
        await service.decide(make_platform_actor(), issuance_id, REJECT, now=NOW)

    # It was an error: the customer's next one is not held for the same.
    again = await stories.request(tenant.rep, request.customer_id, program_id)
    await service.screen(NOW)
    assert (await _use(tenant, again.id)).state is BenefitState.REDEEMED
    with pytest.raises(AlreadyVoided):
        await vouchers.redeem(
            tenant.rep,
            Redeem(
                id=new_id(), code=(await vouchers.code_of(tenant.rep, request.id, now=NOW)).code
            ),
            now=NOW,
        )
    [counted] = await queries.outcomes(FINANCE, program_id=program_id)
    assert counted.signal == Signal.SHARED_PHONE
    assert (counted.waiting, counted.rejected, counted.released) == (1, 0, 1)


async def test_nothing_was_rejected_that_could_be_answered(tenant: Tenant) -> None:
    _, request, _ = await _held(tenant)
    program = await stories.make_program()
    fine = await _asked(tenant, program.id, _phone())

    with pytest.raises(ReviewDecided):
        await service.appeal(tenant.owner, request.id, ReviewAppeal(answer="为什么"), now=NOW)
    with pytest.raises(NotFound):
        await service.appeal(tenant.owner, fine.id, ReviewAppeal(answer="为什么"), now=NOW)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tenant_transaction(tenant.tenant_id):
            await db.connection().execute("SELECT FROM benefit_trace")
    async with db.tenant_transaction(tenant.tenant_id):
        status = await db.connection().execute(
            "UPDATE benefit_review SET state = 'appealed' WHERE state = 'waiting'"
        )
    assert status == "UPDATE 0"


async def test_staff_that_are_their_own_customers_are_held(tenant: Tenant) -> None:
    program, phone = await stories.make_program(), _phone()
    async with db.global_transaction():
        await db.connection().execute(
            "UPDATE login_name SET login = $1 WHERE user_id = $2",
            *(phone.removeprefix("+86"), tenant.owner.user_id),
        )
    own = await _asked(tenant, program.id, phone)

    await service.screen(NOW)

    told = await queries.own(tenant.rep, own.id)
    assert told is not None
    assert [each.signal for each in told.signals] == [Signal.SELF_DEALING]


async def test_who_approved_a_batch_does_not_decide_about_it(tenant: Tenant) -> None:
    program_id, phone = await _guarded(), _phone()
    chosen = [
        (
            await customers.create(
                tenant.owner, NewCustomer(name=f"店{n}{new_id()}", phone=phone), now=NOW
            )
        ).id
        for n in range(2)
    ]
    new = NewBatch(id=new_id(), program_id=program_id, customers=chosen)
    made = await batches.submit(tenant.owner, new, now=NOW)
    seen = Approval(content_hash=made.batch.content_hash)
    await batches.approve(stories.OPERATOR, new.id, seen, now=NOW)
    await batches.issue_some(tenant.tenant_id, new.id, now=NOW)
    await service.screen(NOW)
    page = await queries.reviews(FINANCE, now=NOW)
    mine = [each for each in page.items if each.program_id == program_id]
    while page.next_cursor:
        page = await queries.reviews(FINANCE, now=NOW, cursor=page.next_cursor)
        mine += [each for each in page.items if each.program_id == program_id]

    assert len(mine) == 2
    for each in mine:
        with pytest.raises(OwnReview):
            await service.take(stories.OPERATOR, each.issuance_id, now=NOW)
        with pytest.raises(OwnReview):
            await service.decide(stories.OPERATOR, each.issuance_id, RELEASE, now=NOW)


async def test_the_agents_people_are_told(tenant: Tenant) -> None:
    _, request, issuance_id = await _held(tenant)
    await service.decide(SECOND, issuance_id, REJECT, now=NOW)
    async with db.job_transaction():
        rows = await db.connection().fetch(
            "DELETE FROM outbox WHERE tenant_id = $1 AND topic = $2 RETURNING *",
            *(tenant.tenant_id, service.MOVED),
        )
    for row in rows:
        payload = msgspec.json.decode(row["payload"])
        job = outbox.Job(row["id"], tenant.tenant_id, service.MOVED, payload, 0, 1)
        await jobs.HANDLERS[service.MOVED](job, NOW)

    page = await notifications.notifications(tenant.rep)
    kinds = [each.kind for each in page.items if each.link == f"/benefits/{request.id}"]
    assert sorted(kinds) == ["benefit_held", "benefit_reviewed"]
    assert service.SCREEN in jobs.SCHEDULE


async def test_guards_are_a_programs_data_with_versions(tenant: Tenant) -> None:
    program = await stories.make_program()
    usual = await queries.guards(FINANCE, program.id)
    strict = Guards(hours_to_decide=4, person_max=0, agent_max=0, hold_at=1)
    for _ in range(2):
        kept = await service.set_guards(stories.OPERATOR, program.id, strict, now=NOW)
    with pytest.raises(Forbidden):
        await service.set_guards(FINANCE, program.id, strict, now=NOW)
    one = await _asked(tenant, program.id, _phone())
    await service.screen(NOW)

    assert (usual.version, usual.guards) == (0, Guards())
    assert (kept.version, kept.guards) == (1, strict)
    told = await queries.own(tenant.rep, one.id)
    assert told is not None
    assert told.due_at == NOW + timedelta(hours=4)
    assert {each.signal for each in told.signals} == {Signal.BURST_PERSON, Signal.BURST_AGENT}
