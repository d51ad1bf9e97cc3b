"""Notifications over HTTP. Each handler makes one call."""

from uuid import UUID

from litestar import Router, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from server.access.edge import CurrentActor
from server.kit import clock
from server.kit.pages import PAGE_SIZE, Page
from server.kit.parameters import PageCursor, PageLimit
from server.notifications import queries, service
from server.notifications.schemas import NotificationView, SettingView, Unread


@get("/", summary="List notifications")
async def notifications(
    actor: CurrentActor,
    is_unread: FromQuery[bool] = False,  # noqa: FBT002 - a parameter of an address
    cursor: PageCursor = None,
    limit: PageLimit = PAGE_SIZE,
) -> Page[NotificationView]:
    """List what one was told, the newest first."""
    return await queries.notifications(actor, is_unread=is_unread, cursor=cursor, limit=limit)


@get("/unread", summary="Count unread notifications")
async def unread(actor: CurrentActor) -> Unread:
    """Say how much one has not looked at."""
    return await queries.unread(actor)


@post("/reading", status_code=204, summary="Mark all notifications read")
async def read_all(actor: CurrentActor) -> None:
    """Note that one has looked at everything."""
    await service.read_all(actor, now=clock.now())


@post("/{notification_id:uuid}/reading", status_code=204, summary="Mark a notification read")
async def read(actor: CurrentActor, notification_id: FromPath[UUID]) -> None:
    """Note that one has looked at something."""
    await service.read(actor, notification_id, now=clock.now())


@get("/setting", summary="Show how one is notified")
async def setting(actor: CurrentActor) -> SettingView:
    """Tell through which channels one is told, and when not."""
    return await queries.setting(actor)


@put("/setting", summary="Choose how one is notified")
async def change_setting(actor: CurrentActor, data: JSONBody[SettingView]) -> SettingView:
    """Choose the channels, the quiet hours, and whether the subject goes along."""
    return await service.change_setting(actor, data)


router = Router(
    "/notifications",
    route_handlers=[notifications, unread, read_all, read, setting, change_setting],
    tags=["notifications"],
)
