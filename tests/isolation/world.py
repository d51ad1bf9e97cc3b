"""Two agent companies full of data that must never meet, made through the services."""

import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from os.path import commonprefix
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from billing.reconciliation.rules.columns import ColumnMap
from billing.reconciliation.rules.columns import Field as ReconField
from billing.reconciliation.rules.lines import Side
from billing.reconciliation.schemas import ExceptionOutcome
from server.access import Actor, Role, Scope, reads_records
from server.activities import service as activities
from server.activities.schemas import NewAppeal, NewTask, NewVisit
from server.attachments import service as attachments
from server.attachments.rules import Piece
from server.attachments.schemas import NewAttachment
from server.automation import rules as automation_rules
from server.automation import service as automation
from server.benefits import queries as benefit_queries
from server.benefits import service as benefits
from server.benefits.batches import service as batches
from server.benefits.batches.schemas import NewBatch
from server.benefits.eligibility import service as eligibility
from server.benefits.eligibility.rules import OPEN
from server.benefits.eligibility.schemas import NewRules as ProgramRules
from server.benefits.escrow import service as units
from server.benefits.reviews import service as reviews
from server.benefits.reviews.rules import Guards, Verdict
from server.benefits.reviews.schemas import ReviewDecision
from server.benefits.schemas import (
    IssuanceFilters,
    NewAllocation,
    NewFunding,
    NewProgram,
    NewVoid,
    RequestBenefit,
)
from server.benefits.vouchers import service as vouchers
from server.customers import service as customers
from server.customers.bulk import service as bulk
from server.customers.bulk.schemas import BulkChange, NewBulkEdit
from server.customers.custom import service as custom
from server.customers.custom.schemas import NewField, OptionGiven
from server.customers.objects.schemas import NewObject, NewRecord
from server.customers.objects.service import objects
from server.customers.objects.service import records as custom_records
from server.customers.opt_outs import queries as opted_out
from server.customers.opt_outs import service as opt_outs
from server.customers.opt_outs.rules import OptOutReason
from server.customers.pools import recycling
from server.customers.pools import service as pools
from server.customers.pools.rules import Trigger
from server.customers.pools.schemas import NewPool, NewRule, Release
from server.customers.reveals import service as reveals
from server.customers.reveals.schemas import NewReveal
from server.customers.schemas import (
    CustomerEdit,
    NewContact,
    NewCustomer,
    NewNote,
    NewStore,
    NewTag,
)
from server.identity import keys
from server.identity import service as identity
from server.identity.rules import access_tokens
from server.identity.rules.access_tokens import Claims
from server.identity.schemas import (
    Acceptance,
    Enrolment,
    NewAbsence,
    NewSharing,
    NewUser,
    PhoneMaskView,
    UserChange,
)
from server.imports import service as imports
from server.kit import clock, db, ids
from server.leads import service as leads
from server.leads.rules.campaigns import Channel
from server.leads.rules.handoff import Terms
from server.leads.rules.states import IntakePath
from server.leads.rules.tagging import Condition, Field, Rule
from server.leads.schemas import (
    Decision,
    NewCampaign,
    NewCost,
    NewForm,
    NewLead,
    NewRules,
    NewSource,
    NewTerritory,
)
from server.notifications import queries as notification_queries
from server.notifications import service as notifications
from server.notifications.channels import NullSender
from server.notifications.rules import Channel as Outside
from server.notifications.rules import Kind
from server.notifications.schemas import ReachView, SettingView
from server.partners import service as partners
from server.partners.rules.agents import owner_id
from server.partners.schemas import FIELDS, NewAgent, NewAgreement, NewContract, NewOwner, Tick
from server.partners.schemas import NewTerritory as PlatformTerritory
from server.quality import service as quality
from server.reconciliation import queries as recon_queries
from server.reconciliation import service as reconciliation
from server.reconciliation.schemas import FileOfSource, NewQuestion, NewResolution
from server.reconciliation.schemas import NewSource as NewReconSource
from server.statements import service as statements
from server.statements.schemas import NewStatement
from server.sync import first_sync, merging, pairs, unmerging
from server.sync import service as sync
from server.sync.segments import PostgresSegments
from server.tenants import service as tenants
from server.tenants.schemas import NewTeam
from server.views import service as views
from server.views.schemas import Audience, CustomerLook, NewView
from sync_protocol.attachments import CHUNK_BYTES, Completion, chunk_hash, identify
from sync_protocol.messages import PullRequest
from tests.factories import (
    Tenant,
    join,
    login_of,
    make_actor,
    make_platform_actor,
    new_id,
    new_user,
)
from tests.isolation import cases, contracts, deals, registrations, requests, rhythm, sales
from tests.server.attachments.files import photo
from tests.server.sync.devices import Device, frame

PASSWORD: Final = "a lantern over the quiet river"
AGENT_ROLES: Final = (Role.AGENT_OWNER, Role.SALES_MANAGER, Role.SALES_REP)
PLATFORM_ROLES: Final = (Role.PLATFORM_OPERATOR, Role.PLATFORM_FINANCE)
CHUNK: Final = b"x" * CHUNK_BYTES
"""The first chunk of every upload that is under way."""
BRANCHES: Final = 8
"""Teams of each company beside the one in which its people are."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_numbers = count(1)


class Session(msgspec.Struct, frozen=True):
    """How one person reaches the product: by a device's token and by a browser's cookie."""

    actor: Actor
    claims: Claims
    cookie: tuple[str, str]
    csrf_token: str

    @property
    def token(self) -> str:
        """A token of this sign-in that is good for half its life; a module may take longer."""
        half = access_tokens.LIFE / 2
        begun = clock.now() - (clock.now() - EPOCH) % half
        fresh = msgspec.structs.replace(
            self.claims, issued_at=begun, expires_at=begun + access_tokens.LIFE
        )
        return access_tokens.mint(keys.current().ring, fresh)


class Company(msgspec.Struct):
    """One of the two agent companies: its people, and an id of everything that it has."""

    tenant: Tenant
    mark: str
    sessions: dict[Role, Session]
    ids: dict[str, UUID] = {}

    def text(self, what: str) -> str:
        """Give a text that stands nowhere else."""
        return f"{self.mark}{what}{next(_numbers)}"

    def phone(self) -> str:
        """Give a phone that stands nowhere else."""
        return f"+8613{next(_numbers) + 700_000_000:09d}"


async def make_company(mark: str, operator: Actor) -> Company:
    """Admit a company with people who can reach it, and something of everything."""
    tenant = await _admit(f"{mark}公司", operator)
    company = Company(tenant, mark, {})
    owner = tenant.owner
    for actor in (owner, tenant.manager, tenant.rep):
        change = UserChange(name=company.text("同事"))
        await identity.change_user(owner, actor.user_id, change, now=clock.now())
        if actor != owner:
            await join(owner, actor, PASSWORD)
        company.sessions[actor.role] = await make_session(actor, company.text("手机"))
    company.sessions[Role.ANALYST] = await _analyst(company)
    await fill(company)
    return company


async def _analyst(company: Company) -> Session:
    """Add somebody who reads the company's figures and none of its records."""
    tenant = company.tenant
    analyst = make_actor(tenant.tenant_id, Role.ANALYST, team_id=tenant.team_id)
    await identity.invite(tenant.owner, new_user(analyst, team_id=tenant.team_id), now=clock.now())
    await join(tenant.owner, analyst, PASSWORD)
    return await make_session(analyst, "")


async def _admit(name: str, operator: Actor) -> Tenant:
    """Admit an agent, whose owner invites a manager and a rep."""
    tenant_id = new_id()
    login = f"{Role.AGENT_OWNER}.{owner_id(tenant_id).hex[-12:]}"
    new = NewAgent(id=tenant_id, name=name, city="杭州", owner=NewOwner(name=name, login=login))
    await partners.admit(operator, new, now=clock.now())
    invitation = await partners.invite_owner(operator, tenant_id, now=clock.now())
    accepted = Acceptance(code=invitation.code, password=PASSWORD)
    await identity.accept_invitation(accepted, address=login, now=clock.now())
    signed_in = await identity.web_sign_in(login, PASSWORD, address=login, now=clock.now())
    owner = signed_in.actor
    assert owner.team_id is not None
    team_id = owner.team_id
    manager, rep = (
        make_actor(tenant_id, role, team_id=team_id)
        for role in (Role.SALES_MANAGER, Role.SALES_REP)
    )
    for actor in (manager, rep):
        person = new_user(actor, team_id=team_id)
        await identity.invite(owner, person, now=clock.now())
    return Tenant(tenant_id, name, team_id, owner, manager, rep)


async def make_session(actor: Actor, device_name: str) -> Session:
    """Sign the person in, in a browser and, if they may hold records, on a phone."""
    now = clock.now()
    device_id: UUID | None = None
    if not reads_records(actor.role):
        tokens = await identity.sign_in(
            login_of(actor), PASSWORD, address=actor.user_id.hex, now=now
        )
        token = tokens.access_token
    else:
        code = await identity.new_enrolment_code(actor, user_id=None, now=now)
        asked = Enrolment(code=code.code, device_name=device_name, platform=f"{device_name}系统")
        enrolled = await identity.enrol(asked, address=actor.user_id.hex, now=now)
        device_id, token = enrolled.device_id, enrolled.access_token
    signed_in = await identity.web_sign_in(
        login_of(actor), PASSWORD, address=actor.user_id.hex, now=now
    )
    return Session(
        actor=msgspec.structs.replace(actor, device_id=device_id),
        claims=access_tokens.read(keys.current().ring, token),
        cookie=(signed_in.cookie_name, signed_in.token),
        csrf_token=signed_in.csrf_token,
    )


async def make_staff_session(role: Role) -> Session:
    """Add one of the platform's staff, who can reach the product."""
    staff = make_platform_actor(role)
    person = new_user(staff, team_id=None)
    await identity.add_staff(person, password=PASSWORD, now=clock.now())
    return await make_session(staff, f"平台{role}")


async def fill(company: Company) -> None:
    """Make one of everything that a company has."""
    company.ids["tenant"] = company.tenant.tenant_id
    company.ids["team"] = company.tenant.team_id
    for at in range(BRANCHES):
        new_team = NewTeam(name=company.text("分部"))
        made = await tenants.create_team(company.tenant.owner, new_team, now=clock.now())
        company.ids[f"branch{at or ''}"] = made.id
    for kind in (
        "user",  # somebody whom no session is of: a route may let them go
        "device",
        "tag",
        "customer",
        "pool",
        "pooled",
        "bulk",
        "store",
        "contact",
        "note",
        "visit",
        "judged_visit",
        "task",
        "notification",
        "call",
        "play",
        "signal_source",
        "conflict",
        "import",
        "attachment",
        "upload",
        "absence",
        "source",
        "campaign",
        "lead_form",
        "territory",
        "lead",
        "discarded",
        "offer",
        "opt_out_word",
        "process",
        "family",
        "opportunity",
        "custom_field",
        "custom_object",
        "custom_record",
        "product",
        "price_book",
        "quote",
        "case",
        "help_request",
        "dispatch",
        "unregistered",
        "registration",
        "disputed",
        "registration_case",
        "contract",
        "signed_contract",
        "instalment",
        "sharing",
        "view",
    ):
        company.ids[kind] = await FRESH[kind](company)
    # A customer that lies in a pool names nobody's; everybody of the company may look at it.
    await pools.look(company.tenant.owner, company.ids["pooled"], now=clock.now())
    await pools.pick(company.tenant.owner, await new_pooled(company), now=clock.now())
    in_time_to_warn = clock.now() + timedelta(days=25)
    await recycling.recycle(company.tenant.tenant_id, now=in_time_to_warn)
    await rhythm.make_feeds(company.tenant)
    await agree_on_leads(company)
    await reveal_phones(company)
    await merge_two(company)
    await part_two(company)
    await make_twins(company)
    await leave_orphan(company)
    await quality.look_through(company.tenant.tenant_id, now=clock.now())
    await load_first(company)
    # Hand-over: somebody lost sight of a customer.
    moved = await new_customer(company)
    edit = CustomerEdit(owner_id=company.tenant.manager.user_id)
    await customers.edit(company.tenant.owner, moved, edit, now=clock.now())


async def new_review(company: Company) -> UUID:
    """Have a benefit held that looks like fraud; give the platform's id of it."""
    return (await _held(company))[1]


async def new_rejection(company: Company) -> UUID:
    """Have a benefit held and rejected; give the id of its request."""
    request_id, issuance_id = await _held(company)
    decision = ReviewDecision(verdict=Verdict.REJECT, reason="核实不通过")
    await reviews.decide(make_platform_actor(), issuance_id, decision, now=clock.now())
    return request_id


async def _held(company: Company) -> tuple[UUID, UUID]:
    """Have a benefit held; give the id of its request, and the platform's of the benefit."""
    asked = RequestBenefit(
        id=new_id(),
        customer_id=await new_customer(company),
        program_id=company.ids["guarded"],
    )
    await benefits.request(company.tenant.rep, asked, now=clock.now())
    await reviews.screen(clock.now())
    async with db.tenant_transaction(company.tenant.tenant_id):
        issuance_id = await db.connection().fetchval(
            "SELECT id FROM issuance WHERE request_key = $1", asked.id
        )
    assert isinstance(issuance_id, UUID)
    return asked.id, issuance_id


async def new_batch(company: Company) -> UUID:
    """Ask for benefits for several customers, which the platform has not decided yet."""
    new = NewBatch(
        id=new_id(), program_id=company.ids["program"], customers=[await new_customer(company)]
    )
    return (await batches.submit(company.tenant.owner, new, now=clock.now())).batch.id


async def new_customer(company: Company) -> UUID:
    """Make a customer of the rep, with a text in every field."""
    new = NewCustomer(
        name=company.text("客户"),
        phone=company.phone(),
        city=company.text("市"),
        district=company.text("区"),
        address=company.text("路"),
        industry=company.text("业"),
        status="potential",
        level="A",
        source=company.text("来源"),
        expected_revenue_minor=1_000_000,
        remark=company.text("备注"),
        tags=[company.ids["tag"]],
    )
    saved = await customers.create(company.tenant.rep, new, now=clock.now())
    return saved.id


async def reveal_phones(company: Company) -> None:
    """Let a manager from whom phones are hidden look at those of a customer."""
    owner, now = company.tenant.owner, clock.now()
    # From nobody, so that sessions see what they always see.
    await identity.set_phone_mask(owner, PhoneMaskView(reveals_per_day=20), now=now)
    masked = msgspec.structs.replace(company.tenant.manager, scope=Scope.TENANT, masks_phones=True)
    asked = NewReveal(reason=company.text("查看原因"))
    await reveals.reveal(masked, company.ids["customer"], asked, now=now)


async def new_sharing(company: Company) -> UUID:
    """Let a team in which nobody is see the customers of the other."""
    new = NewSharing(
        from_team_id=company.ids["team"],
        to_team_id=company.ids[f"branch{next(_numbers) % BRANCHES or ''}"],
        cities=[company.text("市")],
        tag_id=company.ids["tag"],
    )
    return (await identity.share(company.tenant.owner, new, now=clock.now())).line.id


async def new_view(company: Company) -> UUID:
    """Save a view for everybody of the company."""
    look = CustomerLook(q=company.text("搜"), tag=company.ids["tag"], city=company.text("市"))
    new = NewView(name=company.text("视图"), look=look, audience=Audience.TENANT)
    # By a person of its own: nobody keeps more than so many.
    maker = msgspec.structs.replace(await _new_person(company), role=Role.SALES_MANAGER)
    return (await views.save(maker, new, now=clock.now())).id


async def new_store(company: Company) -> UUID:
    """Make a store."""
    new = NewStore(
        name=company.text("店"),
        address=company.text("店址"),
        city=company.text("店市"),
        district=company.text("店区"),
        phone=company.phone(),
    )
    owner = company.tenant.rep
    return (await customers.add_store(owner, company.ids["customer"], new, now=clock.now())).id


async def new_contact(company: Company) -> UUID:
    """Make a contact."""
    new = NewContact(
        name=company.text("联系人"),
        title=company.text("职务"),
        phone=company.phone(),
        email=f"c{next(_numbers)}@{company.tenant.tenant_id.hex}.example.com",
        wechat=company.text("微信"),
        remark=company.text("印象"),
    )
    owner = company.tenant.rep
    return (await customers.add_contact(owner, company.ids["customer"], new, now=clock.now())).id


async def new_note(company: Company) -> UUID:
    """Write a note."""
    new = NewNote(body=company.text("跟进"))
    owner = company.tenant.rep
    return (await customers.add_note(owner, company.ids["customer"], new, now=clock.now())).id


async def new_visit(company: Company) -> UUID:
    """Go to a customer; the visit was judged, and its visitor speaks against that."""
    now = clock.now()
    new = NewVisit(
        checked_in_at=now,
        lat=30_000_000,
        lng=120_000_000,
        is_mocked=1,
        purpose=company.text("目的"),
        summary=company.text("见闻"),
        next_step=company.text("下一步"),
        store_id=company.ids["store"],
    )
    rep = company.tenant.rep
    made = await activities.add_visit(rep, company.ids["customer"], new, now=now)
    await activities.judge_visits(rep.tenant_id, [str(made.id)], now=now)
    await activities.appeal(rep, made.id, NewAppeal(company.text("申诉")), now=now)
    return made.id


async def new_task(company: Company) -> UUID:
    """Let the manager give the rep something to do."""
    new = NewTask(
        title=company.text("任务"),
        detail=company.text("说明"),
        due_at=clock.now(),
        assignee_id=company.tenant.rep.user_id,
        is_must_do=True,
    )
    manager, now = company.tenant.manager, clock.now()
    made = await activities.add_task(manager, company.ids["customer"], new, now=now)
    terms = automation_rules.Terms(warn_minutes=30)
    await automation.set_sla(manager, terms, now=now)
    await automation.escalate(manager.tenant_id, now=now)
    return made.id


async def new_call(company: Company) -> UUID:
    """Call a customer whose phone is of nobody else, and is not to be called any more."""
    return await rhythm.new_call(company.tenant, company.text("通话"), await new_customer(company))


async def new_judged_visit(company: Company) -> UUID:
    """Go to a customer, as somebody whose visit nobody has spoken of yet."""
    now = clock.now()
    rep = company.tenant.rep
    new = NewVisit(checked_in_at=now)
    made = await activities.add_visit(rep, company.ids["customer"], new, now=now)
    await activities.judge_visits(rep.tenant_id, [str(made.id)], now=now)
    return made.id


async def new_notification(company: Company) -> UUID:
    """Tell the owner something, who wants it outside too, where it has left."""
    owner, now = company.tenant.owner, clock.now()
    reach = ReachView(Outside.WECOM, f"robot-{company.tenant.tenant_id.hex}")
    await notifications.change_setting(owner, SettingView(channels=[reach]))
    await notifications.tell(
        owner.tenant_id,
        [owner.user_id],
        Kind.TASK_GIVEN,
        key=company.text("通知"),
        subject=company.text("任务"),
        page="/visits",
        now=now,
    )
    told = (await notification_queries.notifications(owner)).items[0]
    await notifications.deliver(owner.tenant_id, told.id, sender=NullSender(), now=now)
    return told.id


async def new_tag(company: Company) -> UUID:
    """Make a tag."""
    new = NewTag(
        name=company.text("标签"),
        meaning=company.text("含义"),
        colour=company.text("色"),
        expires_on="2031-01-01",
    )
    return (await customers.create_tag(company.tenant.owner, new, now=clock.now())).id


async def new_conflict(company: Company) -> UUID:
    """Let two people write one field of a customer without seeing each other."""
    customer_id = await new_customer(company)
    now = clock.now()
    first = Device(await _with_device(company, await _new_person(company)), now)
    second = Device(await _with_device(company, await _new_person(company)), now)
    for device in (first, second):
        await device.pull()
    await first.push(first.edit("customer", customer_id, remark=company.text("甲写")))
    outcome = await second.outcome(
        second.edit("customer", customer_id, remark=company.text("乙写"))
    )
    return UUID(outcome.conflicts[0])


async def merge_two(company: Company) -> UUID:
    """Let two customers be one; give the merge."""
    old, into = await new_customer(company), await new_customer(company)
    merge = await merging.merge(company.tenant.owner, old, into, now=clock.now())
    company.ids["survivor"], company.ids["merge"] = into, merge.id
    return merge.id


async def part_two(company: Company) -> None:
    """Let two customers be one and two again, so that a contact goes and comes back."""
    owner, now = company.tenant.owner, clock.now()
    old, into = await new_customer(company), await new_customer(company)
    contact = NewContact(name=company.text("往返联系人"))
    await customers.add_contact(owner, old, contact, now=now)
    merge = await merging.merge(owner, old, into, now=now)
    await unmerging.unmerge(owner, into, merge.id, now=now)


async def make_twins(company: Company) -> None:
    """Let a customer be there twice, and somebody find it out."""
    name = company.text("双胞胎")
    made = [
        (await customers.create(company.tenant.rep, NewCustomer(name=name), now=clock.now())).id
        for _ in range(2)
    ]
    await pairs.find(company.tenant.tenant_id, {"ids": list(map(str, made))}, now=clock.now())


async def leave_orphan(company: Company) -> None:
    """Let an op wait for its record, as after a restoration."""
    device = Device(await _with_device(company, await _new_person(company)), clock.now())
    lost = frame([device.edit("customer", new_id(), remark=company.text("等"))], clock.now())
    await sync.push(device.actor, msgspec.structs.replace(lost, epoch=2), now=clock.now())


async def load_first(company: Company) -> None:
    """Let a phone load everything, page by page, and leave its pages for the next one."""
    room = msgspec.structs.replace(sync.HERE, segments=PostgresSegments(page=5))
    owner = await _with_device(company, company.tenant.owner)
    await first_sync.pull(owner, PullRequest(limit=5), now=clock.now(), room=room)


async def new_import(company: Company) -> UUID:
    """Hand a spreadsheet in."""
    lines = [
        "name,phone,city",
        f"{company.text('导入客户')},{company.phone()},杭州",
        f",{company.text('坏')},",
    ]
    handed_in = await imports.upload(
        company.tenant.owner,
        f"{company.text('表')}.csv",
        "\n".join(lines).encode(),
        target="customers",
        import_id=new_id(),
        encoding=None,
        now=clock.now(),
    )
    return handed_in.id


async def new_attachment(company: Company) -> UUID:
    """Take a photo of the customer, whose bytes are here."""
    taken = photo()
    known = identify(taken)
    new = NewAttachment(
        customer_id=company.ids["customer"],
        media_type="image/jpeg",
        size=known.size,
        sha256=known.sha256,
        name=company.text("照片.jpg"),
        subject_id=company.ids["note"],
        subject_kind="note",
    )
    rep, now = company.tenant.rep, clock.now()
    made = await attachments.announce(rep, new, now=now)
    whole = Piece(number=0, content=taken, sha256=known.sha256)
    await attachments.put_chunk(rep, made.id, whole, now=now)
    await attachments.complete(rep, made.id, Completion(), now=now)
    return made.id


async def new_upload(company: Company) -> UUID:
    """Take a photo whose bytes are on their way."""
    new = NewAttachment(
        customer_id=company.ids["customer"],
        media_type="image/jpeg",
        size=2 * CHUNK_BYTES,
        sha256=new_id().hex * 2,
        name=company.text("在途.jpg"),
    )
    rep, now = company.tenant.rep, clock.now()
    made = await attachments.announce(rep, new, now=now)
    first = Piece(number=0, content=CHUNK, sha256=chunk_hash(CHUNK))
    await attachments.put_chunk(rep, made.id, first, now=now)
    return made.id


async def new_colleague(company: Company) -> UUID:
    """Invite one more rep."""
    return (await _new_person(company)).user_id


async def agree_on_leads(company: Company) -> None:
    """Say what is asked of leads, and call one."""
    owner, now = company.tenant.owner, clock.now()
    await leads.change_terms(owner, Terms(calls_max=100), now=now)
    condition = Condition(field=Field.CITY, words=[company.text("规则市")])
    rule = Rule(name=company.text("规则"), when=[condition], tags=[company.ids["tag"]])
    await leads.change_rules(owner, NewRules(rules=[rule], base=0), now=now)
    await leads.call(owner, company.ids["lead"], now=now)


async def new_source(company: Company) -> UUID:
    """Add a source, with a cost of its own."""
    new = NewSource(
        name=company.text("来源"),
        channel=Channel.PARTNER_REFERRAL,
        cost_key=f"k{new_id().hex[-12:]}",
        partner=company.text("伙伴"),
    )
    manager, now = company.tenant.manager, clock.now()
    source_id = (await leads.add_source(manager, new, now=now)).id
    cost = NewCost(
        id=new_id(),
        amount_minor=100,
        spent_on=date(2026, 1, 1),
        source_id=source_id,
        note=company.text("付款"),
    )
    await leads.add_cost(manager, cost, now=now)
    return source_id


async def new_campaign(company: Company) -> UUID:
    """Plan a campaign that goes on for long, with money that is not spent."""
    new = NewCampaign(
        name=company.text("活动"),
        source_id=company.ids["source"],
        starts_on=date(2026, 1, 1),
        ends_on=date(2040, 1, 1),
        area=company.text("范围"),
        audience=company.text("人群"),
        budget_minor=10**9,
    )
    return (await leads.add_campaign(company.tenant.manager, new, now=clock.now())).id


async def new_lead_form(company: Company) -> UUID:
    """Open a page of the campaign."""
    form_id = new_id()
    new = NewForm(id=form_id, title=company.text("表单"))
    token = f"{company.mark}{form_id.hex}"
    manager = company.tenant.manager
    campaign_id = company.ids["campaign"]
    await leads.add_form(manager, campaign_id, new, token=token, now=clock.now())
    return form_id


async def new_territory(company: Company) -> UUID:
    """Let the rep hold a place."""
    new = NewTerritory(
        holder_id=company.tenant.rep.user_id,
        city=company.text("领地"),
        district=company.text("片区"),
    )
    return (await leads.add_territory(company.tenant.manager, new, now=clock.now())).id


async def new_custom_field(company: Company) -> UUID:
    """Give the company's customers a field, and a customer a value of it."""
    actor, now = company.tenant.owner, clock.now()
    new = NewField(
        subject="customer",
        type="choice",
        options=[OptionGiven(zh=company.text("选项"))],
        label_zh=f"{company.text('字段')}{uuid4().hex[:6]}",
        meaning=company.text("问店主"),
    )
    made = await custom.add(actor, new, now=now)
    change = CustomerEdit(custom={made.name: str(made.options[0].id)})
    await customers.edit(actor, company.ids["customer"], change, now=now)
    return made.id


async def new_custom_object(company: Company) -> UUID:
    """Add a sort of records."""
    new = NewObject(
        name_zh=f"{company.text('对象')}{uuid4().hex[:6]}",
        meaning=company.text("问店主"),
        title_zh=company.text("标题"),
    )
    return (await objects.add(company.tenant.owner, new, now=clock.now())).id


async def new_custom_record(company: Company) -> UUID:
    """Give a customer a record of the company's own sort."""
    new = NewRecord(
        object_id=company.ids["custom_object"],
        title=company.text("记录"),
        store_id=company.ids["store"],
    )
    customer_id = company.ids["customer"]
    return (await custom_records.add(company.tenant.rep, customer_id, new, now=clock.now())).id


async def new_lead(company: Company) -> UUID:
    """Take in a lead with a text in every field, and say that it is good."""
    new = NewLead(
        id=new_id(),
        name=company.text("线索"),
        contact_name=company.text("来人"),
        phone=company.phone(),
        city=company.text("来地"),
        district=company.text("来区"),
        industry=company.text("来业"),
        need=company.text("来求"),
        amount_minor=1_000,
        campaign_id=company.ids["campaign"],
    )
    manager, now = company.tenant.manager, clock.now()
    [lead_id] = (await leads.receive(manager, [new], IntakePath.API, now=now)).ids
    await leads.keep(manager, Decision(lead_ids=[lead_id], reason=company.text("留")), now=now)
    return lead_id


async def new_discarded(company: Company) -> UUID:
    """Put a lead away."""
    lead_id = await new_lead(company)
    decision = Decision(lead_ids=[lead_id], reason=company.text("弃"))
    await leads.discard(company.tenant.manager, decision, now=clock.now())
    return lead_id


async def new_offer(company: Company) -> UUID:
    """Route a lead to the rep."""
    lead_id = await new_lead(company)
    rep = company.tenant.rep.user_id
    await leads.route(company.tenant.manager, lead_id, person_id=rep, now=clock.now())
    return lead_id


async def new_opt_out_word(company: Company) -> UUID:
    """Let the rep say of a phone that nobody may call it."""
    rep, now = company.tenant.rep, clock.now()
    await opt_outs.opt_out(rep, company.phone(), OptOutReason.ASKED, now=now)
    return (await opted_out.words(company.tenant.owner)).items[0].id


async def new_absence(company: Company) -> UUID:
    """Let the rep be away for a day in a year that no test lives in."""
    day = date(2040, 1, 1)
    new = NewAbsence(starts_on=day, ends_on=day, note=company.text("年假"))
    rep = company.tenant.rep
    return (await identity.add_absence(rep, rep.user_id, new, now=clock.now())).id


async def new_device(company: Company) -> UUID:
    """Enrol one more phone."""
    actor = await _with_device(company, await _new_person(company))
    assert actor.device_id is not None
    return actor.device_id


async def lease_units(company: Company, program_id: UUID, operator: Actor) -> None:
    """Let a phone hold two units of the company's part of a program."""
    allocation = NewAllocation(
        id=new_id(), agent_id=company.tenant.tenant_id, amount_minor=1_000_000
    )
    await benefits.allocate(operator, program_id, allocation, now=clock.now())
    phone = await _with_device(company, await _new_person(company))
    now = clock.now()
    await units.lease(phone, program_id, 2, lease_id=ids.new_id(now), now=now)


async def _new_person(company: Company) -> Actor:
    """Invite a person who sees the team's customers."""
    actor = company.tenant.actor(Role.SALES_REP, scope=Scope.TEAM)
    person = NewUser(
        id=actor.user_id,
        login=login_of(actor),
        name=company.text("同事"),
        role=actor.role,
        team_id=actor.team_id,
        scope=actor.scope,
    )
    await identity.invite(company.tenant.owner, person, now=clock.now())
    return actor


async def _with_device(company: Company, actor: Actor) -> Actor:
    """Enrol a phone of the person."""
    now = clock.now()
    code = await identity.new_enrolment_code(company.tenant.owner, user_id=actor.user_id, now=now)
    asked = Enrolment(code=code.code, device_name=company.text("手机"), platform="test")
    enrolled = await identity.enrol(asked, address=actor.user_id.hex, now=now)
    return msgspec.structs.replace(actor, device_id=enrolled.device_id)


async def new_pool(company: Company) -> UUID:
    """Make a public pool."""
    quiet = NewRule(trigger=Trigger.INACTIVITY, days=30)
    new = NewPool(name=company.text(f"公海{new_id().hex[-8:]}"), recycle_rules=[quiet])
    return (await pools.create_pool(company.tenant.owner, new, now=clock.now())).id


async def new_bulk(company: Company) -> UUID:
    """Change customers at once."""
    change = BulkChange(source=company.text("来源"))
    wanted = NewBulkEdit(customers=[company.ids["customer"]], change=change)
    return (await bulk.edit(company.tenant.owner, wanted, now=clock.now())).id


async def new_pooled(company: Company) -> UUID:
    """Let a customer be given up into a pool."""
    customer_id = await new_customer(company)
    given = Release(pool_id=company.ids["pool"])
    await pools.release(company.tenant.owner, customer_id, given, now=clock.now())
    return customer_id


FRESH: Final[dict[str, Callable[[Company], Awaitable[UUID]]]] = {
    "customer": new_customer,
    "store": new_store,
    "contact": new_contact,
    "note": new_note,
    "visit": new_visit,
    "judged_visit": new_judged_visit,
    "task": new_task,
    "notification": new_notification,
    "tag": new_tag,
    "pool": new_pool,
    "bulk": new_bulk,
    "pooled": new_pooled,
    "conflict": new_conflict,
    "user": new_colleague,
    "device": new_device,
    "import": new_import,
    "attachment": new_attachment,
    "upload": new_upload,
    "absence": new_absence,
    "call": new_call,
    "play": lambda company: rhythm.new_play(
        company.tenant, company.text("规则"), company.ids["customer"]
    ),
    "signal_source": lambda company: rhythm.new_source(company.tenant, company.text("来源")),
    "source": new_source,
    "campaign": new_campaign,
    "lead_form": new_lead_form,
    "territory": new_territory,
    "lead": new_lead,
    "discarded": new_discarded,
    "offer": new_offer,
    "opt_out_word": new_opt_out_word,
    "process": lambda company: deals.new_process(company.tenant, company.text("流程")),
    "family": lambda company: deals.new_family(company.tenant, company.text("流程")),
    "opportunity": lambda company: deals.new_opportunity(
        company.tenant, company.ids["customer"], company.text("商机")
    ),
    "sharing": new_sharing,
    "view": new_view,
    "survivor": new_customer,
    "merge": merge_two,
    "custom_field": new_custom_field,
    "custom_object": new_custom_object,
    "custom_record": new_custom_record,
    "product": lambda company: sales.new_product(company.tenant, company.text("产品")),
    "price_book": lambda company: sales.new_price_book(
        company.tenant, company.text("价目表"), company.ids["product"]
    ),
    "quote": lambda company: sales.new_quote(
        company.tenant,
        company.text("报价"),
        company.ids["opportunity"],
        company.ids["price_book"],
        company.ids["product"],
    ),
    "case": lambda company: cases.new_case(
        company.tenant, company.text("服务单"), company.ids["customer"]
    ),
    "help_request": lambda company: requests.new_request(
        company.tenant,
        company.text("申请"),
        company.ids["customer"],
        company.ids["opportunity"],
    ),
    "dispatch": lambda company: requests.new_dispatch(
        company.tenant, company.text("平台申请"), company.ids["customer"]
    ),
    "unregistered": lambda company: registrations.new_shop(company.tenant, company.text("待报备")),
    "registration": lambda company: registrations.new_registration(
        company.tenant, company.text("已报备")
    ),
    "disputed": lambda company: registrations.new_dispute(company.tenant, company.text("有争议")),
    "registration_case": lambda company: registrations.case_of(
        company.tenant, company.ids["disputed"]
    ),
    "contract": lambda company: contracts.new_contract(
        company.tenant, company.text("合同"), company.ids["opportunity"]
    ),
    "instalment": lambda company: contracts.paid_instalment(
        company.tenant, company.text("回款"), company.ids["signed_contract"]
    ),
    "signed_contract": lambda company: contracts.signed_contract(
        company.tenant, company.text("已签合同"), company.ids["customer"]
    ),
    "batch": new_batch,
    "review": new_review,
    "rejection": new_rejection,
}
"""How one more of each is made, to be spent by a route that ends it."""


class World(msgspec.Struct):
    """Two companies, the platform's staff, and all that must not be seen."""

    mine: Company
    theirs: Company
    staff: dict[Role, Session]
    program_id: UUID
    foreign: re.Pattern[str]
    """Everything of `theirs` that no answer to `mine` may hold."""
    private: re.Pattern[str]
    """Everything of both that no answer to the platform's staff may hold."""

    def session(self, role: Role) -> Session:
        """Give somebody of this role, on the side that asks."""
        return self.staff.get(role) or self.mine.sessions[role]

    def leaks(self, role: Role, text: str, *, but: str = "") -> set[str]:
        """Find what this role must not see in an answer, but for what it has sent itself."""
        pattern = self.private if role in PLATFORM_ROLES else self.foreign
        return {found for found in pattern.findall(text) if found not in but}

    async def fresh_request(self, company: Company) -> UUID:
        """Request a benefit for a new customer; give its id."""
        asked = RequestBenefit(
            id=new_id(), customer_id=await new_customer(company), program_id=self.program_id
        )
        return (await benefits.request(company.tenant.rep, asked, now=clock.now())).id

    async def fresh_issuance(self, company: Company) -> UUID:
        """Issue a benefit for a new customer; give the platform's id of it."""
        await self.fresh_request(company)
        operator = self.staff[Role.PLATFORM_OPERATOR].actor
        chosen = IssuanceFilters(agent_id=company.tenant.tenant_id)
        page = await benefit_queries.issuances(operator, chosen, now=clock.now())
        return page.items[0].id

    async def new_statement(self, company: Company) -> UUID:
        """Draw up the statement of a month of long ago, in which nothing moved."""
        finance = self.staff[Role.PLATFORM_FINANCE].actor
        new = NewStatement(id=new_id(), agent_id=company.tenant.tenant_id, month="2020-01")
        return (await statements.draw(finance, new, now=clock.now())).id

    async def new_reconciliation(self, company: Company) -> dict[str, UUID]:
        """Compare a file of long ago, of whose rows the platform knows nothing; one is settled."""
        finance, at = self.staff[Role.PLATFORM_FINANCE].actor, clock.now()
        columns = {
            ReconField.ID: "单号",
            ReconField.AMOUNT: "金额",
            ReconField.DAY: "日期",
        }
        source = NewReconSource(
            id=new_id(),
            agent_id=company.tenant.tenant_id,
            name="ERP",
            column_map=ColumnMap(columns=columns),
        )
        await reconciliation.save_source(finance, Side.HERE, source, now=at)
        file_id, rows = new_id(), [f"X-{at},50.00,2020-01-05\n" for at in (1, 2)]
        content = "".join(["单号,金额,日期\n", *rows]).encode()
        sent = FileOfSource(id=file_id, source_id=source.id, month="2020-01", file_name="a.csv")
        await reconciliation.hand_in(finance, Side.HERE, sent, content, now=at)
        await reconciliation.go_on(file_id, now=at)
        found = await recon_queries.exceptions(finance, Side.HERE, file_id, now=at)
        question = NewQuestion(id=new_id(), asked="这一笔是哪位经办的？")
        await reconciliation.ask(finance, found.items[0].id, question, now=at)
        said = NewResolution(outcome=ExceptionOutcome.ACCEPTED, note="双方保留")
        await reconciliation.resolve(finance, found.items[1].id, said, now=at)
        return {
            "recon_source": source.id,
            "recon_file": file_id,
            "recon_exception": found.items[0].id,
            "recon_settled": found.items[1].id,
            "recon_question": question.id,
        }


async def make_world(superuser_url: str) -> World:
    """Make both companies, let the platform give benefits to both, and note what they have."""
    staff = {role: await make_staff_session(role) for role in PLATFORM_ROLES}
    program_id = await _make_program(staff[Role.PLATFORM_OPERATOR].actor)
    guarded_id = await _make_program(staff[Role.PLATFORM_OPERATOR].actor)
    leased_id = await _make_program(staff[Role.PLATFORM_OPERATOR].actor)
    everything = Guards(person_max=0, agent_max=0, hold_at=1)
    await reviews.set_guards(
        staff[Role.PLATFORM_OPERATOR].actor, guarded_id, everything, now=clock.now()
    )
    operator = staff[Role.PLATFORM_OPERATOR].actor
    mine, theirs = await make_company("金丝雀甲", operator), await make_company("夜莺乙", operator)
    world = World(mine, theirs, staff, program_id, re.compile(""), re.compile(""))
    for company in (mine, theirs):
        company.ids["program"] = program_id
        company.ids["request"] = await world.fresh_request(company)
        company.ids["issuance"] = await world.fresh_issuance(company)
        company.ids["statement"] = await world.new_statement(company)
        company.ids.update(await world.new_reconciliation(company))
        company.ids["batch"] = await new_batch(company)
        company.ids["guarded"] = guarded_id
        await lease_units(company, leased_id, operator)
        company.ids["review"] = await new_review(company)
        company.ids["rejection"] = await new_rejection(company)
        await vouchers.code_of(company.tenant.owner, company.ids["request"], now=clock.now())
        company.ids["place"] = await _grant_place(company, operator)
        company.ids["agreement"] = await _agree(company, operator)
    for company in (mine, theirs):
        void = NewVoid(id=new_id(), reason="试用结束")
        await benefits.void(operator, await world.fresh_issuance(company), void, now=clock.now())
    held = {company.mark: await harvest(superuser_url, company) for company in (mine, theirs)}
    shown = {
        company.mark: {
            *(str(company.ids[each]) for each in ("tenant", "place", "agreement", "statement")),
            *(str(value) for kind, value in company.ids.items() if kind.startswith("recon_")),
            *("代理协议", "原件已看"),
            *(company.tenant.name, company.tenant.name[:8]),
        }
        for company in (mine, theirs)
    }
    issued = await _issued(superuser_url)
    world.foreign = pattern_of(held[theirs.mark] - held[mine.mark] | {theirs.mark})
    world.private = pattern_of(
        (held[mine.mark] ^ held[theirs.mark]) - shown[mine.mark] - shown[theirs.mark] - issued
    )
    return world


async def _grant_place(company: Company, operator: Actor) -> UUID:
    """Let a company work in a place, beside others."""
    new = PlatformTerritory(
        agent_id=company.tenant.tenant_id, division="330784", valid_from=clock.now().date()
    )
    return (await partners.grant_territory(operator, new, now=clock.now())).id


async def _agree(company: Company, operator: Actor) -> UUID:
    """Let the platform agree something with a company, and offer a contract."""
    agent, now = company.tenant.tenant_id, clock.now()
    new = NewAgreement(number="A-0", title="代理协议", signed_on=now.date(), valid_from=now.date())
    await partners.tick(operator, agent, "licence", Tick(note="原件已看"), now=now)
    contract = NewContract(version=1, fields=list(FIELDS))
    await partners.offer_contract(operator, agent, contract, now=now)
    return (await partners.record_agreement(operator, agent, new, now=now)).id


async def _make_program(operator: Actor) -> UUID:
    """Create and fund a program that both may use."""
    now = clock.now()
    new = NewProgram(
        id=new_id(),
        name="共享计划",
        amount_minor=10_000,
        opens_at=now - timedelta(days=1),
        limit_per_customer=100,
    )
    await benefits.create_program(operator, new, token_key=bytes(32), now=now)
    funding = NewFunding(id=new_id(), amount_minor=1_000_000_000)
    await benefits.fund(operator, new.id, funding, now=now)
    everybody = ProgramRules(id=new_id(), rules=OPEN)
    await eligibility.propose(operator, new.id, everybody, now=now)
    return new.id


async def harvest(superuser_url: str, company: Company) -> set[str]:
    """Read every id and every text that the database holds of a company."""
    found: set[str] = set()
    reader = await asyncpg.connect(superuser_url)
    try:
        for table, column in await _tables_of_tenants(reader):
            rows = await reader.fetch(
                f'SELECT to_jsonb(t)::text AS row FROM "{table}" t WHERE "{column}" = $1',
                company.tenant.tenant_id,
            )
            for row in rows:
                found.update(_texts(msgspec.json.decode(row["row"])))
    finally:
        await reader.close()
    return found


async def words_of_many(superuser_url: str, company: Company) -> set[str]:
    """Read the teams, and the words that five customers or more carry."""
    reader = await asyncpg.connect(superuser_url)
    try:
        rows = await reader.fetch(
            """
            SELECT word FROM customer c LEFT JOIN tag t ON c.tags ? t.id::text,
                UNNEST(ARRAY[c.source, c.city, c.industry, t.name]) AS word
            WHERE c.tenant_id = $1 AND NOT c.deleted AND word IS NOT NULL
            GROUP BY word HAVING count(DISTINCT c.id) >= 5
            UNION ALL SELECT name FROM team WHERE tenant_id = $1
            """,
            company.tenant.tenant_id,
        )
    finally:
        await reader.close()
    return {row["word"] for row in rows}


async def _tables_of_tenants(reader: Any) -> list[tuple[str, str]]:
    """Name each table that holds something of a tenant, and the column that says whose."""
    rows = await reader.fetch(
        """
        SELECT c.relname::text AS name, a.attname::text AS col
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
          AND a.attname IN ('tenant_id', 'agent_id') ORDER BY 1
        """
    )
    return [(row["name"], row["col"]) for row in rows]


async def _issued(superuser_url: str) -> set[str]:
    """Read what the platform may know: what it gave, what it is asked to help with or decide."""
    reader = await asyncpg.connect(superuser_url)
    try:
        rows = await reader.fetch("SELECT to_jsonb(i)::text AS row FROM issuance i")
        rows += await reader.fetch(
            "SELECT (to_jsonb(p) - 'request_id')::text AS row FROM platform_request p"
        )
        rows += await reader.fetch(
            "SELECT jsonb_build_array(e.id, e.case_id)::text AS row FROM registry_entry e"
        )
        rows += await reader.fetch(
            "SELECT jsonb_build_array(b.id, b.content_hash)::text AS row FROM benefit_batch b"
        )
    finally:
        await reader.close()
    return {text for row in rows for text in _texts(msgspec.json.decode(row["row"]))}


# A day or a moment; a number, or its end as search keys hold it: anybody's may be the same.
_TELLS_NOTHING: Final = re.compile(r"\A(\d{4}-\d{2}-\d{2}([T ].*)?|\d+|[nN]\D{0,3}\d+)\Z")
_SHORT: Final = 4
_WORD: Final = "[A-Za-z0-9_-]"
_SHORT_WORD: Final = re.compile(_WORD + "{1,7}")


def _texts(value: Any) -> Iterator[str]:
    """Walk through a row: its texts, also inside JSON, without dates, numbers and short words."""
    match value:
        case str() if len(value) >= _SHORT and not _TELLS_NOTHING.match(value):
            yield value
        case dict():
            for key, item in value.items():
                yield from _texts(key)
                yield from _texts(item)
        case list():
            for item in value:
                yield from _texts(item)
        case _:
            return


def pattern_of(texts: set[str]) -> re.Pattern[str]:
    """Make one pattern of many texts; ids also without their dashes.

    A short word of ASCII has to stand by itself: by chance it is a part of some nonce or cursor.
    """
    spelled = {form for text in texts for form in (text, *_hex(text))}
    words = {text for text in spelled if _SHORT_WORD.fullmatch(text)}
    alone = rf"(?<!{_WORD})(?:{_any_of(words)})(?!{_WORD})"
    return re.compile("|".join(filter(None, (_any_of(spelled - words), alone if words else ""))))


def _any_of(texts: set[str]) -> str:
    """Match one of the texts, the longest first: a tree of what they begin with.

    Thousands of ids side by side would each be tried at each place of an answer.
    """
    shared = commonprefix(sorted(texts))  # noqa: RUF071  # of texts, not of paths
    tails: dict[str, set[str]] = {}
    for text in texts:
        rest = text.removeprefix(shared)
        tails.setdefault(rest[:1], set()).add(rest)
    ends = bool(tails.pop("", None))
    if not tails:
        return re.escape(shared)
    branches = "|".join(_any_of(rests) for _, rests in sorted(tails.items()))
    return f"{re.escape(shared)}(?:{branches}){'?' if ends else ''}"


def _hex(text: str) -> Iterator[str]:
    """Spell an id without its dashes."""
    try:
        yield UUID(text).hex
    except ValueError:
        return


async def rows_of(superuser_url: str, company: Company) -> dict[str, int]:
    """Count what each tenant table holds of a company."""
    reader = await asyncpg.connect(superuser_url)
    try:
        return {
            table: await reader.fetchval(
                f'SELECT count(*) FROM "{table}" WHERE "{column}" = $1', company.tenant.tenant_id
            )
            for table, column in await _tables_of_tenants(reader)
        }
    finally:
        await reader.close()
