"""Ops that name their record by its handle: which handles, and the same ops with ids.

A handle is a small whole number that the server gives each record; it means something within one
tenant and one epoch. A server turns handles into ids once, before it looks at anything else of a
push: digests, order and merge know ids alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeGuard

import msgspec

from sync_protocol.messages import Delete, Edit, ReceivedOp


def handles_of(ops: Iterable[ReceivedOp]) -> dict[str, list[int]]:
    """Answer the handles that stand in place of ids, by kind."""
    named: dict[str, set[int]] = {}
    for op in ops:
        if _is_by_handle(op):
            named.setdefault(op.kind, set()).add(op.handle)
    return {kind: sorted(handles) for kind, handles in named.items()}


def with_ids(ops: Sequence[ReceivedOp], ids: Mapping[tuple[str, int], str]) -> list[ReceivedOp]:
    """Answer the ops with the ids that ``ids`` has by kind and handle.

    An op whose handle leads nowhere stays without an id, which settles it as ``not_found``.
    """
    return [
        msgspec.structs.replace(op, id=ids[op.kind, op.handle], handle=0)
        if _is_by_handle(op) and (op.kind, op.handle) in ids
        else op
        for op in ops
    ]


def _is_by_handle(op: ReceivedOp) -> TypeGuard[Edit | Delete]:
    return isinstance(op, Edit | Delete) and op.id == "" and op.handle > 0
