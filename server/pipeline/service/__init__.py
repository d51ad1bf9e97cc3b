"""Do things with processes and deals. Each function is one use case and one transaction.

Whatever is written of a deal goes through the one write path, as what a phone sends.
"""

from server.pipeline.service.arrivals import bring_in
from server.pipeline.service.deals import create, delete, edit, settle
from server.pipeline.service.migration import migrate
from server.pipeline.service.moves import move, open_template
from server.pipeline.service.processes import (
    check,
    discard_draft,
    publish,
    retire,
    save_draft,
)
from server.pipeline.service.signing import sign

__all__ = [
    "bring_in",
    "check",
    "create",
    "delete",
    "discard_draft",
    "edit",
    "migrate",
    "move",
    "open_template",
    "publish",
    "retire",
    "save_draft",
    "settle",
    "sign",
]
