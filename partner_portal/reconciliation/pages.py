"""Reconciliation of one's own company: its files, what differs, and what its owner says of it."""

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
from server.reconciliation import queries, service
from server.reconciliation.schemas import ExceptionAnswer, QuestionReply, Viewer

_SIDE: Final = Viewer.THERE
_HOME: Final = drawing.BASES[_SIDE]


@post(f"{_HOME}/differences/{{exception_id:uuid}}/answer", status_code=200)
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


@post(f"{_HOME}/questions/{{question_id:uuid}}/reply", status_code=200)
async def reply(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, question_id: FromPath[UUID]
) -> Response[Any]:
    """Reply to what the platform asks about a difference."""
    given = await forms.texts(request, "said")
    asked = await queries.own_question(actor, question_id)

    async def act() -> None:
        said = forms.taken(given, QuestionReply)
        await service.reply(actor, question_id, said, now=clock.now())

    drawn = partial(drawing.difference, request, actor, renderer, _SIDE, asked.exception_id)
    done = forms.go(f"{_HOME}/differences/{asked.exception_id}", "recon_replied")
    return await forms.answered(request, act, drawn, done)


HANDLERS = [*looks(_SIDE), *intake(_SIDE), answer, reply]
"""Pages of reconciliation of an agent's owner."""
