"""People, records and ops for the stories about merging."""

from typing import Any

from sync_protocol.merge import BatchResult, EditClock, HeldRecord, Key, settle_batch, stamp
from sync_protocol.messages import Create, Edit, ReceivedOp, SetChange

NOON = 1_800_000_000_000
WANG = "00000000-0000-7000-8000-00000000000a"
LI = "00000000-0000-7000-8000-00000000000b"
ZHAO = "00000000-0000-7000-8000-00000000000c"
SHOP = "00000000-0000-7000-8000-000000000001"
OTHER_SHOP = "00000000-0000-7000-8000-000000000002"
VIP = "00000000-0000-7000-8000-0000000000f1"
NEAR = "00000000-0000-7000-8000-0000000000f2"
HELD_KEY: Key = ("customer", SHOP)


class Tenant:
    """A tenant's records in memory, settled by the real merge."""

    def __init__(self) -> None:
        self.records: dict[Key, HeldRecord] = {}
        self.seq = 0
        self.conflicts: list[tuple[str, Any, Any]] = []

    def push(
        self,
        device: str,
        *ops: ReceivedOp,
        received: int = NOON,
        lost: tuple[int, int] | None = None,
    ) -> BatchResult:
        """Settle ops and hold what they did."""
        clock = EditClock(received_at_ms=received)
        result = settle_batch(self.records, ops, device=device, clock=clock, lost=lost)
        self.seq += 1
        result = stamp(result, self.seq)
        self.records.update(result.records)
        self.conflicts += [(each.field, each.kept, each.other) for each in result.conflicts]
        return result

    def field(self, name: str) -> Any:
        """Answer a value of the shop."""
        return self.records[HELD_KEY].fields[name]


def tenant_with_shop(device: str = ZHAO, **fields: Any) -> Tenant:
    """Make a tenant that holds one shop, at sequence 1."""
    tenant = Tenant()
    op = Create(
        number=1, kind="customer", id=SHOP, fields={"name": "福满楼", **fields}, at_ms=1, base=0
    )
    tenant.push(device, op)
    return tenant


def edit(number: int, at_ms: int = 10, base: int = 1, **fields: Any) -> Edit:
    """Make an edit of the shop."""
    return Edit(number=number, kind="customer", id=SHOP, fields=fields, at_ms=at_ms, base=base)


def tag(
    number: int, *, add: tuple[str, ...] = (), remove: tuple[str, ...] = (), base: int = 1
) -> Edit:
    """Make a change of the shop's tags."""
    sets = {"tags": SetChange(add=add, remove=remove)}
    return Edit(number=number, kind="customer", id=SHOP, sets=sets, at_ms=10, base=base)
