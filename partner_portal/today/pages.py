"""The page with which a day begins."""

from datetime import datetime, time, timedelta
from typing import Any, Final

from litestar import Response, get

from partner_portal.formats import ZONE
from partner_portal.frame import frame
from partner_portal.rendering import AnyRequest, TheRenderer, language_of
from partner_portal.words import Language
from server.access.edge import CurrentActor
from server.activities import queries as activities
from server.activities.schemas import TaskFilters, TaskState, VisitState, VisitView
from server.customers.pools import queries as pools
from server.kit import clock
from server.notifications import queries as notifications

_TASKS_SHOWN: Final = 50
_WARNINGS_SHOWN: Final = 5
_NEWS_SHOWN: Final = 5


@get("/today")
async def today(request: AnyRequest, actor: CurrentActor, renderer: TheRenderer) -> Response[Any]:
    """Show what comes first, what is late, what is due, and what one should know."""
    now = clock.now()
    ends = _end_of_day(now)
    due = TaskFilters(assignee_id=actor.user_id, state=TaskState.OPEN, due_before=ends)
    tasks = (await activities.tasks(actor, due, limit=_TASKS_SHOWN)).items
    visits = await activities.due_visits(actor, until=ends)
    next_visit = next_of(visits, now)
    warnings = [each for each in await pools.warnings(actor) if each.owner_id == actor.user_id]
    news = await notifications.notifications(actor, is_unread=True, limit=_NEWS_SHOWN)
    is_chinese = language_of(request) is Language.CHINESE
    return renderer.page(
        request,
        "today/templates/today.html",
        now=now,
        weekday=now.astimezone(ZONE).weekday(),
        overdue=[each for each in tasks if each.is_overdue(now)],
        due=[each for each in tasks if not each.is_overdue(now)],
        next_visit=next_visit,
        visits=[each for each in visits if each is not next_visit],
        visit_count=len(visits),
        warnings=warnings[:_WARNINGS_SHOWN],
        news=news.items,
        sentences=notifications.sentences(is_chinese=is_chinese),
        **await frame(request, actor),
    )


def _end_of_day(now: datetime) -> datetime:
    """Give the midnight that ends the day of a moment."""
    tomorrow = now.astimezone(ZONE).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), ZONE)


def next_of(visits: list[VisitView], now: datetime) -> VisitView | None:
    """Give the visit that goes on, or the first that is planned and not late."""
    going_on = [each for each in visits if each.state is VisitState.OPEN]
    ahead = [each for each in visits if not each.is_late(now)]
    return next(iter([*going_on, *ahead]), None)
