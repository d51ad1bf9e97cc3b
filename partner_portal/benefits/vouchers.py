"""A benefit with its reasons, code and uses; and the counter where codes are redeemed."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.forms import Problem, said
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import ROLE_PERMISSIONS, Actor, Permission, ensure
from server.access.edge import CurrentActor
from server.benefits import queries as benefits
from server.benefits.eligibility import queries as eligibility
from server.benefits.reviews import queries as reviews
from server.benefits.reviews import service as reviewing
from server.benefits.reviews.schemas import ReviewAppeal
from server.benefits.vouchers import queries, service
from server.benefits.vouchers.schemas import Presented, Redeem, RollBack, VoucherView
from server.identity import queries as identity
from server.kit import clock, ids
from server.kit.errors import Refusal


@get("/benefits/{request_id:uuid}")
async def benefit(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, request_id: FromPath[UUID]
) -> Response[Any]:
    """Show a benefit: why it was given or not, and what became of it."""
    return await _benefit(request, actor, renderer, request_id, Problem())


@post("/benefits/{request_id:uuid}/code", status_code=200)
async def show_code(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, request_id: FromPath[UUID]
) -> Response[Any]:
    """Show the code to give to the customer; that it was shown stands in the trail."""
    shown = await service.code_of(actor, request_id, now=clock.now())
    return await _benefit(request, actor, renderer, request_id, Problem(), code=shown.code)


@post("/benefits/{request_id:uuid}/rollback", status_code=200)
async def roll_back(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, request_id: FromPath[UUID]
) -> Response[Any]:
    """Take a use back; sending twice does it once."""
    given = await forms.texts(request, "id", "redemption_id", "reason")
    now = clock.now()
    try:
        code = (await service.code_of(actor, request_id, now=now)).code
        await service.roll_back(actor, forms.taken({**given, "code": code}, RollBack), now=now)
    except Refusal as refusal:
        return await _benefit(request, actor, renderer, request_id, said(request, refusal))
    return forms.go(f"/benefits/{request_id}", "use_taken_back")


@post("/benefits/{request_id:uuid}/appeal", status_code=200)
async def appeal(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, request_id: FromPath[UUID]
) -> Response[Any]:
    """Answer a rejection, once."""
    try:
        given = forms.taken(await forms.texts(request, "answer"), ReviewAppeal)
        await reviewing.appeal(actor, request_id, given, now=clock.now())
    except Refusal as refusal:
        return await _benefit(request, actor, renderer, request_id, said(request, refusal))
    return forms.go(f"/benefits/{request_id}", "review_appealed")


async def _benefit(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    request_id: UUID,
    wrong: Problem,
    *,
    code: str = "",
) -> Response[Any]:
    """Draw a benefit."""
    uses = await queries.redemptions_of(actor, request_id)
    return renderer.page(
        request,
        "benefits/templates/detail.html",
        status=wrong.status,
        benefit=await benefits.benefit(actor, request_id),
        why=await eligibility.explanation(actor, request_id),
        review=await reviews.own(actor, request_id),
        may_appeal=Permission.USERS_MANAGE in ROLE_PERMISSIONS[actor.role],
        uses=uses,
        taken_back={use.of_id for use in uses},
        people=(await identity.directory(actor)).people,
        new_id=str(ids.new_id(clock.now())),
        code=code,
        wrong=wrong,
        **await frame(request, actor),
    )


@get("/benefits/redeem")
async def counter(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show the counter: first a code is typed, then what stands behind it is used."""
    ensure(actor, Permission.BENEFITS_REQUEST)
    return await _counter(request, actor, renderer, Problem(), {})


@post("/benefits/redeem", status_code=200)
async def redeem(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Look a code up, or use what stands behind it; sending twice uses it once."""
    given = await forms.texts(request, "id", "code", "amount", "step")
    now = clock.now()
    found: VoucherView | None = None
    try:
        if given["step"] == "use":
            asked = {
                "id": given["id"],
                "code": given["code"],
                "amount_minor": forms.fen(given["amount"]),
            }
            await service.redeem(actor, forms.taken(asked, Redeem), now=now)
            return forms.go("/benefits/redeem", "voucher_redeemed")
        shown = forms.taken({"code": given["code"]}, Presented)
        found = await service.validate(actor, shown, now=now)
    except Refusal as refusal:
        wrong = said(request, refusal)
        return await _counter(request, actor, renderer, wrong, given)
    return await _counter(request, actor, renderer, Problem(), given, found=found)


async def _counter(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    wrong: Problem,
    given: dict[str, str],
    *,
    found: VoucherView | None = None,
) -> Response[Any]:
    """Draw the counter."""
    return renderer.page(
        request,
        "benefits/templates/redeem.html",
        status=wrong.status,
        found=None if found is None else msgspec.structs.asdict(found),
        given={"id": str(ids.new_id(clock.now())), **{k: v for k, v in given.items() if v}},
        wrong=wrong,
        **await frame(request, actor),
    )
