"""Units that this device holds to promise benefits with, each named once in its life.

What was named is written in the commit of the op that names it, so that neither a crash nor an
answer that comes late or twice makes a unit free again.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec

from mobile_client_sdk.store import Store
from sync_protocol.messages import Intent, Op, Outcome, Status

LEASE: Final = "benefits.lease"
REQUEST: Final = "benefits.request"
UNITS_MAX: Final = 20
"""As many of a program on one device."""
_RECALLED: Final = "lease_recalled"
_HELD: Final = "units"
_NAMED: Final = "units_named"
_GIVEN_BACK: Final = "units_given_back"
"""By program, the number of the last op that gave units back: older leases bring none any more."""
_NAMED_MAX: Final = 2_000
"""As many are remembered; leases bring 20 at most, and last for days."""


class Units(msgspec.Struct, frozen=True, kw_only=True):
    """What this device holds of one program."""

    program_id: str
    unit_ids: list[str]
    """Those that nothing was promised with, in the order in which they are named."""
    until_ms: int
    """From then on, by the server's time, none of them is promised."""
    amount_minor: int
    """Of one benefit."""
    currency: str
    limit_per_customer: int
    lease: int
    """The number of the op that told so."""


class Held:
    """The units of one device."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[Units]:
        """Answer what is held, by program."""
        held = self._store.get(_HELD) or {}
        return msgspec.convert([held[key] for key in sorted(held)], list[Units])

    def of(self, program_id: str) -> Units | None:
        """Answer what is held of a program, if anything ever was."""
        held = (self._store.get(_HELD) or {}).get(program_id)
        return None if held is None else msgspec.convert(held, Units)

    def promised(self, program_id: str, customer_id: str) -> int:
        """Count what was promised here to a customer, or requested and not refused."""
        named = self._store.get(_NAMED) or []
        return sum(each[1:] == [program_id, customer_id] for each in named)

    def note(self, ops: Sequence[Op]) -> None:
        """Take off the list what ops name, in the commit that writes them.

        A request without a unit names its own id: it takes one of what its customer may have.
        """
        named, emptied = [], dict[str, int]()
        for op in ops:
            if isinstance(op, Intent) and op.name == REQUEST:
                asked = [op.args.get(key) for key in ("unit_id", "program_id", "customer_id")]
                named.append([asked[0] or op.id, *asked[1:]])
            elif isinstance(op, Intent) and op.name == LEASE and not op.args.get("count"):
                emptied[str(op.args.get("program_id"))] = op.number
        if not named and not emptied:
            return
        known = self._store.get(_NAMED) or []
        fresh = [each for each in named if each not in known]
        self._store.put(_NAMED, [*known, *fresh][-_NAMED_MAX:])
        self._store.put(_GIVEN_BACK, (self._store.get(_GIVEN_BACK) or {}) | emptied)
        gone = {str(each[0]) for each in named}
        for units in self.all():
            left = [] if units.program_id in emptied else _without(units.unit_ids, gone)
            self._keep(msgspec.structs.replace(units, unit_ids=left))

    def hear(self, op: Op, outcome: Outcome) -> str | None:
        """Take what the server says of a lease; answer the program whose units it calls back.

        A request without a unit that it refused takes none of what its customer may have.
        """
        if not isinstance(op, Intent):
            return None
        if op.name == REQUEST and outcome.status is Status.REJECTED:
            named = self._store.get(_NAMED) or []
            self._store.put(_NAMED, [each for each in named if each[0] != op.id])
        if op.name != LEASE:
            return None
        program_id = str(op.args.get("program_id"))
        held = self.of(program_id)
        if outcome.status is Status.APPLIED and op.args.get("count"):
            given_back = (self._store.get(_GIVEN_BACK) or {}).get(program_id, 0)
            if op.number > given_back and (held is None or op.number >= held.lease):
                self._keep(self._told(outcome.told, op.number))
        elif outcome.code == _RECALLED:
            if held is not None:
                self._keep(msgspec.structs.replace(held, unit_ids=[]))
            return program_id
        return None

    def forget(self) -> None:
        """Hold nothing until the next lease: this store may not know what it has named."""
        self._store.put(_HELD, None)

    def _told(self, told: dict[str, Any], number: int) -> Units:
        """Read what a lease brought, without what was named since it was asked for."""
        units = msgspec.convert({**told, "lease": number}, Units)
        named = {each[0] for each in self._store.get(_NAMED) or []}
        return msgspec.structs.replace(units, unit_ids=_without(units.unit_ids, named))

    def _keep(self, units: Units) -> None:
        held = self._store.get(_HELD) or {}
        self._store.put(_HELD, held | {units.program_id: msgspec.to_builtins(units)})


def _without(unit_ids: Sequence[str], gone: Collection[str]) -> list[str]:
    return [each for each in unit_ids if each not in gone]
