"""Bring ops that an older app made up to the present schema.

An op is of the schema under which it was made, however late it comes. A device tells that schema
with each push, and a server raises the ops step by step before it settles them; their digests are
those of the ops as they came. Steps are kept for two years. What is newer than the server's schema
is not lowered: its fields are ``field_unknown``, and stay on the device with their op.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from sync_protocol.messages import Create, Edit, ReceivedOp
from sync_protocol.version import SCHEMA_VERSION


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a field of a kind of record with a schema version."""

    kind: str
    field: str
    renamed_to: str | None = None
    convert: Callable[[Any], Any] | None = None
    """Makes the new value from the old one; it must not fail on any value."""


STEPS: Final[Mapping[int, Sequence[Step]]] = {}
"""By the schema version that brought them. Schemas 2 to 4 only added kinds and bounds."""


def upcast(
    ops: Sequence[ReceivedOp],
    schema: int,
    *,
    steps: Mapping[int, Sequence[Step]] = STEPS,
    present: int = SCHEMA_VERSION,
) -> list[ReceivedOp]:
    """Answer ops that were made under an older schema as they would be made under this one."""
    raised = list(ops)
    for version in range(max(schema, 0) + 1, present + 1):
        for step in steps.get(version, ()):
            raised = [_step(op, step) for op in raised]
    return raised


def _step(op: ReceivedOp, step: Step) -> ReceivedOp:
    """Answer an op with one field as it is now."""
    if not isinstance(op, Create | Edit) or op.kind != step.kind:
        return op
    if isinstance(op, Create):
        return msgspec.structs.replace(op, fields=_values(op.fields, step))
    return msgspec.structs.replace(
        op,
        fields=_values(op.fields, step),
        sets=_named(op.sets, step),
        was=_values(op.was, step),
    )


def _named(values: Mapping[str, Any], step: Step) -> dict[str, Any]:
    name = step.renamed_to or step.field
    return {name if each == step.field else each: value for each, value in values.items()}


def _values(values: Mapping[str, Any], step: Step) -> dict[str, Any]:
    if step.field not in values:
        return dict(values)
    convert = step.convert or (lambda value: value)
    changed = {
        each: convert(value) if each == step.field else value for each, value in values.items()
    }
    return _named(changed, step)
