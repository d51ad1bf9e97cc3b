"""Prove that a replica holds what the server holds: a sum of row hashes, in any order."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec

_MODULUS: Final = 2**128
_ENCODER: Final = msgspec.msgpack.Encoder(order="sorted")


def row_hash(kind: str, record_id: str, seq: int, fields: Mapping[str, Any]) -> int:
    """Hash one record: what it is, its sequence and its values. Absent, none and empty are one."""
    values = {name: value for name, value in fields.items() if value is not None and value != []}
    canonical = _ENCODER.encode([kind, record_id, seq, values])
    return int.from_bytes(blake2b(canonical, digest_size=16).digest())


class Digest(msgspec.Struct, frozen=True):
    """The hash of a set of rows; adding and removing rows needs no other row."""

    total: int = 0

    def add(self, hashed: int) -> "Digest":
        """Answer the digest with one row more."""
        return Digest((self.total + hashed) % _MODULUS)

    def remove(self, hashed: int) -> "Digest":
        """Answer the digest with one row less."""
        return Digest((self.total - hashed) % _MODULUS)

    def hex(self) -> str:
        """Answer 32 characters that travel."""
        return f"{self.total:032x}"


def digest_of(hashes: Iterable[int]) -> Digest:
    """Answer the digest of these rows."""
    return Digest(sum(hashes) % _MODULUS)
