"""Plans over HTTP: the platform keeps them, an agent's owner sees its company's own."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from billing.invoices.schemas import InvoiceRow, InvoiceView
from billing.plans.rules.entitlements import Standing
from billing.plans.rules.grants import Grant
from billing.plans.rules.subscriptions import Change
from billing.plans.rules.versions import PlanVersion
from billing.plans.schemas import HolderRow, HoldersAsked
from server.access.edge import CurrentActor
from server.kit import clock
from server.kit.pages import Page
from server.kit.parameters import PageCursor
from server.kit.sheets import attached
from server.kit.typesetting import PDF, TIME_LIMIT_S
from server.plans import exports, queries, service
from server.plans.schemas import (
    AgentPlan,
    CarriedOn,
    ClockMove,
    FapiaoNumber,
    GrantEnd,
    NewChange,
    NewCredit,
    NewGrant,
    NewPayment,
    NewVersion,
    PlanUse,
    VersionTrial,
)

_PRINTED: Final[dict[str, Any]] = {"time_limit_s": TIME_LIMIT_S + 10}


@get("/plans", summary="List plans")
async def versions(actor: CurrentActor) -> list[PlanVersion]:
    """List the versions of all plans, those that begin last first; the newest 200."""
    return await queries.versions(actor)


@post("/plans", summary="Publish a version of a plan")
async def publish(actor: CurrentActor, data: JSONBody[NewVersion]) -> PlanVersion:
    """Publish what a plan includes and costs from a day on; it never changes."""
    return await service.publish(actor, data, now=clock.now())


@post("/plans/trial", summary="Look what a version would cost", status_code=200)
async def trial(actor: CurrentActor, data: JSONBody[NewVersion]) -> VersionTrial:
    """Give what those who have the plan would be billed for the version's first whole month.

    By the code that bills in earnest; nothing of it is kept. Agents who are shown are told.
    """
    return await service.trial(actor, data, now=clock.now())


@get("/plan-holders", summary="List which agent has which plan")
async def holders(
    actor: CurrentActor,
    plan_id: FromQuery[UUID | None] = None,
    standing: FromQuery[Standing | None] = None,
    cursor: PageCursor = None,
) -> Page[HolderRow]:
    """List agents with the plan that each has today and how it stands; each is told."""
    asked = HoldersAsked(plan_id=plan_id, standing=standing)
    return await queries.holders(actor, asked, cursor=cursor, now=clock.now())


@get("/agents/{agent_id:uuid}/plan", summary="An agent's plan")
async def agent_plan(actor: CurrentActor, agent_id: FromPath[UUID]) -> AgentPlan:
    """Give an agent's plan, its changes and grants; the agent is told."""
    return await queries.agent_plan(actor, agent_id, now=clock.now())


@get("/invoices/{invoice_id:uuid}", summary="One invoice")
async def invoice(actor: CurrentActor, invoice_id: FromPath[UUID]) -> InvoiceView:
    """Give an agent's invoice with its lines, payments and credit notes; the agent is told."""
    return await queries.invoice(actor, invoice_id, now=clock.now())


@post("/plan-changes", summary="Change an agent's plan")
async def change(actor: CurrentActor, data: JSONBody[NewChange]) -> Change:
    """Move an agent up or down from a day on; without a plan it pauses."""
    return await service.change(actor, data, now=clock.now())


@post("/plan-grants", summary="Give an agent more than its plan")
async def grant(actor: CurrentActor, data: JSONBody[NewGrant]) -> Grant:
    """Give units or a feature: paid by the agent, borne by the platform, or given by a benefit."""
    return await service.grant(actor, data, now=clock.now())


@post("/plan-grants/{grant_id:uuid}/end", summary="Let a grant end")
async def end_grant(
    actor: CurrentActor, grant_id: FromPath[UUID], data: JSONBody[GrantEnd]
) -> Grant:
    """Let a grant end on a day, the agent's clock's at the earliest."""
    return await service.end_grant(actor, grant_id, data.ends_on, now=clock.now())


@post("/agents/{agent_id:uuid}/plan-clock", summary="Carry an agent's plan on")
async def move_clock(
    actor: CurrentActor, agent_id: FromPath[UUID], data: JSONBody[ClockMove]
) -> CarriedOn:
    """Bill what is over and take the steps of what is overdue, or only look at it."""
    return await service.move_clock(
        actor, agent_id, data.until, is_preview=data.is_preview, now=clock.now()
    )


@get("/agents/{agent_id:uuid}/invoices", summary="List an agent's invoices")
async def invoices(
    actor: CurrentActor, agent_id: FromPath[UUID], cursor: PageCursor = None
) -> Page[InvoiceRow]:
    """List what an agent's plan cost, the newest first; the agent is told."""
    return await queries.invoices(actor, agent_id, cursor=cursor, now=clock.now())


@post("/invoice-payments", summary="Write a payment down")
async def pay(actor: CurrentActor, data: JSONBody[NewPayment]) -> InvoiceView:
    """Write down money that came in for an invoice."""
    return await service.pay(actor, data, now=clock.now())


@post("/credit-notes", summary="Credit an invoice")
async def credit(actor: CurrentActor, data: JSONBody[NewCredit]) -> InvoiceView:
    """Void an invoice, or a part of it; the invoice itself stays."""
    return await service.credit(actor, data, now=clock.now())


@get(
    "/invoices/{invoice_id:uuid}/invoice.pdf",
    summary="Print an agent's invoice",
    media_type=PDF,
    opt=_PRINTED,
)
async def paper(actor: CurrentActor, invoice_id: FromPath[UUID]) -> Response[bytes]:
    """Give an agent's invoice as PDF, in Chinese; the agent is told."""
    found = await queries.printed(actor, invoice_id, now=clock.now())
    content = await exports.as_pdf(*found)
    return Response(content, media_type=PDF, headers=attached("invoice.pdf"))


@post("/invoices/{invoice_id:uuid}/fapiao", summary="Note an e-invoice's number")
async def note_fapiao(
    actor: CurrentActor, invoice_id: FromPath[UUID], data: JSONBody[FapiaoNumber]
) -> InvoiceView:
    """Note the number of the fully digital e-invoice that was issued elsewhere."""
    return await service.note_fapiao(actor, invoice_id, data.number, now=clock.now())


@get("/", summary="One's own plan")
async def own_use(actor: CurrentActor) -> PlanUse:
    """Give one's company's plan, what is used of it, and what comes of more."""
    return await queries.own_use(actor, now=clock.now())


@get("/invoices", summary="One's own invoices")
async def own_invoices(actor: CurrentActor, cursor: PageCursor = None) -> Page[InvoiceRow]:
    """List what one's company's plan cost, the newest first."""
    return await queries.own_invoices(actor, cursor=cursor)


@get("/invoices/{invoice_id:uuid}", summary="One of one's own invoices")
async def own_invoice(actor: CurrentActor, invoice_id: FromPath[UUID]) -> InvoiceView:
    """Give an invoice with its lines, and what became of it."""
    return await queries.own_invoice(actor, invoice_id)


@get(
    "/invoices/{invoice_id:uuid}/invoice.pdf",
    summary="Print one of one's own invoices",
    media_type=PDF,
    opt=_PRINTED,
)
async def own_paper(actor: CurrentActor, invoice_id: FromPath[UUID]) -> Response[bytes]:
    """Give an invoice as PDF, in Chinese."""
    content = await exports.as_pdf(*await queries.own_printed(actor, invoice_id))
    return Response(content, media_type=PDF, headers=attached("invoice.pdf"))


router = Router(
    "/",
    route_handlers=[
        Router(
            "/plan", route_handlers=[own_use, own_invoices, own_invoice, own_paper], tags=["plans"]
        ),
        Router(
            "/platform",
            route_handlers=[
                versions,
                holders,
                agent_plan,
                invoice,
                publish,
                trial,
                change,
                grant,
                end_grant,
                move_clock,
                invoices,
                pay,
                credit,
                note_fapiao,
                paper,
            ],
            tags=["platform: plans"],
        ),
    ],
)
