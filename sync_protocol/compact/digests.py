"""Digests of ranges, and what a device and a server say to each other about them."""

from typing import Any

import msgspec

from sync_protocol.columns import Cells
from sync_protocol.compact.names import kind_key, kind_of
from sync_protocol.compact.pages import pack_page, pack_request, read_page, read_request
from sync_protocol.compact.places import FORMAT, Reader, cut, opened, refusal_of
from sync_protocol.compact.records import pack_batch, read_batch
from sync_protocol.compact.texts import pack_hashes, read_hashes
from sync_protocol.messages import BranchDigests, DigestRequest, DigestResponse


def lay_out_request(request: DigestRequest) -> list[Any]:
    """Answer what a device asks as an array."""
    return cut(
        [
            FORMAT,
            pack_request(request.pull),
            [cut([kind_key(each.kind), each.suffix], "") for each in request.branches],
            [
                cut([kind_key(each.kind), each.suffix, pack_hashes(each.hashes)], b"")
                for each in request.leaves
            ],
        ],
        [],
        [],
    )


def take_in_request(values: object, _: Cells) -> DigestRequest:
    """Read what a device asks."""
    reader = opened(values)
    pull = read_request(reader.take(1, "pull", list), "pull")
    branches = [
        {"kind": kind, "suffix": suffix}
        for kind, suffix, _ in _ranges(reader.take(2, "branches", list, []), "branches")
    ]
    leaves = [
        {"kind": kind, "suffix": suffix, "hashes": hashes}
        for kind, suffix, hashes in _ranges(reader.take(3, "leaves", list, []), "leaves")
    ]
    about = {"pull": pull, "branches": branches, "leaves": leaves}
    try:
        return msgspec.convert(about, DigestRequest)
    except msgspec.ValidationError as error:
        raise refusal_of(error) from error


def _ranges(packed: list[Any], field: str) -> list[tuple[str, str, list[str]]]:
    ranges = []
    for place, each in enumerate(packed):
        reader = Reader(each, f"{field}[{place}]")
        ranges.append(
            (
                kind_of(reader.take(0, "kind", object), reader.name("kind")),
                reader.take(1, "suffix", str, ""),
                read_hashes(reader.take(2, "hashes", object, b""), reader.name("hashes")),
            )
        )
    return ranges


def lay_out(answer: DigestResponse) -> list[Any]:
    """Answer what the server says as an array."""
    return cut(
        [
            FORMAT,
            pack_page(answer.pull),
            [
                [kind_key(each.kind), each.suffix, pack_hashes(each.digests)]
                for each in answer.branches
            ],
            [pack_batch(batch) for batch in answer.batches],
            pack_hashes(answer.strange),
        ],
        [],
        [],
        b"",
    )


def take_in(values: object, cells: Cells) -> DigestResponse:
    """Read what the server says."""
    reader = opened(values)
    return DigestResponse(
        pull=read_page(reader.take(1, "pull", list), "pull", cells),
        branches=[
            BranchDigests(kind=kind, suffix=suffix, digests=hashes)
            for kind, suffix, hashes in _ranges(reader.take(2, "branches", list, []), "branches")
        ],
        batches=[
            read_batch(batch, f"batches[{place}]", cells)
            for place, batch in enumerate(reader.take(3, "batches", list, []))
        ],
        strange=read_hashes(reader.take(4, "strange", object, b""), "strange"),
    )
