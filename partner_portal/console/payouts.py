"""Payouts (付款批次) in the console: put together, let go by somebody else, paid by the bank."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access import Actor
from server.access.edge import CurrentActor
from server.commissions import queries, service
from server.commissions.schemas import (
    NewBankFile,
    NewPayout,
    NewTaxPayment,
    PaymentAnswer,
    PayoutApproval,
)
from server.identity import queries as identity
from server.kit import clock, ids
from server.kit.calendars import ZONE
from server.kit.errors import Refusal
from server.kit.sheets import attached
from server.partners import queries as partners
from server.problems import BooksRefusal

_HOME: Final = "/console/payouts"
_ONE: Final = f"{_HOME}/{{batch_id:uuid}}"
_NOTHING: Final = Problem()
PAYEES_MAX: Final = 100
"""Of a form; a larger batch's bank file is asked of the API."""


@get(_HOME)
async def payouts(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """List the payout batches, the newest first."""
    return await _list(request, actor, renderer, {}, _NOTHING)


async def _list(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    given: Mapping[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the list, and the form of a new batch with what was given of it."""
    return renderer.page(
        request,
        "console/templates/payouts.html",
        status=wrong.status,
        wrong=wrong,
        given=given,
        page=await queries.payouts(actor, cursor=request.query_params.get("cursor") or None),
        staff=await identity.staff_names(actor),
        new_id=ids.new_id(clock.now()),
        tax=await queries.withheld_tax(actor),
        me=actor.user_id,
        **await frame(request, actor),
    )


@post(_HOME, status_code=200)
async def make(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Put together what agents are owed."""
    given = await forms.texts(request, "id", "minimum")

    async def act() -> None:
        least = forms.fen(given["minimum"], "minimum_minor")
        terms = {"id": given["id"]} | ({} if least is None else {"minimum_minor": least})
        await service.make_payout(actor, forms.taken(terms, NewPayout), now=clock.now())

    drawn = partial(_list, request, actor, renderer, given)
    done = forms.go(f"{_HOME}/{forms.given_id(given['id'])}", "payout_made")
    return await forms.answered(request, act, drawn, done)


@post(f"{_HOME}/withheld-tax", status_code=200)
async def pay_tax(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Say what of the withheld tax went to the tax office."""
    given = await forms.texts(request, "id", "amount")

    async def act() -> None:
        said = {"id": given["id"], "amount_minor": forms.fen(given["amount"], "amount_minor")}
        await service.pay_tax(actor, forms.taken(said, NewTaxPayment), now=clock.now())

    drawn = partial(_list, request, actor, renderer, given)
    return await forms.answered(request, act, drawn, forms.go(_HOME, "tax_paid"))


@get(_ONE)
async def payout(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, batch_id: FromPath[UUID]
) -> Response[Any]:
    """Show a batch: its payments, and what is to be done with it."""
    return await _page(request, actor, renderer, batch_id, {}, _NOTHING)


async def _page(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    batch_id: UUID,
    given: Mapping[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw a batch; above it what was refused."""
    now = clock.now()
    batch = await queries.payout(actor, batch_id, now=now)
    return renderer.page(
        request,
        "console/templates/payout.html",
        status=wrong.status,
        wrong=wrong,
        given=given,
        month=f"{now.astimezone(ZONE):%Y-%m}",
        batch=batch,
        payees_max=PAYEES_MAX,
        names={each.tenant_id: each.name for each in await partners.agents(actor)},
        me=actor.user_id,
        staff=await identity.staff_names(actor),
        **await frame(request, actor),
    )


@post(f"{_ONE}/approval", status_code=200)
async def approve(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, batch_id: FromPath[UUID]
) -> Response[Any]:
    """Let a batch go with the hash that the page showed."""
    given = await forms.texts(request, "hash")

    async def act() -> None:
        seen = forms.taken(given, PayoutApproval)
        await service.approve(actor, batch_id, seen, now=clock.now())

    drawn = partial(_page, request, actor, renderer, batch_id, {})
    done = forms.go(f"{_HOME}/{batch_id}", "payout_approved")
    return await forms.answered(request, act, drawn, done)


@post(f"{_ONE}/discarding", status_code=200)
async def discard(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, batch_id: FromPath[UUID]
) -> Response[Any]:
    """Give up a batch that nobody has let go."""

    async def act() -> None:
        await service.discard(actor, batch_id, now=clock.now())

    drawn = partial(_page, request, actor, renderer, batch_id, {})
    done = forms.go(f"{_HOME}/{batch_id}", "payout_discarded")
    return await forms.answered(request, act, drawn, done)


@post(f"{_ONE}/bank-file", status_code=200)
async def bank_file(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, batch_id: FromPath[UUID]
) -> Response[Any]:
    """Give the bank's file with the accounts that the form brings; their last digits are kept.

    Accounts are named by agent, not by line: the list may be shorter than when the form was drawn.
    """
    batch = await queries.payout(actor, batch_id, now=clock.now())
    waiting = batch.waiting[:PAYEES_MAX]
    fields = [f"{part}.{agent_id}" for agent_id in waiting for part in ("name", "account", "bank")]
    given = await forms.texts(request, "reference", *fields)
    try:
        payees = [
            {
                "agent_id": agent_id,
                "name": given[f"name.{agent_id}"],
                "account": "".join(given[f"account.{agent_id}"].split()),
                "bank": given[f"bank.{agent_id}"],
            }
            for agent_id in waiting
        ]
        asked = forms.taken({"reference": given["reference"], "payees": payees}, NewBankFile)
        content = await service.bank_file(actor, batch_id, asked, now=clock.now())
    except (Refusal, BooksRefusal) as refusal:
        wrong = forms.said(request, refusal)
        return await _page(request, actor, renderer, batch_id, given, wrong)
    headers = attached(f"payout-{batch.number or batch_id}.csv")
    return Response(content, media_type="text/csv; charset=gb18030", headers=headers)


@post(f"{_ONE}/payments/{{payment_id:uuid}}/answer", status_code=200)
async def settle(
    request: AnyRequest,
    actor: CurrentActor,
    renderer: TheRenderer,
    batch_id: FromPath[UUID],
    payment_id: FromPath[UUID],
) -> Response[Any]:
    """Say what the bank did with a payment."""
    given = await forms.texts(request, "answer", "reason")

    async def act() -> None:
        said = forms.taken(forms.filled(given), PaymentAnswer)
        await service.settle(actor, payment_id, said, now=clock.now())

    again = {**given, "payment": f"{payment_id}"}
    drawn = partial(_page, request, actor, renderer, batch_id, again)
    done = forms.go(f"{_HOME}/{batch_id}", "payment_answered")
    return await forms.answered(request, act, drawn, done)


HANDLERS = [payouts, make, pay_tax, payout, approve, discard, bank_file, settle]
