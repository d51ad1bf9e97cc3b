"""Reconciliation in the console: agents' files, what differs, and what came of it."""

from functools import partial
from typing import Any, Final
from uuid import UUID

from litestar import Response, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.reconciliation import drawing
from partner_portal.reconciliation.intake import intake
from partner_portal.reconciliation.sides import looks
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access.edge import CurrentActor
from server.kit import clock
from server.reconciliation import service
from server.reconciliation.schemas import NewQuestion, NewResolution, NewResolutions, Viewer

_SIDE: Final = Viewer.HERE
_HOME: Final = drawing.BASES[_SIDE]
_ONE: Final = f"{_HOME}/differences/{{exception_id:uuid}}"


@post(f"{_HOME}/files/{{file_id:uuid}}/withdrawal", status_code=200)
async def take_back(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, file_id: FromPath[UUID]
) -> Response[Any]:
    """Take a compared file back."""
    act = partial(service.take_back, actor, file_id, now=clock.now())
    drawn = partial(drawing.file, request, actor, renderer, _SIDE, file_id)
    done = forms.go(f"{_HOME}/files/{file_id}", "recon_taken_back")
    return await forms.answered(request, act, drawn, done)


@post(f"{_ONE}/resolution", status_code=200)
async def resolve(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, exception_id: FromPath[UUID]
) -> Response[Any]:
    """Say what came of a difference."""
    given = await forms.texts(request, "outcome", "note", "group_id")

    async def act() -> None:
        said = forms.taken(forms.filled(given), NewResolution)
        await service.resolve(actor, exception_id, said, now=clock.now())

    drawn = partial(drawing.difference, request, actor, renderer, _SIDE, exception_id)
    done = forms.go(f"{_HOME}/differences/{exception_id}", "recon_resolved")
    return await forms.answered(request, act, drawn, done)


@post(f"{_ONE}/questions", status_code=200)
async def ask(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, exception_id: FromPath[UUID]
) -> Response[Any]:
    """Ask the agent about a difference."""
    given = await forms.texts(request, "id", "asked")

    async def act() -> None:
        await service.ask(actor, exception_id, forms.taken(given, NewQuestion), now=clock.now())

    drawn = partial(drawing.difference, request, actor, renderer, _SIDE, exception_id)
    done = forms.go(f"{_HOME}/differences/{exception_id}", "recon_asked")
    return await forms.answered(request, act, drawn, done)


@post(f"{_HOME}/differences/resolution", status_code=200)
async def resolve_many(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Say the same of the differences that the form names."""
    given = await forms.texts(request, "outcome", "note", "group_id", "exceptions")

    async def act() -> None:
        named = given["exceptions"].split(",")
        said = forms.taken(forms.filled(given) | {"exceptions": named}, NewResolutions)
        await service.resolve_many(actor, said, now=clock.now())

    drawn = partial(drawing.differences, request, actor, renderer, _SIDE)
    file_id = drawing.asked_of(request).file_id
    done = forms.go(f"{_HOME}/files/{file_id}" if file_id else _HOME, "recon_resolved_many")
    return await forms.answered(request, act, drawn, done)


HANDLERS = [*looks(_SIDE), *intake(_SIDE), take_back, resolve, resolve_many, ask]
"""Pages of reconciliation of the platform's finance."""
