"""The agenda over HTTP. Each handler makes one call."""

import secrets
from http import HTTPStatus
from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, delete, get, put
from litestar.params import FromPath, JSONBody

from server.access.edge import CurrentActor
from server.agenda import queries, rules, service
from server.agenda.schemas import FeedSaved, FeedView, NewFeed
from server.kit import clock


@get("/feed", summary="Show one's calendar feed")
async def feed(actor: CurrentActor) -> FeedView | None:
    """Tell what feed one has, if any."""
    return await queries.feed(actor)


@put("/feed", summary="Make one's calendar feed")
async def make_feed(actor: CurrentActor, data: JSONBody[NewFeed]) -> FeedSaved:
    """Give oneself a private address of a calendar, in place of any from before."""
    token = secrets.token_urlsafe(rules.TOKEN_BYTES)
    return await service.make_feed(actor, data, token=token, now=clock.now())


@delete("/feed", summary="Take one's calendar feed back")
async def revoke_feed(actor: CurrentActor) -> None:
    """Let one's address lead nowhere."""
    await service.revoke_feed(actor, now=clock.now())


@get(
    "/{company_id:uuid}/{token:str}",
    exclude_from_auth=True,
    security=[{}],
    summary="Read a calendar",
    media_type="text/calendar",
)
async def calendar(
    request: Request[Any, Any, Any], company_id: FromPath[UUID], token: FromPath[str]
) -> Response[bytes]:
    """Give a calendar to whoever has its address; 304 where it is as it was."""
    content = await queries.content(company_id, token.removesuffix(".ics"), now=clock.now())
    headers = {"ETag": content.tag, "Cache-Control": "private, max-age=300"}
    if content.tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content.body, media_type="text/calendar", headers=headers)


router = Router(
    "/",
    route_handlers=[
        Router("/agenda", route_handlers=[feed, make_feed, revoke_feed]),
        Router("/calendars", route_handlers=[calendar]),
    ],
    tags=["agenda"],
)
"""What stands below /v1."""
