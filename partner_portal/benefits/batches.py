"""Ask for benefits for many customers by a sheet, and see what came of each row."""

from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Stream

from partner_portal import failures, forms
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor
from server.access.edge import CurrentActor
from server.benefits import queries as benefits
from server.benefits.batches import exports, queries, service
from server.benefits.batches.schemas import FILE_BYTES_MAX
from server.kit import clock, ids
from server.kit.errors import Refusal
from server.kit.sheets import answer
from server.problems import status_of

_FORM_BYTES_MAX: Final = FILE_BYTES_MAX + 64 * 1024
"""A file with the form around it."""


@get("/benefits/batches")
async def batches(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Take a sheet in, and list what was asked for before."""
    return await _page(request, actor, renderer)


@post(
    "/benefits/batches",
    status_code=200,
    request_max_body_size=_FORM_BYTES_MAX,
    opt={"time_limit_s": 60.0},
)
async def submit(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Make a batch of a sheet's rows; sending twice makes one."""
    form = await request.form()
    file = form.get("file")
    given = {name: forms.given_id(str(form.get(name, ""))) for name in ("id", "program_id")}
    words = forms.words_of(request)
    batch_id, program_id = given["id"], given["program_id"]
    is_whole = isinstance(file, UploadFile) and file.filename
    if not is_whole or batch_id is None or program_id is None:
        said = words.say("batches.no_file")
        return await _page(request, actor, renderer, said, HTTPStatus.UNPROCESSABLE_ENTITY)
    assert isinstance(file, UploadFile), "looked at above"
    try:
        content = await file.read()
        await service.submit_file(actor, batch_id, program_id, content, now=clock.now())
    except Refusal as refusal:
        said = failures.sentence(words, refusal)
        return await _page(request, actor, renderer, said, status_of(refusal))
    return forms.go(f"/benefits/batches/{batch_id}", "batch_submitted")


async def _page(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, error: str = "", status: int = 200
) -> Response[Any]:
    """Draw the list with its form."""
    cursor = request.query_params.get("cursor") or None
    now = clock.now()
    return renderer.page(
        request,
        "benefits/templates/batches.html",
        status=status,
        page=await queries.batches(actor, cursor=cursor),
        offers=[offer for offer in await benefits.offers(actor, now=now) if offer.is_open],
        new_id=str(ids.new_id(now)),
        error=error,
        **await frame(request, actor),
    )


@get("/benefits/batches/{batch_id:uuid}")
async def batch(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, batch_id: FromPath[UUID]
) -> Response[Any]:
    """Show a batch with its rows."""
    cursor = request.query_params.get("cursor") or None
    found = await queries.batch(actor, batch_id)
    return renderer.page(
        request,
        "benefits/templates/batch.html",
        batch=found.batch,
        outcomes=found.outcomes,
        rejected=sum(found.outcomes.values())
        - found.outcomes.get("issued", 0)
        - found.outcomes.get("waiting", 0),
        page=await queries.rows(actor, batch_id, cursor=cursor),
        **await frame(request, actor),
    )


@get("/benefits/batches/{batch_id:uuid}/rejected.csv")
async def rejected(actor: CurrentActor, batch_id: FromPath[UUID]) -> Stream:
    """Give the refused rows as a sheet that Excel opens."""
    return answer(await exports.rejected(actor, batch_id), "rejected.csv")
