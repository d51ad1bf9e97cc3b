"""Ask about activities: what an actor may see is what it sees of their customers."""

from server.activities.queries import holders
from server.activities.queries.calls import banned, call, calls_of, dial
from server.activities.queries.tasks import task, tasks, tasks_of
from server.activities.queries.visits import due_visits, visit, visits, visits_of

__all__ = [
    "banned",
    "call",
    "calls_of",
    "dial",
    "due_visits",
    "holders",
    "task",
    "tasks",
    "tasks_of",
    "visit",
    "visits",
    "visits_of",
]
