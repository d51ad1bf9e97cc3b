"""Reconciliation of one's own company: its files, what differs, and what its owner says of it."""

from functools import partial
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from partner_portal import forms
from partner_portal.reconciliation import drawing
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access.edge import CurrentActor
from server.kit import clock
from server.kit.sheets import CSV
from server.kit.sheets import answer as answered
from server.reconciliation import exports, service
from server.reconciliation.schemas import ExceptionAnswer, Viewer

_SIDE: Final = Viewer.THERE
_HOME: Final = "/reconciliation"
_FILE: Final = f"{_HOME}/files/{{file_id:uuid}}"
_ONE: Final = f"{_HOME}/differences/{{exception_id:uuid}}"


@get(_HOME)
async def home(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show what is open by kind, and the files."""
    return await drawing.home(request, actor, renderer, _SIDE)


@get(_FILE)
async def file(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, file_id: FromPath[UUID]
) -> Response[Any]:
    """Show a file: how far it has come, or what came of it."""
    return await drawing.file(request, actor, renderer, _SIDE, file_id)


@get(f"{_FILE}/rejected.csv", media_type=CSV)
async def rejected(actor: CurrentActor, file_id: FromPath[UUID]) -> Stream:
    """Give the cells that could not be read."""
    blocks = await exports.rejected(actor, _SIDE, file_id, now=clock.now())
    return answered(blocks, "rejected.csv")


@get(f"{_FILE}/differences.csv", media_type=CSV)
async def differences_file(actor: CurrentActor, file_id: FromPath[UUID]) -> Stream:
    """Give how a file differs, also what is settled."""
    blocks = await exports.differences(actor, _SIDE, file_id, now=clock.now())
    return answered(blocks, "differences.csv")


@get(f"{_HOME}/differences")
async def differences(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List differences by kind and cause, or all."""
    return await drawing.differences(request, actor, renderer, _SIDE)


@get(_ONE)
async def difference(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, exception_id: FromPath[UUID]
) -> Response[Any]:
    """Show one difference side by side."""
    return await drawing.difference(request, actor, renderer, _SIDE, exception_id)


@post(f"{_ONE}/answer", status_code=200)
async def answer(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, exception_id: FromPath[UUID]
) -> Response[Any]:
    """Say in words what the company knows of a difference."""
    given = await forms.texts(request, "said")

    async def act() -> None:
        said = forms.taken(given, ExceptionAnswer)
        await service.answer(actor, exception_id, said, now=clock.now())

    drawn = partial(drawing.difference, request, actor, renderer, _SIDE, exception_id)
    done = forms.go(f"{_HOME}/differences/{exception_id}", "recon_answered")
    return await forms.answered(request, act, drawn, done)


HANDLERS = [home, file, rejected, differences_file, differences, difference, answer]
