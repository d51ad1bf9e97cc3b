"""The golden messages and merge cases, which clients in other languages are held to as well."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sync_protocol import codec, digest, messages
from sync_protocol.conflicts import Version
from sync_protocol.merge import (
    EditClock,
    HeldRecord,
    decode_versions,
    encode_versions,
    settle_batch,
    stamp,
)
from sync_protocol.messages import Op
from sync_protocol.schema import SCHEMA

VECTORS = Path(messages.__file__).with_name("vectors")


def vectors(name: str) -> Any:
    """Read a file of vectors."""
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def named(cases: list[dict[str, Any]]) -> Any:
    """Give each case its name in the report."""
    return [pytest.param(case, id=case["name"]) for case in cases]


@pytest.mark.parametrize("case", named(vectors("messages")))
def test_a_golden_message_is_read_and_written_in_both_encodings(case: dict[str, Any]) -> None:
    kind = getattr(messages, case["message"])
    packed = bytes.fromhex(case["msgpack"])

    from_json = codec.decode(json.dumps(case["json"]).encode(), kind, codec.JSON)
    from_packed = codec.decode(packed, kind, codec.MSGPACK)

    assert from_json == from_packed
    assert json.loads(codec.encode(from_packed, codec.JSON)) == case["json"]
    assert codec.encode(from_json, codec.MSGPACK) == packed


@pytest.mark.parametrize("case", named(vectors("merge")))
def test_a_golden_case_is_settled_as_it_was(case: dict[str, Any]) -> None:
    held = {record.key: record for record in map(held_record, case["held"])}
    clock = EditClock(
        received_at_ms=case["received_at_ms"],
        offset_ms=case["offset_ms"],
        floor_ms=case["floor_ms"],
    )
    ops = msgspec.convert(case["ops"], list[Op])

    result = stamp(settle_batch(held, ops, device=case["device"], clock=clock), case["seq"])

    assert as_json(result.outcomes) == case["outcomes"]
    assert as_json(result.conflicts) == case["conflicts"]
    assert [described(record) for record in result.records.values()] == case["records"]


def test_golden_rows_have_their_digest() -> None:
    golden = vectors("digest")

    hashes = [
        digest.row_hash(row["kind"], row["id"], row["seq"], row["fields"]) for row in golden["rows"]
    ]

    assert [f"{each:032x}" for each in hashes] == [row["hash"] for row in golden["rows"]]
    assert digest.digest_of(hashes).hex() == golden["digest"]


def as_json(value: Any) -> Any:
    """Answer what a value is as JSON."""
    return json.loads(msgspec.json.encode(value))


def held_record(described: dict[str, Any]) -> HeldRecord:
    """Make a record from its description in the vectors."""
    versions, dots = decode_versions(described["versions"])
    nothing: dict[str, Any] = dict.fromkeys(SCHEMA.fields(described["kind"]))
    if "tags" in nothing:
        nothing["tags"] = []
    return HeldRecord(
        kind=described["kind"],
        id=described["id"],
        seq=described["seq"],
        created=msgspec.convert(described["created"], Version),
        fields={**nothing, **described["fields"]},
        versions=versions,
        dots=dots,
        deleted=described["deleted"],
    )


def described(record: HeldRecord) -> dict[str, Any]:
    """Describe a record as the vectors do: without what is empty."""
    return {
        "kind": record.kind,
        "id": record.id,
        "seq": record.seq,
        "deleted": record.deleted,
        "created": as_json(record.created),
        "fields": {name: v for name, v in record.fields.items() if v not in (None, [])},
        "versions": as_json(encode_versions(record.versions, record.dots)),
    }
