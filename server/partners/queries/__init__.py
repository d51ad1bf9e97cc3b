"""Look up agents and where they may work.

What the platform wrote down itself leaves no line in an agent's feed.
"""

from server.partners.queries.agents import agent, agents, tenant_ids, tier
from server.partners.queries.exits import ensure_begins, is_frozen, last_exit, leaves
from server.partners.queries.partnership import file, partnership, shared
from server.partners.queries.territories import holder, right, territories

__all__ = [
    "agent",
    "agents",
    "ensure_begins",
    "file",
    "holder",
    "is_frozen",
    "last_exit",
    "leaves",
    "partnership",
    "right",
    "shared",
    "tenant_ids",
    "territories",
    "tier",
]
