"""Lead a person through an import: the file, its columns, what would happen, what happened."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Stream

from partner_portal import failures, htmx
from partner_portal.customers.look import Look
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer, language_of
from partner_portal.words import Catalogue, Language, catalogue
from server.access import Actor
from server.access.edge import CurrentActor
from server.customers.exports import service as exports
from server.identity import queries as identity
from server.imports import queries, reasons, service
from server.imports.schemas import (
    FILE_BYTES_MAX,
    ROWS_MAX,
    ImportView,
    RowProblem,
    StartImport,
)
from server.kit import clock, ids
from server.kit.errors import Invalid, Refusal
from server.kit.pages import Page
from server.kit.sheets import CSV, attached
from server.problems import status_of

_FORM_BYTES_MAX: Final = FILE_BYTES_MAX + 64 * 1024
"""A file with the form around it."""
_SLOW: Final = {"time_limit_s": 60.0}


@get("/imports")
async def import_list(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Take a file in, and list what was imported before."""
    return await _start_page(request, actor, renderer)


async def _start_page(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, error: str = "", status: int = 200
) -> Response[Any]:
    """Draw the first step."""
    cursor = request.query_params.get("cursor") or None
    offered = queries.offered(actor)
    wanted = request.query_params.get("target", "")
    page: Page[ImportView] = await queries.list_page(actor, cursor=cursor)
    return renderer.page(
        request,
        "imports/templates/start.html",
        status=status,
        page=page,
        error=error,
        megabytes_max=FILE_BYTES_MAX // 2**20,
        rows_max=ROWS_MAX,
        offered=offered,
        target=wanted if wanted in offered else _first(offered),
        new_id=str(ids.new_id(clock.now())),
        people=(await identity.directory(actor)).people,
        **await frame(request, actor),
    )


def _first(offered: Sequence[str]) -> str:
    """Give what most files hold, where nobody has said another."""
    return "customers" if "customers" in offered else offered[0]


@post("/imports", status_code=200, request_max_body_size=_FORM_BYTES_MAX, opt=_SLOW)
async def upload(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Read the file; nothing is imported yet. Sending twice is one import."""
    offered = queries.offered(actor)
    form = await request.form()
    file = form.get("file")
    words = catalogue(language_of(request))
    if not isinstance(file, UploadFile) or not file.filename:
        said = words.say("imports.no_file")
        return await _start_page(request, actor, renderer, said, HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        view = await service.upload(
            actor,
            file.filename[-200:],
            await file.read(),
            target=str(form.get("target", _first(offered))),
            import_id=_id(form.get("id")),
            now=clock.now(),
        )
    except Invalid as refusal:
        said = failures.sentence(words, refusal)
        return await _start_page(request, actor, renderer, said, status_of(refusal))
    return _go(f"/imports/{view.id}")


def _id(text: object) -> UUID | None:
    """Read an id; nonsense is none."""
    try:
        return UUID(str(text))
    except ValueError:
        return None


def _go(address: str) -> Response[Any]:
    """Go on to a page."""
    return Response("", status_code=HTTPStatus.SEE_OTHER, headers={"Location": address})


@get("/imports/{import_id:uuid}", opt=_SLOW)
async def import_page(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, import_id: FromPath[UUID]
) -> Response[Any]:
    """Show where an import stands: its plan before it is started, then its progress."""
    view = await queries.one(actor, import_id)
    if view.state == "uploaded":
        plan = StartImport(columns=view.plan.columns, duplicates=view.plan.duplicates)
        return await _plan_page(request, actor, renderer, view, plan)
    problems = await queries.problems(actor, import_id) if view.counts.rows else Page([])
    shown: dict[str, Any] = {
        "view": view,
        "problems": problems.items,
        "reason": _reason_in(view, language_of(request)),
        "column": _column_in(view, catalogue(language_of(request))),
    }
    if htmx.is_fragment(request):
        return renderer.page(request, "imports/templates/progress.html", **shown)
    return renderer.page(
        request, "imports/templates/running.html", **shown, **await frame(request, actor)
    )


@post("/imports/{import_id:uuid}/plan", status_code=200, opt=_SLOW)
async def change_plan(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, import_id: FromPath[UUID]
) -> Response[Any]:
    """Show what would happen by another plan."""
    view = await queries.one(actor, import_id)
    plan = _plan(view, await request.form())
    return await _plan_page(request, actor, renderer, view, plan)


@post("/imports/{import_id:uuid}/start", status_code=200)
async def start(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, import_id: FromPath[UUID]
) -> Response[Any]:
    """Start the import; a worker does it while the person goes on."""
    view = await queries.one(actor, import_id)
    plan = _plan(view, await request.form())
    try:
        await service.start(actor, import_id, plan, now=clock.now())
    except Invalid:
        return await _plan_page(request, actor, renderer, view, plan)
    return _go(f"/imports/{import_id}")


def _plan(view: ImportView, form: Mapping[str, Any]) -> StartImport:
    """Read which field each column is for; what makes no sense is for none."""
    chosen = [str(form.get(f"column_{at}", "")) for at in range(len(view.header))]
    policy = str(form.get("duplicates", ""))
    return msgspec.convert(
        {
            "columns": [name if name in view.fields else None for name in chosen],
            "duplicates": policy if policy in view.policies else view.policies[0],
            "everywhere": {
                name: said for name in view.fields if (said := str(form.get(f"all_{name}", "")))
            },
        },
        StartImport,
    )


async def _plan_page(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, view: ImportView, plan: StartImport
) -> Response[Any]:
    """Draw mapping and preview."""
    words = catalogue(language_of(request))
    column = _column_in(view, words)
    error, preview = "", None
    try:
        preview = await queries.preview(actor, view.id, plan)
    except Refusal as refusal:
        error = failures.sentence(words, refusal)
    shown: dict[str, Any] = {
        "view": view,
        "plan": plan,
        "columns": plan.columns or [],
        "preview": preview,
        "sample": preview.sample if preview else [],
        "error": error,
        "reason": _reason_in(view, words.language),
        "choices": {
            field: [(each, each) for each in said]
            for field, said in (await queries.choices(actor, view)).items()
            if said
        },
        "column": column,
        "fields": [(name, column(name)) for name in view.fields],
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
    if htmx.is_fragment(request):
        return renderer.page(request, "imports/templates/plan.html", **shown)
    return renderer.page(
        request,
        "imports/templates/mapping.html",
        status=status,
        **shown,
        **await frame(request, actor),
    )


def _column_in(view: ImportView, words: Catalogue) -> Callable[[str], str]:
    """Have a page say what a column is for: as of what is imported, or as of everything."""

    def column(field: str) -> str:
        own, common = f"column.{view.target}.{field}", f"column.{field}"
        said = next((words.say(key) for key in (own, common) if words.has(key)), field)
        return view.called.get(field, said)

    return column


def _language(spoken: Language) -> reasons.Language:
    """Give the language of the reasons for a reader of the pages."""
    return reasons.Language.EN if spoken is Language.ENGLISH else reasons.Language.ZH


def _reason_in(view: ImportView, spoken: Language) -> Callable[[RowProblem], str]:
    """Have a page say why a row was not taken, as the file of these rows says it."""

    def reason(problem: RowProblem) -> str:
        # The column has its own place on the page.
        language = _language(spoken)
        return reasons.reason(view.target, problem.code, "", problem.detail, language)

    return reason


@get("/imports/{import_id:uuid}/errors.csv", media_type=CSV)
async def error_file(
    request: AnyRequest, actor: CurrentActor, import_id: FromPath[UUID]
) -> Response[bytes]:
    """Give the rows that were not taken, with the reasons, to be mended and sent again."""
    content = await queries.error_file(actor, import_id, _language(language_of(request)))
    return Response(content, media_type=CSV, headers=attached("errors.csv"))


@get("/imports/template.csv", media_type=CSV)
async def template(request: AnyRequest, actor: CurrentActor) -> Response[bytes]:
    """Give an empty sheet whose columns are known."""
    target = request.query_params.get("target") or _first(queries.offered(actor))
    content = queries.template(actor, target)
    return Response(content, media_type=CSV, headers=attached(f"{target}.csv"))


@get("/customers/export.csv", media_type=CSV, opt={"time_limit_s": None})
async def export(request: AnyRequest, actor: CurrentActor) -> Stream:
    """Give the customers that the list shows, as a file that spreadsheet programs open."""
    filters = Look.read(request.query_params).filters
    blocks = await exports.as_csv(actor, filters, exports.Words.ZH, now=clock.now())
    return Stream(blocks, media_type=CSV, headers=attached("customers.csv"))
