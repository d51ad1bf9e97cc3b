"""Accounting vouchers: months of the books, their vouchers as forms, the chart, and files."""

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor
from server.access.edge import CurrentActor
from server.accounting import queries, service
from server.accounting.schemas import (
    Beginning,
    Check,
    ExportOrder,
    NewRun,
    NewState,
    OpenPeriod,
    Refusing,
    TakingBack,
)
from server.kit import clock, ids
from server.kit.calendars import ZONE
from server.kit.errors import Refusal
from server.kit.sheets import attached
from server.partners import queries as partners
from server.problems import BooksRefusal

# ------------------------------------------------------------------------------------- months


@get("/console/accounting")
async def months(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List the months of the books, the last one first."""
    return await _months(request, actor, renderer, Problem())


async def _months(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, wrong: Problem
) -> Response[Any]:
    """Draw the months, and the form of the next one."""
    return renderer.page(
        request,
        "console/templates/accounting.html",
        status=wrong.status,
        wrong=wrong,
        periods=await queries.all_periods(actor),
        next_month=await queries.next_month(actor, now=clock.now()),
        **await frame(request, actor),
    )


@post("/console/accounting/periods", status_code=200)
async def open_month(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Open the next month."""
    given = await forms.texts(request, "begins_on", "ends_on")
    try:
        new = forms.taken({**given, "id": str(ids.new_id(clock.now()))}, OpenPeriod)
        period = await service.open_period(actor, new, now=clock.now())
    except (Refusal, BooksRefusal) as refusal:
        return await _months(request, actor, renderer, forms.said(request, refusal))
    return forms.go(f"/console/accounting/periods/{period.id}", "period_opened")


@get("/console/accounting/periods/{period_id:uuid}")
async def month(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, period_id: FromPath[UUID]
) -> Response[Any]:
    """Show a month: its state, what is to be checked, its vouchers and its files."""
    return await _month(request, actor, renderer, period_id, Problem())


async def _month(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, period_id: UUID, wrong: Problem
) -> Response[Any]:
    """Draw a month."""
    cursor = request.query_params.get("cursor") or None
    told, now = await queries.period(actor, period_id), clock.now()
    return renderer.page(
        request,
        "console/templates/accounting_period.html",
        status=wrong.status,
        wrong=wrong,
        told=told,
        has_chart=bool((await queries.chart(actor)).accounts),
        is_over=now.astimezone(ZONE).date() > told.period.ends_on,
        waiting=[run for run in told.runs if run.checked_by is None and run.refused_by is None],
        page=await queries.vouchers(actor, period_id, cursor=cursor, now=now),
        new_id=ids.new_id(now),
        me=actor.user_id,
        **await frame(request, actor),
    )


@post("/console/accounting/periods/{period_id:uuid}/state", status_code=200)
async def change_month(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, period_id: FromPath[UUID]
) -> Response[Any]:
    """Close a month, or open it again."""
    given = await forms.texts(request, "state", "reason")
    try:
        asked = forms.taken(given, NewState)
        await service.change_period(actor, period_id, asked, now=clock.now())
    except (Refusal, BooksRefusal) as refusal:
        return await _month(request, actor, renderer, period_id, forms.said(request, refusal))
    return forms.go(f"/console/accounting/periods/{period_id}", "period_changed")


# ----------------------------------------------------------------------------------- vouchers


@post("/console/accounting/periods/{period_id:uuid}/runs", status_code=200)
async def make(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, period_id: FromPath[UUID]
) -> Response[Any]:
    """Put up vouchers of all that is in none."""
    try:
        new = forms.taken(await forms.texts(request, "id"), NewRun)
        await service.make(actor, period_id, new, now=clock.now())
    except (Refusal, BooksRefusal) as refusal:
        return await _month(request, actor, renderer, period_id, forms.said(request, refusal))
    return forms.go(f"/console/accounting/periods/{period_id}", "vouchers_made")


@post("/console/accounting/periods/{period_id:uuid}/runs/{run_id:uuid}/check", status_code=200)
async def check(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    period_id: FromPath[UUID],
    run_id: FromPath[UUID],
) -> Response[Any]:
    """Check what the page has shown."""
    try:
        seen = forms.taken(await forms.texts(request, "hash"), Check)
        await service.check(actor, run_id, seen, now=clock.now())
    except (Refusal, BooksRefusal) as refusal:
        return await _month(request, actor, renderer, period_id, forms.said(request, refusal))
    return forms.go(f"/console/accounting/periods/{period_id}", "vouchers_checked")


@post("/console/accounting/periods/{period_id:uuid}/runs/{run_id:uuid}/refusal", status_code=200)
async def refuse(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    period_id: FromPath[UUID],
    run_id: FromPath[UUID],
) -> Response[Any]:
    """Refuse vouchers that have no numbers yet."""
    try:
        why = forms.taken(await forms.texts(request, "reason"), Refusing)
        await service.refuse(actor, run_id, why, now=clock.now())
    except (Refusal, BooksRefusal) as refusal:
        return await _month(request, actor, renderer, period_id, forms.said(request, refusal))
    return forms.go(f"/console/accounting/periods/{period_id}", "vouchers_refused")


@get("/console/accounting/vouchers/{voucher_id:uuid}")
async def voucher(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, voucher_id: FromPath[UUID]
) -> Response[Any]:
    """Show a voucher as the form that it is, with what it is made of."""
    return await _voucher(request, actor, renderer, voucher_id, Problem())


async def _voucher(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, voucher_id: UUID, wrong: Problem
) -> Response[Any]:
    """Draw a voucher."""
    found = await queries.voucher(actor, voucher_id, now=clock.now())
    names = {str(each.tenant_id): each.name for each in await partners.agents(actor)}
    return renderer.page(
        request,
        "console/templates/accounting_voucher.html",
        status=wrong.status,
        wrong=wrong,
        voucher=found,
        accounts=await queries.accounts_of(actor, found),
        sources=await queries.sources(actor, voucher_id, now=clock.now()),
        names=names | await queries.program_names(actor),
        new_id=ids.new_id(clock.now()),
        **await frame(request, actor),
    )


@post("/console/accounting/vouchers/{voucher_id:uuid}/reversal", status_code=200)
async def take_back(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, voucher_id: FromPath[UUID]
) -> Response[Any]:
    """Put up the red voucher of one that was wrong."""
    try:
        asked = forms.taken(await forms.texts(request, "id", "reason"), TakingBack)
        run = await service.take_back(actor, voucher_id, asked, now=clock.now())
    except (Refusal, BooksRefusal) as refusal:
        return await _voucher(request, actor, renderer, voucher_id, forms.said(request, refusal))
    return forms.go(f"/console/accounting/periods/{run.period_id}", "voucher_taken_back")


# -------------------------------------------------------------------------- files and the chart


@post("/console/accounting/periods/{period_id:uuid}/exports", status_code=200)
async def export(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, period_id: FromPath[UUID]
) -> Response[Any]:
    """Write the vouchers that have numbers for a package."""
    try:
        given = await forms.texts(request, "id", "format")
        asked = forms.taken({**given, "period_id": str(period_id)}, ExportOrder)
        await service.export(actor, asked, now=clock.now())
    except (Refusal, BooksRefusal) as refusal:
        return await _month(request, actor, renderer, period_id, forms.said(request, refusal))
    return forms.go(f"/console/accounting/periods/{period_id}", "vouchers_exported")


@get("/console/accounting/exports/{export_id:uuid}/file")
async def export_file(actor: CurrentActor, export_id: FromPath[UUID]) -> Response[bytes]:
    """Give an export's file."""
    file = await service.file_of(actor, export_id, now=clock.now())
    return Response(file.content, media_type=file.media_type, headers=attached(file.name))


@get("/console/accounting/chart")
async def chart(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show the chart, and where each kind of ledger account is posted."""
    return await _chart(request, actor, renderer, Problem())


async def _chart(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, wrong: Problem
) -> Response[Any]:
    """Draw the chart."""
    told = await queries.chart(actor)
    return renderer.page(
        request,
        "console/templates/accounting_chart.html",
        status=wrong.status,
        wrong=wrong,
        chart=told,
        account_names={each.code: each.name for each in told.accounts},
        names=await queries.program_names(actor),
        new_id=ids.new_id(clock.now()),
        **await frame(request, actor),
    )


@post("/console/accounting/chart", status_code=200)
async def begin(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Begin with a standard's chart."""
    try:
        asked = forms.taken(await forms.texts(request, "id", "standard", "begins_on"), Beginning)
        await service.begin(actor, asked, now=clock.now())
    except (Refusal, BooksRefusal) as refusal:
        return await _chart(request, actor, renderer, forms.said(request, refusal))
    return forms.go("/console/accounting/chart", "chart_begun")


HANDLERS = [
    *(months, open_month, month, change_month, make, check, refuse, voucher, take_back),
    *(export, export_file, chart, begin),
]
