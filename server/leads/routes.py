"""Leads over HTTP. Each handler makes one call."""

import secrets
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Router, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from server.access import Permission, ensure
from server.access.edge import CurrentActor
from server.customers.opt_outs import queries as opted_out
from server.customers.opt_outs import service as opt_outs
from server.customers.opt_outs.rules import OptOutReason
from server.customers.opt_outs.schemas import TakenBack, WordView
from server.customers.reveals import beneath as reveals
from server.customers.rules import identifiers
from server.imports import targets
from server.kit import addresses, clock
from server.kit.pages import PAGE_SIZE, Page
from server.kit.parameters import PageCursor, PageLimit, Words
from server.kit.sheets import CSV, attached
from server.leads import queries, service
from server.leads.exports import service as exports
from server.leads.imports.target import LEADS
from server.leads.rules import forms
from server.leads.rules.handoff import Terms
from server.leads.rules.states import IntakePath, LeadState
from server.leads.rules.verdicts import Verdict
from server.leads.schemas import (
    Assignment,
    Board,
    CampaignEdit,
    CampaignView,
    ChannelResult,
    CohortFunnel,
    CostView,
    Decision,
    FormPage,
    FormView,
    HandoffQuality,
    LeadBatch,
    LeadDetail,
    LeadEdit,
    LeadFilters,
    LeadSaved,
    LeadSort,
    LeadView,
    Left,
    NewCampaign,
    NewCost,
    NewForm,
    NewLead,
    NewRules,
    NewSource,
    NewTerritory,
    OptIn,
    OptOut,
    Phone,
    Return,
    Review,
    Routed,
    SourceEdit,
    SourceView,
    TermsView,
    TerritoryView,
)

# Litestar keeps the name `state` for itself.
InState = Annotated[LeadState | None, QueryParameter(name="state")]


@post("/", summary="Send a lead")
async def create(actor: CurrentActor, data: JSONBody[NewLead]) -> LeadSaved:
    """Take a lead in; what is wrong with it is its verdict, not a refusal."""
    ensure(actor, Permission.LEADS_MANAGE)
    return await service.receive(actor, [data], IntakePath.API, now=clock.now())


@post("/batch", summary="Send many leads")
async def create_many(actor: CurrentActor, data: JSONBody[LeadBatch]) -> LeadSaved:
    """Take up to 1,000 leads in, all or none."""
    ensure(actor, Permission.LEADS_MANAGE)
    return await service.receive(
        actor, data.leads, IntakePath.API, now=clock.now(), place="leads[{}]."
    )


async def filters(
    # Asked for so that it comes first: two dependencies at once are a task each in Litestar.
    actor: CurrentActor,  # noqa: ARG001 - see above
    q: Words = None,
    in_state: InState = None,
    verdict: FromQuery[Verdict | None] = None,
    city: Words = None,
    source_id: FromQuery[UUID | None] = None,
    campaign_id: FromQuery[UUID | None] = None,
    assignee_id: FromQuery[UUID | None] = None,
) -> LeadFilters:
    """Read which leads are asked for; with `q`, those that are found."""
    return LeadFilters(
        q=q,
        state=in_state,
        verdict=verdict,
        city=city,
        source_id=source_id,
        campaign_id=campaign_id,
        assignee_id=assignee_id,
    )


@get("/", summary="List leads")
async def list_leads(
    actor: CurrentActor,
    filters: NamedDependency[LeadFilters],
    sort: FromQuery[LeadSort] = "received",
    cursor: PageCursor = None,
    limit: PageLimit = PAGE_SIZE,
) -> Page[LeadView]:
    """List the company's leads that the filters leave."""
    return await queries.list_page(actor, filters, sort=sort, cursor=cursor, limit=limit)


@get(
    "/export.csv",
    summary="Export leads as CSV",
    media_type=CSV,
    opt={"time_limit_s": None},
)
async def export_csv(actor: CurrentActor, filters: NamedDependency[LeadFilters]) -> Stream:
    """Give the leads within sight that the filters leave, as CSV that an import takes back."""
    blocks = await exports.as_csv(actor, filters, now=clock.now())
    return Stream(blocks, media_type=CSV, headers=attached("leads.csv"))


@get("/board", summary="Count leads")
async def board(actor: CurrentActor) -> Board:
    """Count the company's leads by where they stand."""
    return await queries.board(actor)


@get("/mine", summary="List one's own leads")
async def mine(actor: CurrentActor) -> list[LeadView]:
    """List the leads that were routed to whoever asks."""
    return await queries.mine(actor)


@get("/{lead_id:uuid}", summary="Show a lead")
async def show(actor: CurrentActor, lead_id: FromPath[UUID]) -> LeadDetail:
    """Give a lead with its history and the reasons of its last routing."""
    return await queries.detail(actor, lead_id)


@patch("/{lead_id:uuid}", summary="Complete a lead")
async def edit(
    actor: CurrentActor, lead_id: FromPath[UUID], data: JSONBody[LeadEdit]
) -> LeadDetail:
    """Change what is given of a lead that was not routed yet; it is judged anew."""
    return await service.edit(actor, lead_id, data, now=clock.now())


@post("/discarding", status_code=204, summary="Discard leads")
async def discard(actor: CurrentActor, data: JSONBody[Decision]) -> None:
    """Put leads away; they can be restored."""
    await service.discard(actor, data, now=clock.now())


@post("/keeping", status_code=204, summary="Keep leads")
async def keep(actor: CurrentActor, data: JSONBody[Decision]) -> None:
    """Say that leads are good, whatever spoke against them."""
    await service.keep(actor, data, now=clock.now())


@post("/restoring", status_code=204, summary="Restore leads")
async def restore(actor: CurrentActor, data: JSONBody[Decision]) -> None:
    """Bring discarded leads back, with their history."""
    await service.restore(actor, data, now=clock.now())


@post("/{lead_id:uuid}/routing", status_code=200, summary="Route a lead")
async def route(actor: CurrentActor, lead_id: FromPath[UUID], data: JSONBody[Assignment]) -> Routed:
    """Give a lead to a person, or let the rules find one; the answer says why."""
    return await service.route(actor, lead_id, person_id=data.person_id, now=clock.now())


@post("/{lead_id:uuid}/acceptance", status_code=204, summary="Accept a lead")
async def accept(actor: CurrentActor, lead_id: FromPath[UUID]) -> None:
    """Take on a lead that was routed to one."""
    await service.accept(actor, lead_id, now=clock.now())


@post("/{lead_id:uuid}/return", status_code=204, summary="Return a lead")
async def give_back(actor: CurrentActor, lead_id: FromPath[UUID], data: JSONBody[Return]) -> None:
    """Give a lead back with a reason; somebody else gets it."""
    await service.give_back(actor, lead_id, data, now=clock.now())


@post("/{lead_id:uuid}/call", status_code=200, summary="Show a lead's phone")
async def call(actor: CurrentActor, lead_id: FromPath[UUID]) -> Phone:
    """Show the phone to who is about to call it; the call is counted."""
    return await service.call(actor, lead_id, now=clock.now())


@get("/results", summary="Tell what leads cost and brought")
async def channels(actor: CurrentActor) -> list[ChannelResult]:
    """Tell by source and cohort what leads cost and brought."""
    return await queries.channels(actor)


@get("/funnel", summary="Tell how leads have come along")
async def funnels(actor: CurrentActor) -> list[CohortFunnel]:
    """Tell by cohort how many leads came to each stage, and how fast."""
    return await queries.funnels(actor)


@get("/handoffs", summary="Tell how often leads come back")
async def handoffs(actor: CurrentActor) -> list[HandoffQuality]:
    """Tell by source how often leads were given back."""
    return await queries.handoffs(actor)


@get("/terms", summary="Show the company's terms")
async def terms(actor: CurrentActor) -> TermsView:
    """Give clock, checklist, calls, rules and territories."""
    return await queries.terms(actor)


@post("/terms", status_code=200, summary="Change the company's terms")
async def change_terms(actor: CurrentActor, data: JSONBody[Terms]) -> TermsView:
    """Replace clock, checklist and calls."""
    return await service.change_terms(actor, data, now=clock.now())


@post("/rules", status_code=200, summary="Change the rules")
async def change_rules(actor: CurrentActor, data: JSONBody[NewRules]) -> TermsView:
    """Write the next version of the rules for tags and junk."""
    return await service.change_rules(actor, data, now=clock.now())


@post("/territories", summary="Give a territory")
async def add_territory(actor: CurrentActor, data: JSONBody[NewTerritory]) -> TerritoryView:
    """Let a person or a team hold a city or a district."""
    return await service.add_territory(actor, data, now=clock.now())


@delete("/territories/{territory_id:uuid}", summary="Take a territory")
async def remove_territory(actor: CurrentActor, territory_id: FromPath[UUID]) -> None:
    """Let nobody hold a place any more."""
    await service.remove_territory(actor, territory_id, now=clock.now())


@get("/", summary="List sources")
async def sources(actor: CurrentActor) -> list[SourceView]:
    """List the sources as a tree is read."""
    return await queries.sources(actor)


@post("/", summary="Add a source")
async def add_source(actor: CurrentActor, data: JSONBody[NewSource]) -> SourceView:
    """Add a source to the tree."""
    return await service.add_source(actor, data, now=clock.now())


@patch("/{source_id:uuid}", summary="Change a source")
async def change_source(
    actor: CurrentActor, source_id: FromPath[UUID], data: JSONBody[SourceEdit]
) -> SourceView:
    """Change a source's name, place, partner, or whether it is in use."""
    return await service.change_source(actor, source_id, data, now=clock.now())


@get("/", summary="List campaigns")
async def campaigns(actor: CurrentActor) -> list[CampaignView]:
    """List the campaigns with plan, cost and results."""
    return await queries.campaigns(actor)


@post("/", summary="Plan a campaign")
async def add_campaign(actor: CurrentActor, data: JSONBody[NewCampaign]) -> CampaignView:
    """Plan a campaign with its budget."""
    return await service.add_campaign(actor, data, now=clock.now())


@get("/{campaign_id:uuid}", summary="Show a campaign")
async def campaign(actor: CurrentActor, campaign_id: FromPath[UUID]) -> CampaignView:
    """Give a campaign with plan, cost and results."""
    return await queries.campaign(actor, campaign_id)


@patch("/{campaign_id:uuid}", summary="Change a campaign")
async def change_campaign(
    actor: CurrentActor, campaign_id: FromPath[UUID], data: JSONBody[CampaignEdit]
) -> CampaignView:
    """Change a campaign's plan; a greater budget waits for the reviews."""
    return await service.change_campaign(actor, campaign_id, data, now=clock.now())


@post("/{campaign_id:uuid}/review", status_code=200, summary="Review a campaign")
async def review_campaign(
    actor: CurrentActor, campaign_id: FromPath[UUID], data: JSONBody[Review]
) -> CampaignView:
    """Write what a campaign was good for, or why it is cancelled."""
    return await service.review_campaign(actor, campaign_id, data, now=clock.now())


@get("/{campaign_id:uuid}/forms", summary="List a campaign's pages")
async def list_forms(actor: CurrentActor, campaign_id: FromPath[UUID]) -> list[FormView]:
    """List the pages on which interested people leave their phone."""
    return await queries.forms(actor, campaign_id)


@post("/{campaign_id:uuid}/forms", summary="Open a campaign's page")
async def add_form(
    actor: CurrentActor, campaign_id: FromPath[UUID], data: JSONBody[NewForm]
) -> FormView:
    """Open a page with an address and a QR of its own."""
    token = secrets.token_urlsafe(forms.TOKEN_BYTES)
    return await service.add_form(actor, campaign_id, data, token=token, now=clock.now())


@post("/forms/{form_id:uuid}/closing", status_code=200, summary="Close a campaign's page")
async def close_form(actor: CurrentActor, form_id: FromPath[UUID]) -> FormView:
    """Close a page; its address leads nowhere from then on."""
    return await service.close_form(actor, form_id, now=clock.now())


@get("/costs", summary="List costs")
async def costs(
    actor: CurrentActor, campaign_id: FromQuery[UUID | None] = None, cursor: PageCursor = None
) -> Page[CostView]:
    """List the entries of the campaign ledger."""
    return await queries.costs(actor, campaign_id=campaign_id, cursor=cursor)


@post("/costs", summary="Enter a cost")
async def add_cost(actor: CurrentActor, data: JSONBody[NewCost]) -> CostView:
    """Enter what was spent, within the budget; a refund is negative."""
    return await service.add_cost(actor, data, now=clock.now())


@post("/opt-outs", status_code=204, summary="Note an opt-out")
async def opt_out(actor: CurrentActor, data: JSONBody[OptOut]) -> None:
    """Write down that a phone is not to be called, by any company of the channel."""
    await opt_outs.opt_out(
        actor, identifiers.phone(data.phone), OptOutReason(data.reason), now=clock.now()
    )


@post("/opt-outs/withdrawal", status_code=204, summary="Take an opt-out back")
async def withdraw(actor: CurrentActor, data: JSONBody[OptIn]) -> None:
    """Take back what this company wrote of a phone, and say why."""
    await opt_outs.withdraw(actor, identifiers.phone(data.phone), data.why, now=clock.now())


@get("/opt-outs", summary="List who opted out whom")
async def words(actor: CurrentActor, cursor: PageCursor = None) -> Page[WordView]:
    """List who of the company, or of one's team, said of whom that nobody may call them."""
    return await opted_out.words(actor, cursor=cursor)


@post("/opt-outs/{word_id:uuid}/confirmation", status_code=200, summary="Let an opt-out hold")
async def confirm_word(actor: CurrentActor, word_id: FromPath[UUID]) -> WordView:
    """Let a word hold that came beyond the day's number of whoever said it."""
    return await opt_outs.confirm(actor, word_id, now=clock.now())


@post("/opt-outs/{word_id:uuid}/withdrawal", status_code=200, summary="Take one word back")
async def take_back_word(
    actor: CurrentActor, word_id: FromPath[UUID], data: JSONBody[TakenBack]
) -> WordView:
    """Take back what somebody of this company said of a phone, with the reason."""
    return await opt_outs.take_back(actor, word_id, data, now=clock.now())


@get("/{token:str}", exclude_from_auth=True, security=[{}], summary="Open a campaign's page")
async def form_page(request: Request[Any, Any, Any], token: FromPath[str]) -> FormPage:
    """Give anybody who has the address what a campaign's page shows."""
    return await service.form_page(token, address=addresses.of(request), now=clock.now())


@post(
    "/{token:str}",
    status_code=204,
    exclude_from_auth=True,
    security=[{}],
    summary="Leave a phone",
)
async def leave(
    request: Request[Any, Any, Any], token: FromPath[str], data: JSONBody[Left]
) -> None:
    """Take what an interested person leaves on a campaign's page."""
    await service.leave(token, data, address=addresses.of(request), now=clock.now())


targets.register(LEADS)
reveals.register("lead", queries.holders)

router = Router(
    "/",
    route_handlers=[
        Router(
            "/leads",
            route_handlers=[
                *(create, create_many, list_leads, export_csv, board, mine, show, edit),
                *(discard, keep, restore, route, accept, give_back, call),
                *(channels, funnels, handoffs, terms, change_terms, change_rules),
                *(add_territory, remove_territory, opt_out, withdraw),
                *(words, confirm_word, take_back_word),
            ],
            dependencies={"filters": Provide(filters)},
        ),
        Router("/lead-sources", route_handlers=[sources, add_source, change_source]),
        Router(
            "/campaigns",
            route_handlers=[
                *(campaigns, add_campaign, campaign, change_campaign, review_campaign),
                *(list_forms, add_form, close_form, costs, add_cost),
            ],
        ),
        Router("/lead-forms", route_handlers=[form_page, leave]),
    ],
    tags=["leads"],
)
