"""A disk that forgets, changes or makes up rows, until the server's digests find it out.

What is damaged is known, so that nobody is blamed for what a broken disk showed. A row's handle is
never damaged: it would name another record, and no digest comes before the edit that is sent by it.
"""
# ruff: noqa: S608 - the names in SQL come from the schema

import random
from typing import Final
from uuid import UUID

from sync_protocol.merge import Key
from sync_protocol.schema import Schema
from world.simulation.disk import Disk
from world.simulation.written import TEXTS

_SORTS: Final = ("changed", "changed", "older", "lost", "made up")


class Rot:
    """What went wrong on one device's disk."""

    def __init__(self) -> None:
        self.rows: set[Key] = set()
        """The rows that are not as the server sent them, or may not be, and were not mended yet."""
        self.verified_at_ms: int | None = None
        """When the device last knew that all was as it should be, by its own clock."""
        self._mended: set[Key] = set()

    def befall(self, disk: Disk, schema: Schema, rng: random.Random) -> str | None:
        """Damage one row; answer what happened to it, or none where there is no row."""
        kinds = sorted((kind.KIND, names) for kind, names in TEXTS.items() if names)
        there = [
            (kind, record_id, names)
            for kind, names in kinds
            for (record_id,) in disk.rows(f"SELECT id FROM base_{kind} ORDER BY id")
        ]
        if not there:
            return None
        kind, record_id, names = rng.choice(there)
        sort = rng.choice(_SORTS)
        table, key = f"base_{kind}", (kind, record_id)
        match sort:
            case "changed":
                known = [name for name in names if name in schema.fields(kind)]
                disk.damage(
                    f"UPDATE {table} SET {rng.choice(known)} = 'rotten' WHERE id = ?", record_id
                )
            case "older":
                disk.damage(f"UPDATE {table} SET seq = seq - 1 WHERE id = ?", record_id)
            case "lost":
                disk.damage(f"DELETE FROM {table} WHERE id = ?", record_id)
            case _:
                made_up = str(UUID(int=rng.getrandbits(128), version=4))
                fields = ", ".join(schema.fields(kind))
                disk.damage(
                    f"INSERT INTO {table} (id, seq, {fields}) "
                    f"SELECT ?, seq, {fields} FROM {table} WHERE id = ?",
                    made_up,
                    record_id,
                )
                key = (kind, made_up)
        self.rows.add(key)
        self._mended.discard(key)
        return f"{kind} {key[1][-4:]} is {sort}"

    def verified(self, at_ms: int) -> None:
        """Hear that the device has compared all with the server, and found nothing left to mend."""
        self._mended = set(self.rows)
        self.verified_at_ms = at_ms

    def heal(self) -> None:
        """Take what was mended for sound; what was damaged since is not."""
        self.rows -= self._mended
        self._mended = set()
