"""One's own account: change the password, sign out elsewhere, choose the language."""

from http import HTTPStatus
from typing import Any, Final

from litestar import Response, get, post

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor
from server.access.doors import OPEN_TO_ANALYSTS
from server.access.edge import CurrentActor
from server.agenda import queries as agenda
from server.agenda.schemas import FeedSaved
from server.identity import queries, service
from server.kit import addresses, clock
from server.kit.errors import Refusal, Unauthenticated

_PASSWORD_MAX: Final = 400


@get("/account", opt=OPEN_TO_ANALYSTS)
async def account(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show who one is here."""
    return await page(request, actor, renderer, Problem())


async def page(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    wrong: Problem,
    made: FeedSaved | None = None,
) -> Response[Any]:
    """Draw the page, with the address of a calendar where one was just made."""
    return renderer.page(
        request,
        "account/templates/account.html",
        status=wrong.status,
        me=await queries.me(actor),
        wrong=wrong,
        feed=None if actor.is_platform else await agenda.feed(actor),
        made=made,
        **await frame(request, actor),
    )


@post("/account/password", status_code=200, opt=OPEN_TO_ANALYSTS)
async def change_password(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Change one's own password; other browsers are signed out."""
    form = await request.form()
    current, new = (
        str(form.get(name, ""))[:_PASSWORD_MAX] for name in ("current_password", "new_password")
    )
    try:
        await service.change_password(
            actor, current, new, address=addresses.of(request), now=clock.now()
        )
    except Unauthenticated:
        # Of the two it can only be the password: the person is signed in.
        said = forms.words_of(request).say("account.wrong_password")
        wrong = Problem(status=HTTPStatus.UNPROCESSABLE_ENTITY, errors={"current_password": said})
        return await page(request, actor, renderer, wrong)
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await page(request, actor, renderer, wrong)
    return forms.go("/account", "password")


@post("/account/sign-out-elsewhere", status_code=HTTPStatus.SEE_OTHER, opt=OPEN_TO_ANALYSTS)
async def sign_out_elsewhere(actor: CurrentActor) -> Response[Any]:
    """End one's other browsers."""
    await service.sign_out_elsewhere(actor, now=clock.now())
    return forms.go("/account", "signed_out_elsewhere")
