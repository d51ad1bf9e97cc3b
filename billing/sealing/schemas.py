"""What sealing answers, as frozen values, and the bytes that are hashed, signed and published."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.errors import BillingRefusal, Sort
from billing.money import Currency

_TRANSFER_FIELDS: Final = (
    *("id", "owner_id", "group_id", "position", "kind", "debit_id", "credit_id", "currency"),
    *("amount_minor", "released_minor", "pending_id", "reversal_of", "event", "effective_at"),
    *("recorded_at", "actor_id", "reason", "dims", "is_adjustment"),
)
_LINE_FIELDS: Final = (
    *("version", "transfer_id", "pending_minor", "posted_minor", "pending_after", "posted_after"),
    *("effective_at", "effective_until", "booked_at", "recorded_at", "event", "transfer_digest"),
)


class NotSealed(BillingRefusal):
    """There is no head, block or line yet that this would be about."""

    code = "not_sealed"
    sort = Sort.ABSENT


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The log as it was when a block was sealed, signed."""

    n: int
    first_seq: int
    size: int
    block_root: bytes
    log_root: bytes
    previous: bytes
    sealed_at: datetime
    public_key: str
    """Ed25519, in hexadecimal digits."""
    signature: str

    def payload(self) -> bytes:
        """Give what is signed."""
        return head_payload(
            (self.n, self.first_seq, self.size),
            (self.block_root, self.log_root, self.previous),
            self.sealed_at,
        )

    def digest(self) -> bytes:
        """Give what the next head carries on."""
        return hashlib.sha256(self.payload()).digest()

    def published(self) -> bytes:
        """Write the head as it is published: one line of JSON."""
        return (
            _compact(
                {
                    "format": "tonglu.head.v1",
                    "n": self.n,
                    "first_seq": self.first_seq,
                    "size": self.size,
                    "block_root": self.block_root.hex(),
                    "log_root": self.log_root.hex(),
                    "previous": self.previous.hex(),
                    "sealed_at": time_text(self.sealed_at),
                    "public_key": self.public_key,
                    "signature": self.signature,
                }
            )
            + b"\n"
        )


class ProvenLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a statement, its place in the log, and what leads from it to the head."""

    fields: dict[str, Any]
    seq: int
    proof: list[bytes]


class ProvenStatement(msgspec.Struct, frozen=True, kw_only=True):
    """An account's lines with their proofs against one head."""

    account_id: UUID
    owner_id: UUID
    currency: Currency
    head: Head
    lines: list[ProvenLine]

    def published(self) -> bytes:
        """Write the statement as `tonglu-verify` reads it: JSON, one line of text for each."""
        top = {
            "format": "tonglu.statement.v1",
            "account_id": str(self.account_id),
            "owner_id": str(self.owner_id),
            "currency": self.currency,
            "size": self.head.size,
            "lines": [],
        }
        rows = [
            _compact(
                {
                    **line.fields,
                    "seq": line.seq,
                    "proof": base64.b64encode(b"".join(line.proof)).decode(),
                }
            )
            for line in self.lines
        ]
        return _compact(top)[:-2] + b"\n" + b",\n".join(rows) + b"\n]}\n"


def head_payload(
    numbers: tuple[int, int, int], hashes: tuple[bytes, bytes, bytes], sealed_at: datetime
) -> bytes:
    """Write what is signed of a head: number, first leaf, size; block, log, head before; time."""
    told = [*numbers, *(one.hex() for one in hashes), time_text(sealed_at)]
    return _compact(["tonglu.head.v1", *told])


def transfer_digest(row: Mapping[str, Any]) -> str:
    """Digest a whole transfer, so that a line binds it without telling it."""
    told = [_plain(row[name]) for name in _TRANSFER_FIELDS]
    return hashlib.sha256(_compact(["tonglu.transfer.v1", *told])).hexdigest()


def line_fields(row: Mapping[str, Any], digest: str) -> dict[str, Any]:
    """Give what a statement tells of an entry."""
    told = {**row, "transfer_digest": digest}
    return {name: _plain(told[name]) for name in _LINE_FIELDS}


def leaf_data(account_id: UUID, owner_id: UUID, currency: str, fields: Mapping[str, Any]) -> bytes:
    """Write an entry as it is hashed."""
    told = [fields[name] for name in _LINE_FIELDS]
    return _compact(["tonglu.entry.v1", str(account_id), str(owner_id), currency, *told])


def time_text(at: datetime) -> str:
    """Write a time in UTC with all its digits."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _plain(value: Any) -> Any:
    """Write ids and times as text."""
    match value:
        case UUID():
            return str(value)
        case datetime():
            return time_text(value)
        case _:
            return value


def _compact(value: Mapping[str, Any] | Sequence[Any]) -> bytes:
    """Write JSON in one way only."""
    return json.dumps(value, separators=(",", ":")).encode()
