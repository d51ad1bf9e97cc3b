"""Registrations, checks and cases over HTTP, of a company and of the platform. One call each."""

from typing import Annotated
from uuid import UUID

from litestar import Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from server.access.edge import CurrentActor
from server.kit import clock
from server.kit.pages import PAGE_SIZE, Page
from server.kit.parameters import PageCursor, PageLimit
from server.registrations import queries, service
from server.registrations.rules.terms import TermsVersion
from server.registrations.schemas import (
    AgentWaits,
    AlarmView,
    Appeal,
    CaseLine,
    CaseView,
    Check,
    Checked,
    Contacted,
    Decide,
    Honeytoken,
    HouseView,
    NewContact,
    NewHouse,
    NewRegistration,
    NewRules,
    NewTerms,
    NewVerdict,
    OpenWait,
    Published,
    RegistrationView,
    Replay,
    RulesView,
    Show,
    Showable,
    SwitchOn,
    WaitView,
    Wall,
    Word,
)
from sync_protocol.registering import State


@get("/", summary="List registrations")
async def list_registrations(
    actor: CurrentActor,
    standing: Annotated[State | None, QueryParameter(name="state")] = None,
    is_live: FromQuery[bool | None] = None,
    customer_id: FromQuery[UUID | None] = None,
    cursor: PageCursor = None,
    limit: PageLimit = PAGE_SIZE,
) -> Page[RegistrationView]:
    """List the registrations within sight, the newest first."""
    filters = queries.Filters(state=standing, is_live=bool(is_live), customer_id=customer_id)
    return await queries.list_page(actor, filters, now=clock.now(), cursor=cursor, limit=limit)


@get("/wall", summary="Show the protection wall")
async def wall(actor: CurrentActor) -> Wall:
    """Count what is protected, ends soon, waits, is disputed or refused."""
    return await queries.wall(actor, now=clock.now())


@get("/terms", summary="Show the terms of registration")
async def show_terms(actor: CurrentActor) -> TermsVersion:
    """Give how long registrations protect and how many there may be."""
    return await service.terms_now(actor, now=clock.now())


@post("/", summary="Register a customer")
async def register(actor: CurrentActor, data: JSONBody[NewRegistration]) -> RegistrationView:
    """Register an end customer for one's company."""
    return await service.register(actor, data, now=clock.now())


@post("/checks", status_code=200, is_telling=True, summary="Check whether a customer is free")
async def check(actor: CurrentActor, data: JSONBody[Check]) -> Checked:
    """Say free, protected, yours or ask, and nothing more; each check counts."""
    return await service.check(actor, data, now=clock.now())


@get("/{registration_id:uuid}", summary="Show a registration")
async def show(actor: CurrentActor, registration_id: FromPath[UUID]) -> RegistrationView:
    """Give a registration as it stands."""
    return await queries.one(actor, registration_id, now=clock.now())


@post("/{registration_id:uuid}/decisions", status_code=200, summary="Decide about a registration")
async def decide(
    actor: CurrentActor, registration_id: FromPath[UUID], data: JSONBody[Decide]
) -> RegistrationView:
    """Extend a registration on evidence, give it back, or contest its refusal."""
    return await service.decide(actor, registration_id, data, now=clock.now())


@get("/rules", summary="Show the published order")
async def published(actor: CurrentActor) -> Published:
    """Give the rules by which registrations are decided, in their order."""
    return await queries.published(actor)


@get("/{registration_id:uuid}/evidence", summary="List what may be shown")
async def showable(actor: CurrentActor, registration_id: FromPath[UUID]) -> list[Showable]:
    """List the visits, quotes and contracts of this customer, and what each is good for."""
    return await queries.showable(actor, registration_id, now=clock.now())


@get("/{registration_id:uuid}/case", summary="Show a registration's case")
async def show_case(actor: CurrentActor, registration_id: FromPath[UUID]) -> CaseView:
    """Give the case in which a registration stands, with the trace of its verdict."""
    return await queries.of_registration(actor, registration_id, now=clock.now())


@get("/{registration_id:uuid}/waits", summary="Show what waited for the platform")
async def waits(actor: CurrentActor, registration_id: FromPath[UUID]) -> list[WaitView]:
    """List how long a registration, and its cases, waited for the platform, and for what."""
    return await queries.waits(actor, registration_id, now=clock.now())


@post("/{registration_id:uuid}/evidence", status_code=200, summary="Bring evidence to a case")
async def show_evidence(
    actor: CurrentActor, registration_id: FromPath[UUID], data: JSONBody[Show]
) -> CaseView:
    """Show a visit, quote or contract of this customer; its kind and time are disclosed."""
    return await service.show(actor, registration_id, data, now=clock.now())


@post("/{registration_id:uuid}/waiver", status_code=200, summary="Bring no more evidence")
async def waive(actor: CurrentActor, registration_id: FromPath[UUID]) -> CaseView:
    """Have a case decided sooner, once all of its parties have said so."""
    return await service.waive(actor, registration_id, now=clock.now())


@post("/{registration_id:uuid}/appeal", status_code=200, summary="Appeal a verdict")
async def appeal(
    actor: CurrentActor, registration_id: FromPath[UUID], data: JSONBody[Appeal]
) -> CaseView:
    """Have a case looked at once more."""
    return await service.appeal(actor, registration_id, data, now=clock.now())


@get("/cases", summary="List cases")
async def queue(
    actor: CurrentActor,
    is_over: FromQuery[bool | None] = None,
    cursor: PageCursor = None,
    limit: PageLimit = PAGE_SIZE,
) -> Page[CaseLine]:
    """List the cases that wait for a decision, by when they are due, or those that are over."""
    return await queries.queue(
        actor, is_over=bool(is_over), cursor=cursor, limit=limit, now=clock.now()
    )


@get("/cases/{case_id:uuid}", summary="Show a case")
async def case(actor: CurrentActor, case_id: FromPath[UUID]) -> CaseView:
    """Give a case with evidence and trace."""
    return await queries.case(actor, case_id, now=clock.now())


@post("/cases/{case_id:uuid}/word", status_code=200, summary="Note the customer's own word")
async def hear(actor: CurrentActor, case_id: FromPath[UUID], data: JSONBody[Word]) -> CaseView:
    """Note which party the customer itself has named."""
    return await service.hear(actor, case_id, data, now=clock.now())


@post("/cases/{case_id:uuid}/verdict", status_code=200, summary="Decide a case")
async def rule(
    actor: CurrentActor, case_id: FromPath[UUID], data: JSONBody[NewVerdict]
) -> CaseView:
    """Decide by the rules, or otherwise with a reason."""
    return await service.rule(actor, case_id, data, now=clock.now())


@get("/rules", summary="List versions of the rules")
async def versions(actor: CurrentActor) -> list[RulesView]:
    """List the versions of the published order, with what each would change of the past."""
    return await queries.versions(actor)


@post("/rules", summary="Propose rules")
async def propose(actor: CurrentActor, data: JSONBody[NewRules]) -> RulesView:
    """Write a version that can be looked at before it holds."""
    return await service.propose_rules(actor, data, now=clock.now())


@post("/rules/switch-on", status_code=200, summary="Switch rules on")
async def switch_on(actor: CurrentActor, data: JSONBody[SwitchOn]) -> RulesView:
    """Let a version hold, for who has seen what it would have changed."""
    return await service.switch_rules_on(actor, data, now=clock.now())


@post("/replays", status_code=200, summary="Decide everything again")
async def replay(actor: CurrentActor) -> Replay:
    """Decide all past decisions again and compare the hashes."""
    return await queries.replay(actor)


@post("/terms", summary="Set terms of registration")
async def set_terms(actor: CurrentActor, data: JSONBody[NewTerms]) -> TermsVersion:
    """Publish terms that hold from a moment on."""
    return await service.set_terms(actor, data, now=clock.now())


@get("/alarms", summary="List who asked for nobody")
async def alarms(actor: CurrentActor) -> list[AlarmView]:
    """List the agents that asked for customers who do not exist, the last first."""
    return await queries.alarms(actor, now=clock.now())


@post("/honeytokens", summary="Name a phone that belongs to nobody")
async def lay_bait(actor: CurrentActor, data: JSONBody[Honeytoken]) -> None:
    """Have whoever asks for it raise an alarm."""
    await service.lay_bait(actor, data, now=clock.now())


@get("/waits", summary="Sum up what waited for the platform")
async def waits_by_agent(actor: CurrentActor) -> list[AgentWaits]:
    """Sum up how long each agent's registrations waited for the platform, the longest first."""
    return await queries.waits_by_agent(actor, now=clock.now())


@get("/waits/open", summary="List what waits for the platform now")
async def waiting(actor: CurrentActor) -> list[OpenWait]:
    """List each registration that waits for the platform, the longest first, and whose it is."""
    return await queries.waiting(actor, now=clock.now())


@get("/house", summary="List the platform's own registrations")
async def list_house(actor: CurrentActor) -> list[HouseView]:
    """List what the platform has registered for itself, and how it stands."""
    return await queries.houses(actor, now=clock.now())


@post("/house", summary="Register a customer of the platform's own")
async def register_house(actor: CurrentActor, data: JSONBody[NewHouse]) -> HouseView:
    """Register as an agent would: the same window, the same order, the same cases."""
    return await service.register_house(actor, data, now=clock.now())


@post("/house/{house_id:uuid}/release", status_code=200, summary="Let an own customer go")
async def release_house(actor: CurrentActor, house_id: FromPath[UUID]) -> HouseView:
    """Give a registration of the platform's own back."""
    return await service.release_house(actor, house_id, now=clock.now())


@post("/contacts", summary="Note whom the platform has contacted")
async def note_contact(actor: CurrentActor, data: JSONBody[NewContact]) -> Contacted:
    """Say with whom the platform has spoken; the agent whose customer it is sees it."""
    return await service.note_contact(actor, data, now=clock.now())


router = Router(
    "/",
    route_handlers=[
        Router(
            "/registrations",
            route_handlers=[
                *(list_registrations, wall, show_terms, published, register, check, show, decide),
                *(showable, show_case, waits, show_evidence, waive, appeal),
            ],
            tags=["registrations"],
        ),
        Router(
            "/platform/registrations",
            route_handlers=[
                *(queue, case, hear, rule, versions, propose, switch_on, replay),
                *(set_terms, lay_bait, alarms, waits_by_agent, waiting),
                *(list_house, register_house, release_house, note_contact),
            ],
            tags=["platform"],
        ),
    ],
)
