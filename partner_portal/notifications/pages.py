"""Notifications: read them, and choose the channels, the quiet hours and what leaves."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath

from partner_portal import forms, htmx
from partner_portal.forms import Problem
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer, language_of
from partner_portal.words import Language
from server.access import Actor
from server.access.edge import CurrentActor
from server.kit import clock
from server.kit.errors import Invalid, Refusal
from server.notifications import queries, service
from server.notifications.schemas import Channel, SettingView

_ROWS: Final = "notifications/templates/rows.html"
_HOUR_MINUTES: Final = 60


@get("/notifications")
async def notifications(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """List what one was told, the newest first."""
    is_unread = request.query_params.get("unread") == "1"
    cursor = request.query_params.get("cursor") or None
    page = await queries.notifications(actor, is_unread=is_unread, cursor=cursor)
    is_chinese = language_of(request) is Language.CHINESE
    shown: dict[str, Any] = {
        "page": page,
        "is_unread": is_unread,
        "sentences": queries.sentences(is_chinese=is_chinese),
    }
    if htmx.is_fragment(request):
        return renderer.page(request, _ROWS, **shown)
    return renderer.page(
        request, "notifications/templates/list.html", **shown, **await frame(request, actor)
    )


@post("/notifications/reading", status_code=303)
async def read_all(actor: CurrentActor) -> Response[Any]:
    """Note that one has looked at everything."""
    await service.read_all(actor, now=clock.now())
    return forms.go("/notifications")


@post("/notifications/{notification_id:uuid}/reading", status_code=303)
async def read(actor: CurrentActor, notification_id: FromPath[UUID]) -> Response[Any]:
    """Note that one has looked at something, and go where it leads."""
    link = await service.read(actor, notification_id, now=clock.now())
    return forms.go(link)


@get("/notifications/setting")
async def setting(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show how one is told outside of the product."""
    held = await queries.setting(actor)
    given = {each.channel.value: each.address for each in held.channels}
    given |= {"quiet_from": _hours(held.quiet_from), "quiet_until": _hours(held.quiet_until)}
    given |= {"shows_subject": "1" if held.shows_subject else ""}
    return await _form(request, actor, renderer, given, Problem())


@post("/notifications/setting", status_code=200)
async def change_setting(
    request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
) -> Response[Any]:
    """Choose how one is told outside of the product."""
    given = await forms.texts(request, *Channel, "quiet_from", "quiet_until", "shows_subject")
    try:
        wanted = {
            "channels": [
                {"channel": each, "address": given[each]} for each in Channel if given[each]
            ],
            "quiet_from": _minutes(given["quiet_from"]),
            "quiet_until": _minutes(given["quiet_until"]),
            "shows_subject": given["shows_subject"] == "1",
        }
        await service.change_setting(actor, forms.taken(wanted, SettingView))
    except Refusal as refusal:
        wrong = forms.problem(refusal, forms.words_of(request))
        return await _form(request, actor, renderer, given, wrong)
    return forms.go("/notifications/setting", "setting")


def _hours(minute: int | None) -> str:
    """Write minutes from midnight as a form does."""
    return "" if minute is None else "{:02}:{:02}".format(*divmod(minute, _HOUR_MINUTES))


def _minutes(text: str) -> int | None:
    """Read a time of the day; left empty it is none.

    :raises Invalid: it is no time.
    """
    if not text:
        return None
    hours, minutes = [forms.whole(part) for part in text.partition(":")[::2]]
    if hours is None or minutes is None:
        raise Invalid("Choose a time of the day.", field="quiet_until")
    return hours * _HOUR_MINUTES + minutes


async def _form(
    request: AnyRequest, actor: Actor, renderer: TheRenderer, given: dict[str, str], wrong: Problem
) -> Response[Any]:
    """Draw the form."""
    return renderer.page(
        request,
        "notifications/templates/setting.html",
        status=wrong.status,
        given=given,
        wrong=wrong,
        channels=[str(each) for each in Channel],
        **await frame(request, actor),
    )
