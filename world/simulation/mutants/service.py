"""Bugs in the service: pushes, pages, and what one transaction holds together."""

from collections.abc import Sequence
from typing import Final

from world.simulation.mutants.mutant import Mutant

_SERVICE: Final = "server.sync.service"
_FEED: Final = "server.sync.feed"
_MEMORY: Final = "world.simulation.memory"
_SIGHT: Final = "world.simulation.sight"

SERVICE: Final[Sequence[Mutant]] = (
    Mutant(
        "settled ops are settled again",
        "What is sent twice is done twice.",
        "sync_protocol.messages:split_frame",
        "[op for op in ops if op.number > acknowledged]",
        "list(ops)",
        ("network",),
    ),
    Mutant(
        "outcomes are not remembered",
        "A device that lost the answer hears that its number was reused.",
        f"{_SERVICE}:_remember",
        "if not held.fresh:",
        "if True:",
        ("network",),
    ),
    Mutant(
        "an op is known by its number alone",
        "A device that was restored twice sends what was settled under a number of its other life.",
        f"{_SERVICE}:_answer_again",
        "elsewhere.get(op_digest(op))",
        "None",
        ("images",),
    ),
    Mutant(
        "ops are not acknowledged",
        "The device's place is not written down.",
        f"{_SERVICE}:_acknowledge",
        "*(op.number for op in held.fresh)",
        "",
        ("network",),
    ),
    Mutant(
        "every restored base is believed",
        "What was written since a restoration is overwritten as if it had been seen.",
        f"{_SERVICE}:_settle",
        "Sight(0 if held.is_restored else None,",
        "Sight(None,",
        ("restore",),
    ),
    Mutant(
        "the cursor runs ahead of its page",
        "A page that is not the last leads to the end.",
        f"{_SERVICE}:_page",
        "seq=last.effective if last else stands.seq",
        "seq=stands.seq",
        ("network",),
    ),
    Mutant(
        "pages forget where a kind ended",
        "Rows of one sequence are passed over at the end of a page.",
        f"{_FEED}:_after",
        "kind_index == start.kind_index else _FIRST_ID",
        "kind_index == start.kind_index else _LAST_ID",
        ("network", "scopes"),
    ),
    Mutant(
        "what left the scope stays",
        "Customers who were handed over stay on the phone.",
        f"{_SERVICE}:page_for",
        "await feed.left_scope(store, actor, start)",
        "[]",
        ("scopes",),
    ),
    Mutant(
        "what left since the run began",
        "Only what left the scope while pages were sent is dropped.",
        f"{_FEED}:left_scope",
        "start.base or start.started",
        "start.started",
        ("scopes",),
    ),
    Mutant(
        "tombstones are lost",
        "What was deleted stays on other devices.",
        f"{_FEED}:as_messages",
        "patches.append(_tombstone(each))",
        "continue",
        ("network", "desk"),
    ),
    Mutant(
        "what came back is a patch",
        "A device that dropped a record does not get it again.",
        f"{_FEED}:_appeared",
        "return int(max(",
        "came_back = 0\n    return int(max(",
        ("network", "desk", "clocks", "poison"),
    ),
    Mutant(
        "patches lack a field",
        "A field that was written at the sequence after the base is not sent.",
        f"{_FEED}:_patch",
        "versions[field.name].seq > base",
        "versions[field.name].seq > base + 1",
        ("network", "desk"),
    ),
    Mutant(
        "the epoch is not looked at",
        "A cursor from before a restoration goes on.",
        "server.sync.cursors:read",
        "cursor.epoch == stands.epoch and ",
        "",
        ("restore",),
    ),
    Mutant(
        "grants are not looked at",
        "A device whose person sees otherwise goes on as before.",
        "server.sync.cursors:read",
        " and cursor.grants == grants",
        "",
        ("scopes",),
    ),
    Mutant(
        "compaction is not looked at",
        "A cursor from before the collected tombstones goes on.",
        "server.sync.cursors:read",
        "is_known and is_kept and",
        "is_known and",
        ("compaction",),
    ),
    Mutant(
        "compaction spares the run that goes on",
        "Tombstones that were collected between two pages are never told.",
        "server.sync.cursors:read",
        "min(cursor.base or cursor.started, cursor.started) >= stands.min_seq",
        "(cursor.base == 0 or cursor.base >= stands.min_seq)",
        ("compaction",),
    ),
    Mutant(
        "a poisoned push takes its neighbours along",
        "Ops beside the one that fails are put into quarantine.",
        "server.sync.quarantine:first_part",
        "units[: max(1, len(units) // 2)]",
        "units",
        ("poison",),
    ),
    Mutant(
        "everybody changes a tag",
        "What a tag means is written by whoever sees it.",
        "server.customers.rules.tags:may_write",
        "return Permission.CUSTOMERS_WRITE in allowed and str(actor.user_id) == str(owner_id)",
        "return Permission.CUSTOMERS_WRITE in allowed",
        ("marks",),
    ),
    # -------------------------------------------------------------------------- the transaction
    Mutant(
        "records are not locked",
        "Of two pushes at once, one overwrites what the other wrote.",
        f"{_MEMORY}:MemoryStore.load",
        "await self.lock(key for key in wanted if key in there)",
        "pass",
        ("desk", "network"),
    ),
    Mutant(
        "a refused intent leaves its effect",
        "What was done before a refusal is not undone.",
        f"{_MEMORY}:MemoryStore.savepoint",
        "del opened.changes[mark:]",
        "pass",
        ("network",),
    ),
    Mutant(
        "outcomes are kept before their effects",
        "A server that dies in between has answered for what it never did.",
        f"{_MEMORY}:MemoryStore.remember",
        "opened.settled += settled",
        "self._all[opened.tenant_id] = msgspec.structs.replace(\n"
        "        held := self.of_tenant(opened.tenant_id), outcomes={**held.outcomes, **kept}\n"
        "    )\n"
        "    opened.settled += settled",
        ("power",),
    ),
    Mutant(
        "what was deleted out of sight is not told",
        "A child that was deleted while its customer was out of sight stays on the phone.",
        f"{_SIGHT}:place_of",
        "record.deleted and record.seq <= after.base",
        "record.deleted",
        ("sights",),
    ),
)
"""All of the service."""
