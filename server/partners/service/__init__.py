"""Do things with agents. Each function is one use case and one transaction."""

from server.partners.service.admission import admit, invite_owner
from server.partners.service.territories import end_territory, grant_territory

__all__ = ["admit", "end_territory", "grant_territory", "invite_owner"]
