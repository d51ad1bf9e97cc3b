"""Do things with contracts. Each function is one use case and one transaction."""

from server.contracts.service.contracts import create, edit
from server.contracts.service.deciding import decide, follow_days
from server.contracts.service.exporting import as_csv
from server.contracts.service.receiving import receive

__all__ = ["as_csv", "create", "decide", "edit", "follow_days", "receive"]
