"""Bugs in what waits for its record after a restoration."""

from collections.abc import Sequence
from typing import Final

from world.simulation.mutants.mutant import Mutant

_ORPHANS: Final = "server.sync.orphans"
_ENGINE: Final = "mobile_client_sdk.engine:SyncEngine"

ORPHANS: Final[Sequence[Mutant]] = (
    Mutant(
        "nothing waits for its record",
        "What comes before the creation that another device has to send is refused.",
        f"{_ORPHANS}:Orphans.keep",
        "if not lacking:",
        "if True:",
        ("orphans",),
    ),
    Mutant(
        "nothing is brought home",
        "What waited for a record goes on waiting when it is there.",
        f"{_ORPHANS}:Orphans._settle",
        "while fresh:",
        "while False:",
        ("orphans",),
    ),
    Mutant(
        "only the first of a chain comes home",
        "What waited for something that waited itself goes on waiting.",
        f"{_ORPHANS}:Orphans._settle",
        "fresh |= created",
        "pass",
        ("orphans",),
    ),
    Mutant(
        "what comes home is told to nobody",
        "An op that waited is settled, and its outcome says that it waits.",
        f"{_ORPHANS}:Orphans._settle",
        "if came:",
        "if False:",
        ("orphans",),
    ),
    Mutant(
        "what comes home is believed to have seen everything",
        "An op that waited replaces what was written since the restoration.",
        f"{_ORPHANS}:Orphans._settle_again",
        "base_limit=0",
        "base_limit=None",
        ("orphans",),
    ),
    Mutant(
        "what comes home is no device's",
        "An op that waited is unseen by the very device that made it.",
        f"{_ORPHANS}:Orphans._settle_again",
        "msgspec.structs.replace(person, device_id=first.device_id)",
        "person",
        ("orphans",),
    ),
    Mutant(
        "what still lacks something is settled",
        "An op that waits for a second record is refused when the first is there.",
        f"{_ORPHANS}:Orphans._settle_again",
        "if lacking:",
        "if False:",
        ("orphans",),
    ),
    Mutant(
        "a group waits by halves",
        "Of a group that lacks a record, a part is refused.",
        f"{_ORPHANS}:_waiting",
        "lacking.get(op.group or op.id",
        "lacking.get(op.id",
        ("orphans",),
    ),
    Mutant(
        "intents of a restored device fail",
        "An intent that comes with the ops of an earlier life is put into quarantine.",
        f"{_ORPHANS}:_waiting",
        "[op for op in ops if isinstance(op, RecordOp)]",
        "list(ops)",
        ("restore", "lives"),
    ),
    Mutant(
        "what was made before the first pull brings nothing home",
        "A record that comes again without an epoch is not looked for by what waits.",
        "server.sync.service:_hold",
        "is_old = is_restored or",
        "is_old = is_restored and",
        ("orphans",),
    ),
    Mutant(
        "nobody hears that the waiting ended",
        "What was given up says for ever that it waits.",
        f"{_ORPHANS}:Orphans.give_up",
        "if old:",
        "if False:",
        ("orphans",),
    ),
    Mutant(
        "devices do not ask for what waited",
        "What became of an op that waited is not heard on its device.",
        f"{_ENGINE}._ask_again",
        "self._outbox.ask_for_waiting()",
        "pass",
        ("orphans",),
    ),
    Mutant(
        "what was asked for again stays on the screen",
        "An outcome that comes after the last page lies over what is held until the next sync.",
        f"{_ENGINE}.receive",
        "self._is_complete = False",
        "pass",
        ("orphans",),
    ),
)
"""All of what waits."""
