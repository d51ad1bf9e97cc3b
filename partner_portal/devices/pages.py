"""The devices in one's charge: list them, enrol one, end one, and decide the lease of all."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms, htmx
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.access.edge import CurrentActor
from server.identity import queries, service
from server.kit import clock
from server.kit.errors import Invalid, Refusal
from server.tenants import queries as tenants
from server.tenants import service as company
from server.tenants.schemas import CompanyChange


@get("/devices")
async def devices(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List the devices in one's charge."""
    return await _list(request, actor, renderer)


async def _list(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    typed: str = "",
    wrong: Problem | None = None,
) -> Response[Any]:
    """Draw the list, with the lease below for those who may change it."""
    actor.ensure_agent()
    wrong = wrong or Problem()
    cursor = request.query_params.get("cursor") or None
    page = await queries.devices(actor, cursor=cursor)
    allowed = ROLE_PERMISSIONS[actor.role]
    shown: dict[str, Any] = {
        "page": page,
        "now": clock.now(),
        "oversees": Permission.DEVICES_MANAGE in allowed,
    }
    if cursor and htmx.is_fragment(request):
        return renderer.page(request, "devices/templates/rows.html", **shown)
    held = await tenants.company(actor)
    return renderer.page(
        request,
        "devices/templates/list.html",
        status=wrong.status,
        manages=Permission.USERS_MANAGE in allowed,
        lease_hours=held.lease_hours,
        lease_only=held.lease_only,
        typed=typed or held.lease_hours,
        error=wrong.errors.get("lease_hours", wrong.said),
        **shown,
        **await frame(request, actor),
    )


@post("/devices/lease", status_code=200)
async def change_lease(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Decide how long a device may work after its last contact, and whether its store must lock."""
    given = await forms.texts(request, "lease_hours", "lease_only")
    typed = given["lease_hours"]
    try:
        if not (typed.isascii() and typed.isdigit()):
            raise Invalid("Give whole hours.", field="lease_hours")
        change = forms.taken(
            {"lease_hours": int(typed[:9]), "lease_only": given["lease_only"] == "1"}, CompanyChange
        )
        await company.change_company(actor, change, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _list(request, actor, renderer, typed, wrong)
    return forms.go("/devices", "lease")


@get("/devices/new")
async def new_device(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Ask for whom the code is to be."""
    actor.ensure_agent()
    user_id = forms.given_id(request.query_params.get("user_id", "")) or actor.user_id
    return await _ask(request, actor, renderer, user_id, Problem())


async def _ask(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    user_id: UUID,
    wrong: Problem,
) -> Response[Any]:
    """Draw the question for whom the code is."""
    oversees = Permission.USERS_INVITE in ROLE_PERMISSIONS[actor.role]
    people = (await queries.users(actor)).items if oversees else []
    choices = {actor.user_id: actor.name} | {
        person.id: person.name for person in people if person.disabled_at is None
    }
    return renderer.page(
        request,
        "devices/templates/new.html",
        status=wrong.status,
        choices=[(str(id_), name) for id_, name in choices.items()],
        user_id=str(user_id),
        said=wrong.said or wrong.errors.get("user_id", ""),
        **await frame(request, actor),
    )


@post("/devices/new", status_code=200)
async def make_code(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Make a code and show it until it is over; it is never shown again."""
    given = await forms.texts(request, "user_id")
    user_id = forms.given_id(given["user_id"]) or actor.user_id
    try:
        made = await service.new_enrolment_code(actor, user_id=user_id, now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _ask(request, actor, renderer, user_id, wrong)
    names = (await queries.directory(actor)).people
    return renderer.page(
        request,
        "devices/templates/code.html",
        headers={"Cache-Control": "no-store"},
        made=made,
        address=made.uri.partition("/enrol#")[0],
        name=names.get(made.user_id, actor.name),
        minutes=(made.expires_at - clock.now()).seconds // 60 + 1,
        **await frame(request, actor),
    )


@get("/devices/{device_id:uuid}/revocation")
async def ask_revocation(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, device_id: FromPath[UUID]
) -> Response[Any]:
    """Say what ending a device means, before it is done: it cannot be undone."""
    device = await queries.device(actor, device_id)
    return renderer.page(
        request,
        "devices/templates/revocation.html",
        device=device,
        is_own=device.user_id == actor.user_id,
        **await frame(request, actor),
    )


@post("/devices/{device_id:uuid}/revocation", status_code=HTTPStatus.SEE_OTHER)
async def revoke(actor: CurrentActor, device_id: FromPath[UUID]) -> Response[Any]:
    """End a device."""
    await service.revoke_device(actor, device_id, now=clock.now())
    return forms.go("/devices", "device_revoked")
