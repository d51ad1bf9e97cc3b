"""Which routes are open to whom, before any handler runs.

An analyst's doors are shut unless a route says otherwise: a route that is added and forgets about
analysts is closed to them. `OPEN_TO_ANALYSTS` is what a route says whose answers hold no personal
data but the asker's own.
"""

from collections.abc import Mapping
from typing import Any, Final

from server.access.rules import Actor, NotPermitted, Role

_OPEN: Final = "open_to_analysts"
OPEN_TO_ANALYSTS: Final = {_OPEN: True}


def ensure_open(actor: Actor, opt: Mapping[str, Any]) -> None:
    """Refuse an analyst at every route that does not say that it is open to analysts.

    :param opt: what the route says of itself.
    :raises NotPermitted: the route may show personal data.
    """
    if actor.role is Role.ANALYST and not opt.get(_OPEN):
        raise NotPermitted("An analyst sees figures, not records; open the analyses instead.")
