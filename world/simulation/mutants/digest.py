"""Bugs in what compares a replica with the server, and mends it."""

from collections.abc import Sequence
from typing import Final

from world.simulation.mutants.mutant import Mutant

_ENGINE: Final = "mobile_client_sdk.engine:SyncEngine"
_REPLICA: Final = "mobile_client_sdk.replica:Replica"
_DIGEST: Final = "sync_protocol.digest"

DIGEST: Final[Sequence[Mutant]] = (
    Mutant(
        "nothing is ever compared",
        "A damaged row stays damaged.",
        f"{_ENGINE}._verification",
        "if at_ms <= now_ms < at_ms + VERIFY_EVERY_MS:",
        "if True:",
        ("rot",),
    ),
    Mutant(
        "hashes pass over the values",
        "A row whose value was damaged counts as sound.",
        f"{_DIGEST}:row_hash",
        "about: list[Any] = [kind, record_id, seq, values]",
        "about: list[Any] = [kind, record_id, seq]",
        ("rot",),
    ),
    Mutant(
        "hashes pass over the sequence",
        "A row of which the device believes that it is older counts as sound.",
        f"{_DIGEST}:row_hash",
        "about: list[Any] = [kind, record_id, seq, values]",
        "about: list[Any] = [kind, record_id, values]",
        ("rot",),
    ),
    Mutant(
        "hashes pass over what an old app keeps",
        "A device with an old app mends sound rows, again and again.",
        "mobile_client_sdk.replica:_hash",
        "_unpacked(extra) if extra else {}",
        "{}",
        ("skew",),
    ),
    Mutant(
        "what is lacking altogether is not told",
        "The server mends what differs, and not what a device has lost.",
        f"{_DIGEST}:answer",
        "if lacking:",
        "if lacking and leaf.hashes:",
        ("rot",),
    ),
    Mutant(
        "strange rows stay",
        "A row that the server never had stays on the device.",
        f"{_REPLICA}.mend",
        "for kind, record_ids in strange.items():",
        "for kind, record_ids in ():",
        ("rot",),
    ),
    Mutant(
        "lost rows stay lost",
        "What the server sends to mend a row is not put in.",
        f"{_REPLICA}.mend",
        "for batch in batches:",
        "for batch in ():",
        ("rot",),
    ),
    Mutant(
        "mending takes what waits",
        "A row that is mended loses what was written on it and not sent yet.",
        f"{_REPLICA}.mend",
        '_insert(connection, batch, "base")',
        '_insert(connection, batch, "base")\n'
        "            connection.executemany(\n"
        "                'DELETE FROM overlay WHERE id = ?', [(each,) for each in batch.ids]\n"
        "            )",
        ("rot",),
    ),
    Mutant(
        "a comparison ends at its first answer",
        "What differs is seen and not looked for.",
        f"{_DIGEST}:Search.receive",
        "self.is_done = not (self._branches or self._leaves)",
        "self.is_done = True",
        ("rot",),
    ),
    Mutant(
        "a day begins before anything was compared",
        "What was damaged counts as compared, and is not.",
        f"{_ENGINE}._verification",
        "self._search = Search()",
        "self._store.put(_VERIFIED, now_ms)\n        return None",
        ("rot",),
    ),
)
"""All of the digests."""
