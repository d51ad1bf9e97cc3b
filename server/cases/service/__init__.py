"""Do things with service cases. Each function is one use case and one transaction."""

from server.cases.service.cases import create, edit
from server.cases.service.clock import remind, set_dues
from server.cases.service.deciding import assign, comment, decide
from server.cases.service.targets import set_targets

__all__ = ["assign", "comment", "create", "decide", "edit", "remind", "set_dues", "set_targets"]
