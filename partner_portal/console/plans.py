"""Plans (套餐) in the console: which agent has which, what it has beyond it, and its invoices."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor
from server.access.edge import CurrentActor
from server.kit import clock, ids
from server.kit.calendars import ZONE
from server.kit.sheets import attached
from server.kit.typesetting import PDF, TIME_LIMIT_S
from server.partners import queries as partners
from server.plans import exports, queries, service
from server.plans.schemas import (
    METERS,
    STANDINGS,
    FapiaoNumber,
    GrantEnd,
    HolderFilter,
    NewChange,
    NewCredit,
    NewGrant,
    NewPayment,
)

_HOME: Final = "/console/plans"
_ONE: Final = f"{_HOME}/{{agent_id:uuid}}"
_INVOICE: Final = f"{_HOME}/invoices/{{invoice_id:uuid}}"
_NOTHING: Final = Problem()
_PAUSE: Final = "pause"
"""Chosen instead of a plan."""
_DAY: Final = timedelta(days=1)


@get(_HOME)
async def holders(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List which agent has which plan and how it stands, with the plans that there are."""
    query = request.query_params
    standing = next((each for each in STANDINGS if each == query.get("standing")), None)
    plan_id = forms.given_id(query.get("plan_id", ""))
    asked = HolderFilter(plan_id=plan_id, standing=standing)
    versions, names = await queries.versions(actor), await partners.agents(actor)
    return renderer.page(
        request,
        "console/templates/plans.html",
        page=await queries.holders(
            actor, asked, cursor=query.get("cursor") or None, now=clock.now()
        ),
        asked=asked,
        standings=STANDINGS,
        versions=versions,
        plans={each.plan_id: each.name for each in reversed(versions)},
        names={each.tenant_id: each.name for each in names},
        **await frame(request, actor),
    )


@get(_ONE)
async def agent_plan(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Show an agent's plan, what it has beyond it, and its invoices."""
    return await _page(request, actor, renderer, agent_id, {}, _NOTHING)


async def _page(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    agent_id: UUID,
    given: Mapping[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw an agent's plan with what was given of a form; above it what was refused."""
    now, words = clock.now(), forms.words_of(request)
    held = await queries.agent_plan(actor, agent_id, now=now)
    agents = await partners.agents(actor)
    return renderer.page(
        request,
        "console/templates/plan.html",
        status=wrong.status,
        wrong=wrong,
        given=given,
        held=held,
        name=next((each.name for each in agents if each.tenant_id == agent_id), "…"),
        plans={each.plan_id: each.name for each in reversed(await queries.versions(actor))},
        invoices=await queries.invoices(
            actor, agent_id, cursor=request.query_params.get("cursor") or None, now=now
        ),
        meters=METERS,
        new_id=ids.new_id(now),
        today=now.astimezone(ZONE).date(),
        chinese=words.language.startswith("zh"),
        **await frame(request, actor),
    )


@post(f"{_ONE}/changes", status_code=200)
async def change(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Move an agent to another plan from a day on; to none, it pauses."""
    given = await forms.texts(request, "id", "plan_id", "begins_on")

    async def act() -> None:
        terms: dict[str, Any] = {**given, "agent_id": agent_id, "plan_id": given["plan_id"]}
        if given["plan_id"] == _PAUSE:
            terms["plan_id"] = None
        await service.change(actor, forms.taken(terms, NewChange), now=clock.now())

    drawn = partial(_page, request, actor, renderer, agent_id, given)
    done = forms.go(f"{_HOME}/{agent_id}", "plan_changed")
    return await forms.answered(request, act, drawn, done)


@post(f"{_ONE}/grants", status_code=200)
async def grant(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, agent_id: FromPath[UUID]
) -> Response[Any]:
    """Give units beyond the plan, which the agent pays for or the platform bears."""
    names = ("id", "source", "meter", "units", "begins_on", "ends_on")
    given = await forms.texts(request, *names)

    async def act() -> None:
        units = forms.number(given["units"], "units")
        terms = {**forms.filled(given), "agent_id": agent_id, "units": units}
        await service.grant(actor, forms.taken(terms, NewGrant), now=clock.now())

    drawn = partial(_page, request, actor, renderer, agent_id, given)
    done = forms.go(f"{_HOME}/{agent_id}", "plan_granted")
    return await forms.answered(request, act, drawn, done)


@post(f"{_ONE}/grants/{{grant_id:uuid}}/end", status_code=200)
async def end_grant(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    agent_id: FromPath[UUID],
    grant_id: FromPath[UUID],
) -> Response[Any]:
    """Let units beyond the plan end on a day, the agent's clock's at the earliest."""
    given = await forms.texts(request, "ends_on")

    async def act() -> None:
        ends_on = forms.taken(given, GrantEnd).ends_on
        await service.end_grant(actor, grant_id, ends_on, agent_id=agent_id, now=clock.now())

    drawn = partial(_page, request, actor, renderer, agent_id, {})
    done = forms.go(f"{_HOME}/{agent_id}", "plan_grant_ended")
    return await forms.answered(request, act, drawn, done)


# ------------------------------------------------------------------------------------ invoices


@get(_INVOICE)
async def invoice(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, invoice_id: FromPath[UUID]
) -> Response[Any]:
    """Show an invoice with its lines, what was paid and what was credited."""
    return await _invoice(request, actor, renderer, invoice_id, _NOTHING)


async def _invoice(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, invoice_id: UUID, wrong: Problem
) -> Response[Any]:
    """Draw an invoice; above it what was refused."""
    now = clock.now()
    held = await queries.invoice(actor, invoice_id, now=now)
    agents = await partners.agents(actor)
    return renderer.page(
        request,
        "console/templates/plan_invoice.html",
        status=wrong.status,
        wrong=wrong,
        held=held,
        day=_DAY,
        name=next((each.name for each in agents if each.tenant_id == held.agent_id), "…"),
        new_id=ids.new_id(now),
        today=now.astimezone(ZONE).date(),
        **await frame(request, actor),
    )


@get(f"{_INVOICE}/invoice.pdf", media_type=PDF, opt={"time_limit_s": TIME_LIMIT_S + 10})
async def paper(actor: CurrentActor, invoice_id: FromPath[UUID]) -> Response[bytes]:
    """Give an invoice as PDF."""
    content = await exports.as_pdf(*await queries.printed(actor, invoice_id, now=clock.now()))
    return Response(content, media_type=PDF, headers=attached("invoice.pdf"))


@post(f"{_INVOICE}/payments", status_code=200)
async def pay(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, invoice_id: FromPath[UUID]
) -> Response[Any]:
    """Write down money that came in."""
    given = await forms.texts(request, "id", "amount", "paid_on")

    async def act() -> None:
        amount = forms.fen(given["amount"], "amount_minor")
        terms = {**given, "invoice_id": invoice_id, "amount_minor": amount}
        del terms["amount"]
        await service.pay(actor, forms.taken(terms, NewPayment), now=clock.now())

    drawn = partial(_invoice, request, actor, renderer, invoice_id)
    done = forms.go(f"{_HOME}/invoices/{invoice_id}", "invoice_paid")
    return await forms.answered(request, act, drawn, done)


@post(f"{_INVOICE}/credits", status_code=200)
async def credit(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, invoice_id: FromPath[UUID]
) -> Response[Any]:
    """Void an invoice, or a part of it."""
    given = await forms.texts(request, "id", "amount", "reason")

    async def act() -> None:
        amount = forms.fen(given["amount"], "amount_minor")
        terms = {**given, "invoice_id": invoice_id, "amount_minor": amount}
        del terms["amount"]
        await service.credit(actor, forms.taken(terms, NewCredit), now=clock.now())

    drawn = partial(_invoice, request, actor, renderer, invoice_id)
    done = forms.go(f"{_HOME}/invoices/{invoice_id}", "invoice_credited")
    return await forms.answered(request, act, drawn, done)


@post(f"{_INVOICE}/fapiao", status_code=200)
async def fapiao(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, invoice_id: FromPath[UUID]
) -> Response[Any]:
    """Note the number of the e-invoice."""
    given = await forms.texts(request, "number")

    async def act() -> None:
        number = forms.taken(given, FapiaoNumber).number
        await service.note_fapiao(actor, invoice_id, number, now=clock.now())

    drawn = partial(_invoice, request, actor, renderer, invoice_id)
    done = forms.go(f"{_HOME}/invoices/{invoice_id}", "fapiao_noted")
    return await forms.answered(request, act, drawn, done)


HANDLERS = [
    *(holders, agent_plan, change, grant, end_grant),
    *(invoice, paper, pay, credit, fapiao),
]
