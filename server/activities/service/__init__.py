"""Do things with activities. Each function is one use case and one transaction."""

from server.activities.service.calls import (
    add_call,
    change_call,
    heed_opt_outs,
    refresh_bans,
)
from server.activities.service.judging import judge_photographed, judge_visits
from server.activities.service.tasks import (
    WantedTask,
    add_task,
    add_tasks,
    assign_task,
    cancel_task,
    change_task,
    complete_task,
    ensure_seen,
    make_tasks,
    note_escalations,
)
from server.activities.service.visits import add_visit, appeal, change_visit, decide_appeal

__all__ = [
    "WantedTask",
    "add_call",
    "add_task",
    "add_tasks",
    "add_visit",
    "appeal",
    "assign_task",
    "cancel_task",
    "change_call",
    "change_task",
    "change_visit",
    "complete_task",
    "decide_appeal",
    "ensure_seen",
    "heed_opt_outs",
    "judge_photographed",
    "judge_visits",
    "make_tasks",
    "note_escalations",
    "refresh_bans",
]
