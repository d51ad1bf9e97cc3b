"""Do things with activities. Each function is one use case and one transaction."""

from server.activities.service.judging import judge_photographed, judge_visits
from server.activities.service.visits import add_visit, appeal, change_visit, decide_appeal

__all__ = [
    "add_visit",
    "appeal",
    "change_visit",
    "decide_appeal",
    "judge_photographed",
    "judge_visits",
]
