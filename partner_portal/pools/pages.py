"""What lies in the public pools; look at one, pick one, give one up."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms, htmx
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.access.edge import CurrentActor
from server.customers import queries as customers
from server.customers.pools import queries, service
from server.customers.pools.schemas import PoolView, Release
from server.identity import queries as identity
from server.kit import clock
from server.kit.errors import NotFound, Refusal

_WARNINGS_SHOWN: Final = 20


@get("/pools")
async def pools(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show the pools within reach, what lies in one of them, and whom one is about to lose."""
    return await _list(request, actor, renderer, Problem())


async def _list(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, wrong: Problem
) -> Response[Any]:
    """Draw the list; only further rows when the page asks for them."""
    now = clock.now()
    found = await queries.pools(actor, now=now)
    chosen = _chosen(found, request.query_params.get("pool", ""))
    cursor = request.query_params.get("cursor") or None
    page = None
    if chosen is not None:
        page = await queries.customers(actor, chosen.id, cursor=cursor, now=now)
    if cursor and htmx.is_fragment(request):
        return renderer.page(request, "pools/templates/rows.html", page=page, chosen=chosen)
    warnings = await queries.warnings(actor)
    return renderer.page(
        request,
        "pools/templates/list.html",
        status=wrong.status,
        wrong=wrong,
        pools=found,
        chosen=chosen,
        page=page,
        warnings=warnings[:_WARNINGS_SHOWN],
        names=(await identity.directory(actor)).people if warnings else {},
        may_manage=Permission.POOLS_MANAGE in ROLE_PERMISSIONS[actor.role],
        **await frame(request, actor),
    )


def _chosen(found: list[PoolView], wanted: str) -> PoolView | None:
    """Give the pool that the address names, else the first."""
    named = (pool for pool in found if str(pool.id) == wanted)
    return next(named, found[0] if found else None)


@post("/pools/customers/{customer_id:uuid}/look", status_code=200)
async def look(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Show one customer of a pool closely; it costs one of the day's views."""
    try:
        shown = await service.look(actor, customer_id, now=clock.now())
    except Refusal as refusal:
        return await _list(
            request, actor, renderer, forms.problem(refusal, forms.words_of(request))
        )
    pool = await queries.pool(actor, shown.customer.pool_id, now=clock.now())
    return renderer.page(
        request, "pools/templates/look.html", shown=shown, pool=pool, **await frame(request, actor)
    )


@post("/pools/customers/{customer_id:uuid}/pick", status_code=200)
async def pick(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Pick a customer; who was too late is told on the list."""
    try:
        await service.pick(actor, customer_id, now=clock.now())
    except Refusal as refusal:
        return await _list(
            request, actor, renderer, forms.problem(refusal, forms.words_of(request))
        )
    return forms.go(f"/customers/{customer_id}", "picked")


@get("/customers/{customer_id:uuid}/release")
async def releasing(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Ask into which pool a customer is given up."""
    return await _release_form(request, actor, renderer, customer_id, Problem())


@post("/customers/{customer_id:uuid}/release", status_code=200)
async def release(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Give a customer up."""
    given = await forms.texts(request, "pool_id")
    pool_id = forms.given_id(given["pool_id"])
    if pool_id is None:
        raise NotFound
    try:
        await service.release(actor, customer_id, Release(pool_id=pool_id), now=clock.now())
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _release_form(request, actor, renderer, customer_id, wrong)
    return forms.go("/customers", "released")


async def _release_form(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    customer_id: UUID,
    wrong: Problem,
) -> Response[Any]:
    """Draw the choice of a pool."""
    return renderer.page(
        request,
        "pools/templates/release.html",
        status=wrong.status,
        wrong=wrong,
        customer=await customers.one(actor, customer_id),
        pools=await queries.pools(actor, now=clock.now()),
        **await frame(request, actor),
    )
