"""The board of a process, and the list behind each of its figures."""

from typing import Any, Final

from litestar import Response, get, post
from litestar.response import Stream

from partner_portal import failures, forms, htmx
from partner_portal.deals.look import DealLook
from partner_portal.formats import STAGE_COLOURS
from partner_portal.forms import given_id
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, Note, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.access.edge import CurrentActor
from server.identity import queries as identity
from server.kit import clock, ids, sheets
from server.kit.errors import NotFound, Refusal
from server.kit.sheets import CSV
from server.pipeline import exports, queries, service
from server.pipeline.schemas import Move, ProcessView
from server.problems import status_of
from server.views import queries as views

_FIRST_SHOWN: Final = 12
"""How many cards of a column are drawn; the list behind its figure has all."""


@get("/deals")
async def board(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show a process in columns; only the columns when the page refreshes itself."""
    return await _board(request, actor, renderer)


async def _board(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    *,
    family: str | None = None,
    status: int = 200,
    note: Note | None = None,
) -> Response[Any]:
    """Draw the board, or its columns alone."""
    processes = await queries.current_processes(actor)
    chosen = _chosen(processes, request.query_params.get("family") if family is None else family)
    shown: dict[str, Any] = {
        "board": await queries.board(actor, chosen.family_id, now=clock.now()),
        "processes": processes,
        "chosen": chosen,
        "names": (await identity.directory(actor)).people,
        "stage_colours": STAGE_COLOURS,
        "first_shown": _FIRST_SHOWN,
        "may_write": Permission.CUSTOMERS_WRITE in ROLE_PERMISSIONS[actor.role],
        "may_manage": Permission.PROCESSES_MANAGE in ROLE_PERMISSIONS[actor.role],
        "told": note,
    }
    if htmx.is_fragment(request):
        return renderer.page(request, "deals/templates/columns.html", status=status, **shown)
    return renderer.page(
        request, "deals/templates/board.html", status=status, **shown, **await frame(request, actor)
    )


def _chosen(processes: list[ProcessView], family: str | None) -> ProcessView:
    """Give the process that the address names; the first without."""
    if not family:
        return processes[0]
    wanted = given_id(family)
    for held in processes:
        if held.family_id == wanted:
            return held
    raise NotFound


@post("/deals/moves", status_code=200)
async def drop(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Move a deal to the column where its card was put; a refusal brings the card back."""
    given = await forms.texts(request, "deal", "from_stage", "to_stage", "verb", "family")
    deal = given_id(given["deal"])
    if deal is None:
        raise NotFound
    words = forms.words_of(request)
    try:
        asked = forms.taken(
            {
                "id": str(ids.new_id(clock.now())),
                **{name: given[name] for name in ("from_stage", "to_stage", "verb")},
            },
            Move,
        )
        moved = await service.move(actor, deal, asked, now=clock.now())
    except Refusal as refusal:
        if isinstance(refusal, NotFound):
            raise
        said = refused(request, refusal)
        return await _board(
            request,
            actor,
            renderer,
            family=given["family"],
            status=status_of(refusal),
            note=Note(said, "bad"),
        )
    said = words.say("deals.moved", name=moved.opportunity.name)
    return await _board(request, actor, renderer, family=given["family"], note=Note(said))


def refused(request: AnyRequest, refusal: Refusal) -> str:
    """Say why a deal stays, and what is to be done first."""
    said = failures.sentence(forms.words_of(request), refusal)
    names = [str(each["name"]) for each in refusal.extra.get("open", [])]
    return f"{said} {' · '.join(names)}" if names else said


@get("/deals/export.csv", media_type=CSV, opt={"time_limit_s": None})
async def export(request: AnyRequest, actor: CurrentActor) -> Stream:
    """Give the deals that the list shows, as a file that spreadsheet programs open."""
    filters = DealLook.read(request.query_params).filters
    return sheets.answer(await exports.as_csv(actor, filters, now=clock.now()), "deals.csv")


@get("/deals/list")
async def deal_list(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List the deals behind a figure."""
    look = DealLook.read(request.query_params)
    cursor = request.query_params.get("cursor")
    page = await queries.list_page(actor, look.filters, now=clock.now(), cursor=cursor)
    processes = {None: queries.BUILT_IN_VIEW, **await queries.versions(actor)}
    return renderer.page(
        request,
        "deals/templates/list.html",
        page=page,
        look=look,
        views=await views.views(actor, look.LIST),
        may_import=Permission.CUSTOMERS_IMPORT in ROLE_PERMISSIONS[actor.role],
        may_export=Permission.CUSTOMERS_EXPORT in ROLE_PERMISSIONS[actor.role],
        processes=processes,
        names=(await identity.directory(actor)).people,
        stage_colours=STAGE_COLOURS,
        **await frame(request, actor),
    )


@get("/deals/forecast")
async def forecast(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Show the open deals by month and forecast category."""
    lines = await queries.forecast(actor)
    months = sorted({line.month for line in lines})
    return renderer.page(
        request,
        "deals/templates/forecast.html",
        months=months,
        lines={(line.month, line.category): line for line in lines},
        weighted=sum(line.weighted_minor for line in lines),
        **await frame(request, actor),
    )
