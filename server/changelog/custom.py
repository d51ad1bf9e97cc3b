"""Custom fields whose values no two records share: who has a value, and how it is found."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec

from server.access.hidden import ensure_within_quota
from server.changelog.kinds import RecordKind
from server.kit.errors import Conflict, Refusal
from server.kit.text import clean
from sync_protocol.custom_fields import defined
from sync_protocol.merge import HeldRecord, Key
from sync_protocol.messages import Create, Edit, ReceivedOp, SetChange
from sync_protocol.schema import CUSTOM_FIELD, CustomType, ValueRefused
from sync_protocol.schema.custom import definition_of, is_custom, type_of

UNIQUE_TYPES: Final = frozenset({CustomType.TEXT, CustomType.INTEGER, CustomType.PHONE})
"""Types whose values may be asked to be unlike all others."""


class CustomValueTaken(Conflict):
    """Another record has this value of a custom field, of which each may have its own only."""

    code = "custom_value_taken"


class Value(msgspec.Struct, frozen=True):
    """A value of a custom field, as it is compared."""

    name: str
    value: str | int

    @classmethod
    def of(cls, name: str, value: str | int) -> "Value":
        """Give a value in stored form as it is compared."""
        return cls(name, clean(value) if isinstance(value, str) else value)


Holders = dict[Value, str | None]
"""The values that must be unique among those that ops write, and the record that has each."""


def is_phone(value: Value) -> bool:
    """Say whether a value is a number that may be hidden."""
    return type_of(value.name) is CustomType.PHONE


class Guesses:
    """What one person may still be told today, and whose numbers were told of."""

    def __init__(self, seen: Collection[str], quota: int | None, whose: Mapping[str, str]) -> None:
        self._seen = set(seen)
        self._quota = quota
        self._whose = whose
        """The customer of each record that has a value, unless it is the person's own."""
        self.told: list[str] = []
        """The customers that were told of first now."""

    def ensure_may_tell(self, value: Value, holder: str | None) -> None:
        """Refuse to tell whether somebody has a value, or note of whom it is told.

        :param holder: the other record that has it; None where nobody has.
        :raises RevealQuotaReached: as many were told of today as may be.
        """
        if not is_phone(value):
            return
        customer = self._whose.get(holder) if holder is not None else None
        if customer in self._seen:
            return
        ensure_within_quota(self._quota, len(self._seen))
        if customer is not None:
            self._seen.add(customer)
            self.told.append(customer)


def token(name: str, value: object) -> str:
    """Give the key by which records with a value are found: short, however long the value is."""
    told = f"{name}={_compared(value)}".encode()
    return f"f{blake2b(told, digest_size=12).hexdigest()}"


def _compared(value: object) -> object:
    """Give what of a value is compared: of a text no matter which signs it was written with."""
    return clean(value) if isinstance(value, str) else value


def chosen_in(fields: Iterable[str]) -> list[str]:
    """Name the custom fields that are sets."""
    return [name for name in fields if is_custom(name) and type_of(name) is CustomType.CHOICES]


def changes(fields: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, SetChange]:
    """Say of each custom set, of which a form gives all elements, what it adds and takes away."""
    found = {}
    for name in chosen_in(fields):
        wanted, there = set(fields[name] or ()), set(held.get(name) or ())
        add, remove = tuple(sorted(wanted - there)), tuple(sorted(there - wanted))
        found[name] = SetChange(add=add, remove=remove)
    return found


def definitions_of(fields: Iterable[str]) -> list[Key]:
    """Name the records that define custom fields."""
    return [(CUSTOM_FIELD.kind, each) for name in fields if (each := definition_of(name))]


def unique_values(
    ops: Sequence[ReceivedOp], kinds: Mapping[str, RecordKind], held: Mapping[Key, HeldRecord]
) -> set[Value]:
    """Give the values that ops write and that no other record may have."""
    return {
        Value.of(name, value)
        for op in ops
        if isinstance(op, Create | Edit) and op.kind in kinds
        for name, value in _normal(op, kinds[op.kind])
        if isinstance(value, str | int) and _is_unique(name, held)
    }


def unique_of(fields: Mapping[str, Any], held: Mapping[Key, HeldRecord]) -> set[Value]:
    """Give the values of a record that no other may have, by the definitions that are held."""
    return {
        Value.of(name, value)
        for name, value in fields.items()
        if isinstance(value, str | int) and _is_unique(name, held)
    }


def _normal(op: Create | Edit, kind: RecordKind) -> Iterable[tuple[str, object]]:
    """Give the custom fields of an op in stored form; what has none is refused later."""
    given = {name: value for name, value in op.fields.items() if definition_of(name)}
    if not given:
        return ()
    try:
        return kind.normalise(given).items()
    except (Refusal, ValueRefused):
        return ()


def _is_unique(name: str, held: Mapping[Key, HeldRecord]) -> bool:
    """Say whether a custom field's values are unlike each other, by its definition."""
    found = held.get((CUSTOM_FIELD.kind, definition_of(name) or ""))
    return found is not None and defined(found.id, found.fields).is_unique


def ensure_unique(
    holders: Holders,
    before: HeldRecord | None,
    after: HeldRecord,
    guesses: Guesses | None = None,
) -> None:
    """Refuse a value that another record has; note whose those are that are written now.

    A record that comes back has its values anew. The definition is locked for as long as the unit
    of work lasts, so two at once come one after the other.

    :param guesses: what the author may be told of numbers, if they are hidden from the author.
    :raises CustomValueTaken: and names the field.
    :raises RevealQuotaReached: nobody's numbers are told of any more today.
    """
    had = {each for each in holders if before is not None and has(before, each)}
    given = {each for each in holders if has(after, each)}
    for each in sorted(given - had, key=lambda value: value.name):
        other = holders[each] if holders[each] != after.id else None
        if guesses is not None:
            guesses.ensure_may_tell(each, other)
        if other is not None:
            detail = "Another record has this value; write another one, or open that record."
            raise CustomValueTaken(detail, field=each.name)
    holders.update(dict.fromkeys(given - had, after.id))
    holders.update({each: None for each in had - given if holders[each] == after.id})


def has(record: HeldRecord, value: Value) -> bool:
    """Say whether a record that is there has a value, whichever signs it is written with."""
    return not record.deleted and _compared(record.fields.get(value.name)) == value.value
