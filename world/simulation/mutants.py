"""Bugs that are planted on purpose, one at a time: who watches must find each of them.

A mutant changes a line of a function while the process runs. It names the line; where the line is
no longer there, the hunt says so and fails, so that no mutant dies of old age.
"""

import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FunctionType
from typing import Any, Final, cast

import msgspec

from world.simulation import plan, soak


class Mutant(msgspec.Struct, frozen=True):
    """One planted bug."""

    name: str
    what: str
    """What the product would do, in a sentence."""
    target: str
    """``module:function`` or ``module:class.function``."""
    before: str
    """The part of the source that is right."""
    after: str
    """What stands in its place."""
    profiles: tuple[str, ...] = ("network", "storm")
    """The kinds of trouble that are likely to show it."""


class Caught(msgspec.Struct, frozen=True):
    """How a hunt ended."""

    name: str
    what: str
    is_found: bool
    schedules: int
    profile: str = ""
    seed: int = 0
    oracle: str = ""


class MutantOutdated(Exception):
    """The line that a mutant changes is not there any more."""


def hunt(mutant: Mutant, *, most: int, first: int = 0) -> Caught:
    """Play schedules with the bug until an oracle finds it."""
    with planted(mutant):
        for played in range(most):
            profile = mutant.profiles[played % len(mutant.profiles)]
            result = soak.play(plan.from_seed(first + played, profile=profile))
            if result.findings:
                return Caught(
                    name=mutant.name,
                    what=mutant.what,
                    is_found=True,
                    schedules=played + 1,
                    profile=profile,
                    seed=result.seed,
                    oracle=result.findings[0].oracle,
                )
    return Caught(mutant.name, mutant.what, is_found=False, schedules=most)


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """Let the function be wrong for a while."""
    function = _function(mutant.target)
    right = function.__code__
    function.__code__ = _rewritten(mutant, function).__code__
    try:
        yield
    finally:
        function.__code__ = right


def _function(target: str) -> FunctionType:
    """Find the function itself, under what decorates it."""
    module, _, path = target.partition(":")
    found: Any = import_module(module)
    for name in path.split("."):
        found = inspect.getattr_static(found, name, None)
        if found is None:
            raise MutantOutdated(f"There is no {target}.")
    if isinstance(found, property):
        found = found.fget
    return cast("FunctionType", inspect.unwrap(found))


_DEF: Final = re.compile(r"^(async )?def ", re.MULTILINE)


def _rewritten(mutant: Mutant, function: FunctionType) -> FunctionType:
    source = textwrap.dedent(inspect.getsource(function))
    # Decorators stay as they are: only the body is exchanged.
    source = source[cast("re.Match[str]", _DEF.search(source)).start() :]
    if mutant.before not in source:
        raise MutantOutdated(f"{mutant.name}: {mutant.target} has no {mutant.before!r}.")
    names: dict[str, Any] = {}
    # The function's own globals are used when it runs; these are for its annotations alone.
    changed = "from __future__ import annotations\n" + source.replace(
        mutant.before, mutant.after, 1
    )
    exec(compile(changed, mutant.name, "exec"), dict(function.__globals__), names)  # noqa: S102 - the source is the product's own, with one line changed
    return cast("FunctionType", names[function.__name__])


_WRITE: Final = "sync_protocol.merge.write:Write"
_BATCH: Final = "sync_protocol.merge.batch:_Batch"
_SERVICE: Final = "server.sync.service"
_FEED: Final = "server.sync.feed"
_ENGINE: Final = "mobile_client_sdk.engine:SyncEngine"
_OUTBOX: Final = "mobile_client_sdk.outbox:Outbox"
_REPLICA: Final = "mobile_client_sdk.replica"
_MEMORY: Final = "world.simulation.memory"

MUTANTS: Final[Sequence[Mutant]] = (
    # ------------------------------------------------------------------------------ the merge
    Mutant(
        "base off by one",
        "A write that its author had seen counts as unseen.",
        f"{_WRITE}.causal",
        "version.seq <= self.base",
        "version.seq < self.base",
        ("desk", "network"),
    ),
    Mutant(
        "everything is seen",
        "The last to sync wins, and nobody is told.",
        f"{_WRITE}.causal",
        "return version.seq != NEW_SEQ and version.seq <= self.base",
        "return True",
        ("desk", "network"),
    ),
    Mutant(
        "own writes are foreign",
        "A device is in conflict with itself.",
        f"{_WRITE}._is_own",
        "self.device is None or version.device != self.device",
        "True",
        ("network", "desk"),
    ),
    Mutant(
        "clocks are ignored",
        "The greater device id is held, not the later edit.",
        "sync_protocol.merge.write:_order",
        "version.at_ms, ",
        "0, ",
        ("clocks",),
    ),
    Mutant(
        "the offset has the wrong sign",
        "A wrong clock is made twice as wrong.",
        "sync_protocol.merge.records:EditClock.bound",
        "at_ms + self.offset_ms",
        "at_ms - self.offset_ms",
        ("clocks",),
    ),
    Mutant(
        "edit times are not corrected",
        "The device set to 2099 wins every conflict.",
        "sync_protocol.merge.records:EditClock.bound",
        "return min(max(at_ms + self.offset_ms, self.floor_ms), self.received_at_ms)",
        "return at_ms",
        ("clocks",),
    ),
    Mutant(
        "the loser is not kept",
        "Whoever comes with an older edit loses it without a word.",
        f"{_WRITE}._replace",
        "self._conflict(held, field.name, (before, there), (value, self.version))",
        "pass",
        ("desk", "network"),
    ),
    Mutant(
        "the winner overwrites",
        "The value that was replaced concurrently is not kept.",
        f"{_WRITE}._replace",
        "self._conflict(held, field.name, (value, self.version), (before, there))",
        "pass",
        ("desk", "network"),
    ),
    Mutant(
        "conflicts tell the wrong value",
        "A conflict tells the held value twice.",
        f"{_WRITE}._conflict",
        "other=other[0]",
        "other=kept[0]",
        ("desk", "network"),
    ),
    Mutant(
        "one conflict id for all fields",
        "Of two fields in conflict, one conflict is told.",
        "sync_protocol.conflicts:conflict_id",
        ":{record_id}:{field}",
        ":{record_id}",
        ("desk", "network", "storm"),
    ),
    Mutant(
        "what was emptied is nobody's word",
        "A field that somebody emptied is filled by somebody who had not seen it.",
        "sync_protocol.merge.write:_is_unsaid",
        "before is None and name not in held.versions",
        "before is None",
        ("desk", "network", "storm"),
    ),
    Mutant(
        "a removal removes what it has not seen",
        "A tag that was put on elsewhere is gone.",
        f"{_WRITE}._write_set",
        "tuple(dot for dot in known if not self.causal(dot))",
        "()",
        ("marks",),
    ),
    Mutant(
        "a deletion sees everything",
        "A record is deleted under an edit that was not seen.",
        f"{_WRITE}._delete",
        "if unseen:",
        "if False:",
        ("desk", "network"),
    ),
    Mutant(
        "a deletion looks at the customer alone",
        "What others added to a customer unseen goes with it, and nobody is told.",
        f"{_WRITE}._delete",
        "(held, *self.beneath)",
        "(held,)",
        ("sights", "groups", "storm"),
    ),
    Mutant(
        "words are written where nobody looks",
        "An edit beneath a deleted customer is accepted and shown to nobody.",
        f"{_BATCH}._check_kin",
        "if above is None or above.deleted:",
        "if False:",
        ("desk", "sights", "storm"),
    ),
    Mutant(
        "reviving tells nobody",
        "A deleted record comes back and its deleter is not told.",
        f"{_WRITE}._revive",
        "self._conflict(held, DELETED, (False, self.version), (True, deletion))",
        "pass",
        ("desk", "network"),
    ),
    Mutant(
        "a group is settled by halves",
        "What is accepted of a refused group stays.",
        f"{_BATCH}.settle_unit",
        "self.working, self.refused_ids = before, refused_ids",
        "return",
        ("groups",),
    ),
    Mutant(
        "texts swallow words",
        "Of two texts that were written at once, one is lost.",
        f"{_WRITE}._write_field",
        "        case Policy.STRICT | Policy.KEEP_BOTH",
        "        case Policy.TEXT_MERGE:\n"
        "            self._put(held, field, value)\n"
        "        case Policy.STRICT | Policy.KEEP_BOTH",
        ("texts",),
    ),
    # ----------------------------------------------------------------------------- the service
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
        "base_limit=0 if held.is_restored else None",
        "base_limit=None",
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
    # -------------------------------------------------------------------------- the transaction
    Mutant(
        "records are not locked",
        "Of two pushes at once, one overwrites what the other wrote.",
        f"{_MEMORY}:MemoryStore.load",
        "await self._lock(key for key in wanted if key in there)",
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
        f"{_MEMORY}:_place",
        "record.deleted and record.seq <= after.base",
        "record.deleted",
        ("sights",),
    ),
    # -------------------------------------------------------------------------------- the device
    Mutant(
        "any page is taken",
        "An old answer that comes late is applied.",
        f"{_REPLICA}:Replica.receive",
        "page.from_cursor != expected or request.cursor != expected",
        "False",
        ("network",),
    ),
    Mutant(
        "a reset clears the outbox",
        "What was not sent yet is thrown away with the cursor.",
        f"{_REPLICA}:Replica._start_again",
        'connection.execute("DELETE FROM staged")',
        'connection.execute("DELETE FROM outbox WHERE status IS NULL")',
        ("scopes", "restore", "compaction"),
    ),
    Mutant(
        "a reset keeps half a pull",
        "Pages of the cursor that ended are applied after the new snapshot.",
        f"{_REPLICA}:Replica._start_again",
        'connection.execute("DELETE FROM staged")',
        "pass",
        ("resets",),
    ),
    Mutant(
        "pages are shown one by one",
        "A pull of several pages shows the first before the last is there.",
        f"{_REPLICA}:Replica._stage_delta",
        "if page.more:",
        "if False:",
        ("network",),
    ),
    Mutant(
        "only the last page counts",
        "What came in the pages before the last is forgotten.",
        f"{_REPLICA}:Replica._stage_delta",
        "for (number,) in staged:",
        "for (number,) in ():",
        ("network",),
    ),
    Mutant(
        "children stay behind",
        "A customer is dropped, and what belongs to it is not.",
        f"{_REPLICA}:_drop",
        "for kind in _CHILDREN:",
        "for kind in ():",
        ("scopes", "desk"),
    ),
    Mutant(
        "the overlay ends too early",
        "What was written here disappears until the next pull brings it.",
        f"{_OUTBOX}.settle",
        "if not has_effect(each.status)",
        "",
        ("network",),
    ),
    Mutant(
        "the overlay never ends",
        "What was written here lies for ever over what others wrote since.",
        f"{_OUTBOX}.show",
        "seq <= ?",
        "seq < ? - 1000000",
        ("network",),
    ),
    Mutant(
        "refused writes stay on the screen",
        "What the server refused is shown as if it were held.",
        f"{_OUTBOX}.settle",
        "if not has_effect(each.status)",
        "if False",
        ("scopes", "desk", "network"),
    ),
    Mutant(
        "a group is cut in two",
        "A push ends within an atomic group.",
        f"{_OUTBOX}.frame",
        "units([(_decode(body), len(body)) for _, (body, _, _) in alike])",
        "([each] for each in [(_decode(body), len(body)) for _, (body, _, _) in alike][:2])",
        ("groups",),
    ),
    Mutant(
        "a restored device believes that it knows its own writes",
        "What a device forgot when it was put back to an old image, it overwrites unseen.",
        f"{_WRITE}._is_own",
        "return self.lost is None or not self.lost[0] <= version.number <= self.lost[1]",
        "return True",
        ("images",),
    ),
    Mutant(
        "a clock decides what is kept",
        "A device whose clock jumps ahead throws away what a restored server needs.",
        f"{_ENGINE}._take_outcomes",
        "self._note(outcomes, response.server_time_ms)",
        "self._note(outcomes, 0)",
        ("restore",),
    ),
    Mutant(
        "a restored server is not helped",
        "What a backup had not seen is not sent again.",
        f"{_OUTBOX}.rewind",
        "if not rows:",
        "if True:",
        ("restore",),
    ),
    Mutant(
        "the first answer counts for ever",
        "What a restored server settled otherwise, from a copy that came late, is not heard of.",
        f"{_ENGINE}._ask_again",
        "self._outbox.ask_again(page.server_time_ms)",
        "pass",
        ("lives",),
    ),
    Mutant(
        "settled ops are thrown away at once",
        "A restored server cannot get them again.",
        f"{_OUTBOX}.tidy",
        "before = now_ms - KEPT_MS",
        "before = now_ms + 1",
        ("restore",),
    ),
    Mutant(
        "restored devices renumber what was settled",
        "Ops that an old image held as pending take effect twice.",
        f"{_ENGINE}._take_outcomes",
        "self._note(outcomes, response.server_time_ms)",
        "len(outcomes) == len(answered) and self._note(outcomes, response.server_time_ms)",
        ("images",),
    ),
    Mutant(
        "fresh ops overtake reused numbers",
        "Of a restored device's ops the later are settled before the earlier.",
        f"{_SERVICE}:_hold",
        "fresh = []",
        "pass",
        ("images",),
    ),
    Mutant(
        "restored devices keep their numbers",
        "A device that was restored from an old image never gets further.",
        f"{_OUTBOX}.renumber",
        "if shift <= 0:",
        "if True:",
        ("images",),
    ),
    Mutant(
        "an open form builds on what was never shown",
        "A form that was opened long ago overwrites what came since.",
        "mobile_client_sdk.client:Client._base",
        "return record.as_of if record.as_of <= self._seq else 0",
        "return self._seq",
        ("desk", "network"),
    ),
    Mutant(
        "an update forgets what is loading",
        "An app that is updated in the middle of its first load never gets further.",
        "mobile_client_sdk.store:_adopt_new_fields",
        'for prefix in ("base", "stage"):',
        'for prefix in ("base",):',
        ("skew",),
    ),
    Mutant(
        "unknown fields are thrown away",
        "A field that an old app does not know is empty after the update.",
        f"{_REPLICA}:_extras",
        "if not unknown:",
        "if True:",
        ("skew",),
    ),
    Mutant(
        "the outbox is not durable",
        "An op is committed after the number of the next one.",
        f"{_OUTBOX}._insert",
        'self._store.put("next_number", made[-1][0].number + 1)',
        'self._store.put("next_number", made[-1][0].number)',
        ("power", "network"),
    ),
)
"""All planted bugs."""
