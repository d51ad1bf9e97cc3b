"""The states of a customer (S46) and which may follow which.

::

    potential ──> need ──> intent ──> signed
        ▲  └───────────────▲ │ ▲         │
        └── one step back ◀──┘ └─────────┼── dormant ◀── (any but lost)
                                         └─> lost     ◀── (any)

* A customer goes up the ladder potential, need, intent by any number of steps, and one step
  back to mend a mistake.
* It is signed only out of intent, so that each signing has an intent before it.
* What is signed does not become a prospect again; it goes dormant or is lost.
* A dormant or lost customer comes back as potential, need or intent, never straight as signed.
* A new record may begin in any state: agents bring the book that they already have.
"""

from enum import StrEnum
from typing import Final

from server.kit.errors import Conflict


class Status(StrEnum):
    """How far the development of a customer has come."""

    POTENTIAL = "potential"
    """潜在客户: may need what we sell; nothing known yet."""
    NEED = "need"
    """需求客户: has said what it needs."""
    INTENT = "intent"
    """意向客户: means to buy."""
    SIGNED = "signed"
    """签约客户: has signed."""
    DORMANT = "dormant"
    """沉寂客户: nothing has happened for long."""
    LOST = "lost"
    """流失客户: went elsewhere, or closed."""


class IllegalTransition(Conflict):
    """The customer's present status does not lead to the wanted one."""

    code = "illegal_transition"


_PROSPECT: Final = frozenset({Status.POTENTIAL, Status.NEED, Status.INTENT})
_ENDS: Final = frozenset({Status.DORMANT, Status.LOST})

TRANSITIONS: Final[dict[Status, frozenset[Status]]] = {
    Status.POTENTIAL: _ENDS | {Status.NEED, Status.INTENT},
    Status.NEED: _ENDS | {Status.POTENTIAL, Status.INTENT},
    Status.INTENT: _ENDS | {Status.NEED, Status.SIGNED},
    Status.SIGNED: _ENDS,
    Status.DORMANT: _PROSPECT | {Status.LOST},
    Status.LOST: _PROSPECT,
}
"""The whole machine: from each state, the states that may follow."""


def ensure_transition(before: Status, after: Status) -> None:
    """Refuse a change of status that the machine does not have.

    :raises IllegalTransition: naming what may follow instead.
    """
    if before is after or after in TRANSITIONS[before]:
        return
    following = ", ".join(sorted(TRANSITIONS[before]))
    raise IllegalTransition(
        f"A customer that is {before} cannot become {after}; it can become {following}.",
        field="status",
        before=str(before),
        allowed=sorted(str(status) for status in TRANSITIONS[before]),
    )
