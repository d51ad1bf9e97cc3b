"""Statements (结算单) in the console: drawn up, answered and signed; each look is told."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer
from partner_portal.statements.pages import LINES_SHOWN
from server.access import Actor
from server.access.edge import CurrentActor
from server.commissions import queries as commissions
from server.kit import clock, ids
from server.kit.calendars import ZONE
from server.partners import queries as partners
from server.statements import queries, service
from server.statements.schemas import NewAnswer, NewStatement, SeenStatement

_HOME: Final = "/console/statements"
_ONE: Final = f"{_HOME}/{{statement_id:uuid}}"
_NUMBER_MAX: Final = 2**31 - 1
_NOTHING: Final = Problem()


@get(_HOME)
async def statements(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List the disputes that wait, and the statements by month, the newest first."""
    return await _list(request, actor, renderer, {}, _NOTHING)


async def _list(
    request: AnyRequest,
    actor: Actor,
    renderer: TheRenderer,
    given: Mapping[str, str],
    wrong: Problem,
) -> Response[Any]:
    """Draw the list, and the form of a new statement with what was given of it."""
    now, query = clock.now(), request.query_params
    today = now.astimezone(ZONE).date()
    agent_id = forms.given_id(query.get("agent_id", ""))
    page = await queries.drawn(
        actor, agent_id=agent_id, cursor=query.get("cursor") or None, now=now
    )
    agents = [(each.tenant_id, each.name) for each in await partners.agents(actor)]
    return renderer.page(
        request,
        "console/templates/statements.html",
        status=wrong.status,
        wrong=wrong,
        given={"month": f"{today.replace(day=1) - timedelta(days=1):%Y-%m}", **given},
        waiting=await queries.disputes(actor, cursor=query.get("disputes") or None, now=now),
        months=[(month, list(held)) for month, held in groupby(page.items, lambda one: one.month)],
        next_cursor=page.next_cursor,
        agents=agents,
        names=dict(agents),
        agent_id=agent_id,
        today=today,
        new_id=ids.new_id(now),
        **await frame(request, actor),
    )


@post(_HOME, status_code=200)
async def draw(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Draw up the statement of an agent and a month."""
    given = await forms.texts(request, "id", "agent_id", "month", "answer_days")

    async def act() -> None:
        days = forms.number(given["answer_days"], "answer_days")
        new = forms.taken({**given, "answer_days": days}, NewStatement)
        await service.draw(actor, new, now=clock.now())

    drawn = partial(_list, request, actor, renderer, given)
    done = forms.go(f"{_HOME}/{forms.given_id(given['id'])}", "statement_drawn")
    return await forms.answered(request, act, drawn, done)


@get(_ONE)
async def statement(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, statement_id: FromPath[UUID]
) -> Response[Any]:
    """Show a statement: the disputes that wait, its accounts and its lines."""
    return await _page(request, actor, renderer, statement_id, _NOTHING)


async def _page(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, statement_id: UUID, wrong: Problem
) -> Response[Any]:
    """Draw a statement; above it what was refused."""
    now = clock.now()
    after = forms.whole(request.query_params.get("after", "")) or 0
    found = await queries.drawn_one(actor, statement_id, now=now)
    lines = await queries.drawn_lines(actor, statement_id, after=min(after, _NUMBER_MAX), now=now)
    waiting = (
        (await queries.disputes(actor, statement_id=statement_id, now=now)).items
        if found.open_disputes
        else []
    )
    shown = lines[:LINES_SHOWN]
    moved = [each.transfer_id for each in [*waiting, *shown]]
    return renderer.page(
        request,
        "console/templates/statement.html",
        status=wrong.status,
        wrong=wrong,
        held=found,
        sides={each.side: each for each in found.signatures},
        names={each.account_id: each.program_name for each in found.accounts},
        waiting=waiting,
        lines=shown,
        behind=await commissions.behind(actor, found.agent_id, moved, now=now),
        is_more=len(lines) > LINES_SHOWN,
        today=now.astimezone(ZONE).date(),
        **await frame(request, actor),
    )


@post(f"{_ONE}/answers", status_code=200)
async def answer(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, statement_id: FromPath[UUID]
) -> Response[Any]:
    """Keep a disputed line, or have a later one correct it."""
    given = await forms.texts(request, "line", "outcome", "note", "amount", "transfer_id")

    async def act() -> None:
        said = {
            **forms.filled({name: given[name] for name in ("outcome", "note", "transfer_id")}),
            "line": forms.whole(given["line"]),
            "amount_minor": _gained(given["amount"]),
        }
        await service.answer(actor, statement_id, forms.taken(said, NewAnswer), now=clock.now())

    drawn = partial(_page, request, actor, renderer, statement_id)
    done = forms.go(f"{_HOME}/{statement_id}", "dispute_answered")
    return await forms.answered(request, act, drawn, done)


def _gained(text: str) -> int | None:
    """Read what an agent gains, in yuan, as fen; with a minus it loses it.

    :raises Invalid: it is no amount.
    """
    amount = forms.fen(text.removeprefix("-"), "amount_minor")
    return -amount if amount and text.startswith("-") else amount


@post(f"{_ONE}/signature", status_code=200)
async def sign(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, statement_id: FromPath[UUID]
) -> Response[Any]:
    """Sign a statement for the platform with the hash that the page showed."""
    given = await forms.texts(request, "hash")

    async def act() -> None:
        seen = forms.taken(given, SeenStatement)
        await service.sign(actor, statement_id, seen, now=clock.now())

    drawn = partial(_page, request, actor, renderer, statement_id)
    done = forms.go(f"{_HOME}/{statement_id}", "statement_signed")
    return await forms.answered(request, act, drawn, done)


HANDLERS = [statements, draw, statement, answer, sign]
