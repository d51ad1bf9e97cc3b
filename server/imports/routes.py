"""Imports over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from server.access.edge import CurrentActor
from server.imports import queries, service
from server.imports.reasons import Language
from server.imports.schemas import ImportView, Preview, RowProblem, StartImport
from server.imports.sheets import FILE_BYTES_MAX
from server.kit import clock
from server.kit.pages import Page
from server.kit.parameters import PageCursor
from server.kit.sheets import CSV, attached
from server.kit.text import PRINTABLE

FileName = Annotated[str, QueryParameter(min_length=1, max_length=300, pattern=PRINTABLE)]
TargetName = Annotated[str, QueryParameter(pattern=r"\A[a-z_]{1,40}\Z")]
"""What the file's rows become."""
Encoding = Annotated[str | None, QueryParameter(pattern=r"\A(utf-8|utf-8-sig|gb18030|utf-16)\Z")]


@post(
    "/",
    summary="Hand a spreadsheet in",
    request_max_body_size=FILE_BYTES_MAX,
    opt={"time_limit_s": 60.0},
)
async def upload(
    request: Request[Any, Any, Any],
    actor: CurrentActor,
    file_name: FileName,
    target: TargetName = "customers",
    id: FromQuery[UUID | None] = None,  # noqa: A002 - the name in every request
    encoding: Encoding = None,
) -> ImportView:
    """Read a CSV or XLSX, sent as the body; nothing is imported yet. The columns are guessed."""
    content = await request.body()
    return await service.upload(
        actor,
        file_name,
        content,
        target=target,
        import_id=id,
        encoding=encoding,
        now=clock.now(),
    )


@get("/", summary="List imports")
async def list_imports(actor: CurrentActor, cursor: PageCursor = None) -> Page[ImportView]:
    """List one's imports, or the company's for who sees it whole; the newest first."""
    return await queries.list_page(actor, cursor=cursor)


@get("/template.csv", summary="Get the sheet to fill in", media_type=CSV)
async def template(actor: CurrentActor, target: TargetName = "customers") -> Response[bytes]:
    """Give an empty sheet whose columns are known."""
    content = queries.template(actor, target)
    return Response(content, media_type=CSV, headers=attached(f"{target}.csv"))


@get("/{import_id:uuid}", summary="Show an import")
async def show(actor: CurrentActor, import_id: FromPath[UUID]) -> ImportView:
    """Tell how far an import has come."""
    return await queries.one(actor, import_id)


@post(
    "/{import_id:uuid}/preview",
    status_code=200,
    summary="Preview an import",
    opt={"time_limit_s": 60.0},
)
async def preview(
    actor: CurrentActor, import_id: FromPath[UUID], data: JSONBody[StartImport]
) -> Preview:
    """Tell what an import by this plan would do, row by row, without doing it."""
    return await queries.preview(actor, import_id, data)


@post("/{import_id:uuid}/start", status_code=200, summary="Start an import")
async def start(
    actor: CurrentActor, import_id: FromPath[UUID], data: JSONBody[StartImport]
) -> ImportView:
    """Start an import by this plan; a worker does it."""
    return await service.start(actor, import_id, data, now=clock.now())


@get("/{import_id:uuid}/problems", summary="List an import's problems")
async def problems(
    actor: CurrentActor, import_id: FromPath[UUID], cursor: PageCursor = None
) -> Page[RowProblem]:
    """List what was found wrong with the rows that are done."""
    return await queries.problems(actor, import_id, cursor=cursor)


@get("/{import_id:uuid}/errors.csv", summary="Get the rows that were not taken", media_type=CSV)
async def error_file(
    actor: CurrentActor,
    import_id: FromPath[UUID],
    language: FromQuery[Language] = Language.ZH,
) -> Response[bytes]:
    """Give the rows that were not taken, with the reasons, to be mended and sent again."""
    content = await queries.error_file(actor, import_id, language)
    return Response(content, media_type=CSV, headers=attached("errors.csv"))


router = Router(
    "/imports",
    route_handlers=[
        upload,
        list_imports,
        template,
        show,
        preview,
        start,
        problems,
        error_file,
    ],
    tags=["imports"],
)
