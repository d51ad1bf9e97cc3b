"""Ask about activities: what an actor may see is what it sees of their customers."""

from server.activities.queries.visits import due_visits, visit, visits, visits_of

__all__ = ["due_visits", "visit", "visits", "visits_of"]
