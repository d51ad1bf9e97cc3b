"""The list of customers, and finding one from anywhere."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get

from partner_portal import forms, htmx
from partner_portal.customers import own, record
from partner_portal.customers.fields import BY_NAME, LEVELS, STATUSES
from partner_portal.customers.look import DEFAULT_SORT, SORTS, Look
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer, language_of, marked
from partner_portal.words import catalogue
from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.activities import queries as activities
from server.customers import queries as customers
from server.customers.custom import queries as customs
from server.identity import queries as identity
from server.kit.pages import PAGE_SIZE
from server.views import queries as views

_FOUND_MAX: Final = 7
_QUERY_MAX: Final = 100


@get("/customers")
async def customer_list(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List the customers within sight; a part of the list when htmx asks for one."""
    look = Look.read(request.query_params)
    cursor = request.query_params.get("cursor") or None
    limit = _shown(request)
    page = await customers.list_page(
        actor, look.filters, sort=look.order, cursor=cursor, limit=limit
    )
    directory = await identity.directory(actor)
    shown: dict[str, Any] = {
        "page": page,
        "look": look,
        "names": directory.people,
        "banned": await activities.banned(actor, {each.phone for each in page.items if each.phone}),
    }
    if cursor and htmx.is_fragment(request):
        return renderer.page(request, "customers/templates/rows.html", **shown)
    spoken = record.spoken(catalogue(language_of(request)))
    shown |= await _around(actor, look, directory.people, spoken)
    if htmx.is_fragment(request):
        return renderer.page(request, "customers/templates/browse.html", **shown)
    return renderer.page(
        request, "customers/templates/list.html", **shown, **await frame(request, actor)
    )


def _shown(request: AnyRequest) -> int:
    """Say how many rows to give: a list that has grown is refreshed as long as it is."""
    return max(PAGE_SIZE, forms.whole(request.query_params.get("rows", "")) or 0)


async def _around(
    actor: Actor, look: Look, people: dict[UUID, str], language: str
) -> dict[str, Any]:
    """Give what stands around the rows: counts, filters, what may be done."""
    every_status = Look.read({**_parts(look), "status": ""})
    everything = await customers.summary(actor, every_status.filters)
    by_status = {count.value: count for count in everything.by_status}
    allowed = ROLE_PERMISSIONS[actor.role]
    tags = await customers.tags(actor)
    names = {str(tag.id): tag.name for tag in tags} | {str(id_): n for id_, n in people.items()}
    own_choices = own.choices(await customs.definitions(actor, "customer"), language)
    names |= dict(own_choices)
    chips = [
        {
            "name": name,
            "value": value,
            "said": names.get(value, value),
            "href": look.address(**{name: ""}),
            "icon": BY_NAME[name].icon if name in BY_NAME else "tag",
        }
        for name, value in look.chosen.items()
    ]
    return {
        "everything": everything,
        "found": by_status.get(look.status, _NOTHING) if look.status else everything,
        "by_status": {status: count.customers for status, count in by_status.items()},
        "statuses": STATUSES,
        "levels": [(level, level) for level in LEVELS],
        "people": sorted(people.items(), key=lambda item: item[1]),
        "tags": [(tag.id, tag.name) for tag in tags],
        "chips": chips,
        "own_choices": own_choices,
        "sorts": SORTS,
        "default_sort": DEFAULT_SORT,
        "views": await views.views(actor, look.LIST),
        "may_write": Permission.CUSTOMERS_WRITE in allowed,
        "may_export": Permission.CUSTOMERS_EXPORT in allowed,
        "may_assign": Permission.TASKS_ASSIGN in allowed,
        "may_import": Permission.CUSTOMERS_IMPORT in allowed,
    }


def _parts(look: Look) -> dict[str, str]:
    """Give a look's parts by name."""
    return {name: getattr(look, name) for name in look.__struct_fields__}


_NOTHING: Final = {"customers": 0, "expected_revenue_minor": 0}


@get("/customers/found")
async def found(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Find customers for the palette: the first few that a search gives."""
    ensure(actor, Permission.CUSTOMERS_READ)
    q = request.query_params.get("q", "").strip()[:_QUERY_MAX]
    shown = await frame(request, actor)
    if q:
        filters = Look.read({"q": q}).filters
        page = await customers.list_page(actor, filters, limit=_FOUND_MAX)
        shown |= {"customers": page.items, "names": (await identity.directory(actor)).people}
    return renderer.page(request, "customers/templates/found.html", q=q, mark=marked, **shown)
