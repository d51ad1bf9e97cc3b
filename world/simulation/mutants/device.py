"""Bugs on the device: its replica, its outbox, its form and its disk."""

from collections.abc import Sequence
from typing import Final

from world.simulation.mutants.mutant import Mutant

_WRITE: Final = "sync_protocol.merge.write:Write"
_SERVICE: Final = "server.sync.service"
_ENGINE: Final = "mobile_client_sdk.engine:SyncEngine"
_OUTBOX: Final = "mobile_client_sdk.outbox:Outbox"
_REPLICA: Final = "mobile_client_sdk.replica"

DEVICE: Final[Sequence[Mutant]] = (
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
"""All of the device."""
