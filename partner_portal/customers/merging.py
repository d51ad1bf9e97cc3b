"""Customers that look like one: the open pairs, two side by side, and the merge of them."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import failures, forms
from partner_portal.customers import record
from partner_portal.customers.record import ICONS, Teller
from partner_portal.formats import Formats
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer, marked
from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.access.edge import CurrentActor
from server.customers import queries as customers
from server.customers.custom import queries as customs
from server.customers.schemas import Filters
from server.identity import queries as identity
from server.kit import clock
from server.kit.errors import Refusal
from server.sync import queries, service
from server.sync.schemas import Choice

_PREFIX: Final = "choose."
_FOUND_MAX: Final = 20
_QUERY_MAX: Final = 100


@get("/duplicates")
async def duplicates(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List the pairs that wait for a decision."""
    page = await queries.pairs(actor, cursor=request.query_params.get("cursor") or None)
    return renderer.page(
        request,
        "customers/templates/duplicates.html",
        page=page,
        may_write=Permission.CUSTOMERS_WRITE in ROLE_PERMISSIONS[actor.role],
        **await frame(request, actor),
    )


@get("/customers/{customer_id:uuid}/duplicates")
async def whom(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, customer_id: FromPath[UUID]
) -> Response[Any]:
    """Search whom a customer is one with; first for what has a name like its."""
    held = await customers.one(actor, customer_id)
    q = request.query_params.get("q", held.name).strip()[:_QUERY_MAX]
    page = await customers.list_page(actor, Filters(q=q or None), limit=_FOUND_MAX)
    return renderer.page(
        request,
        "customers/templates/whom.html",
        customer=held,
        q=q,
        is_asked="q" in request.query_params,
        others=[each for each in page.items if each.id != customer_id],
        names=(await identity.directory(actor)).people,
        mark=marked,
        **await frame(request, actor),
    )


@get("/duplicates/{kept_id:uuid}/{other_id:uuid}")
async def compare(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    kept_id: FromPath[UUID],
    other_id: FromPath[UUID],
) -> Response[Any]:
    """Show two customers beside each other, the one that would stay first."""
    return await _compare(request, actor, renderer, kept_id, other_id, {}, Problem())


@post("/duplicates/{kept_id:uuid}/{other_id:uuid}", status_code=200)
async def merge(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    kept_id: FromPath[UUID],
    other_id: FromPath[UUID],
) -> Response[Any]:
    """Merge the other customer into the one that stays, with the values that were chosen."""
    form = await request.form()
    choices: dict[str, Choice] = {
        name.removeprefix(_PREFIX): "other" if value == "other" else "kept"
        for name, value in form.items()
        if name.startswith(_PREFIX)
    }
    as_of = forms.whole(str(form.get("as_of", "")))
    try:
        await service.merge(actor, other_id, kept_id, choices=choices, as_of=as_of, now=clock.now())
    except Refusal as refusal:
        words = forms.words_of(request)
        wrong = forms.problem(refusal, words)
        wrong = Problem(status=wrong.status, said=failures.sentence(words, refusal))
        return await _compare(request, actor, renderer, kept_id, other_id, choices, wrong)
    return forms.go(f"/customers/{kept_id}", "merged")


@post("/duplicates/{kept_id:uuid}/{other_id:uuid}/apart", status_code=200)
async def tell_apart(
    actor: CurrentActor, kept_id: FromPath[UUID], other_id: FromPath[UUID]
) -> Response[Any]:
    """Note that the two are two; the pair is listed no more."""
    await service.tell_apart(actor, kept_id, other_id, now=clock.now())
    return forms.go("/duplicates", "told_apart")


async def _compare(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    kept_id: UUID,
    other_id: UUID,
    choices: dict[str, Choice],
    wrong: Problem,
) -> Response[Any]:
    """Draw two customers, and what would move along."""
    found = await queries.preview(actor, other_id, kept_id)
    words = forms.words_of(request)
    tags = {tag.id: tag.name for tag in await customers.tags(actor)}
    own_fields = await customs.definitions(actor, "customer")
    directory = await identity.directory(actor)
    teller = Teller(words, Formats(words, clock.now()), directory, tags, own_fields)
    return renderer.page(
        request,
        "customers/templates/merge.html",
        status=wrong.status,
        wrong=wrong,
        found=found,
        choices=choices,
        teller=teller,
        icons=ICONS,
        spoken=record.spoken(words),
        may_write=Permission.CUSTOMERS_WRITE in ROLE_PERMISSIONS[actor.role],
        **await frame(request, actor),
    )
