"""Do things with agents. Each function is one use case and one transaction."""

from server.partners.service.admission import admit, invite_owner
from server.partners.service.agreeing import add_step, record_agreement, set_tier, tick, untick
from server.partners.service.contracts import accept_contract, offer_contract
from server.partners.service.exits import cancel_exit, open_exit, readmit
from server.partners.service.territories import end_territory, grant_territory

__all__ = [
    "accept_contract",
    "add_step",
    "admit",
    "cancel_exit",
    "end_territory",
    "grant_territory",
    "invite_owner",
    "offer_contract",
    "open_exit",
    "readmit",
    "record_agreement",
    "set_tier",
    "tick",
    "untick",
]
