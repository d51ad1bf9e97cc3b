"""Do things with contracts. Each function is one use case and one transaction."""

from server.contracts.service.contracts import create, edit
from server.contracts.service.deciding import decide, follow_days
from server.contracts.service.receiving import receive
from server.contracts.service.reminding import remind_of_ends

__all__ = ["create", "decide", "edit", "follow_days", "receive", "remind_of_ends"]
