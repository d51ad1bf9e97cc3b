"""Decide what a room's rules say of an op, inside the merge. Pure."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from server.access import ROLE_PERMISSIONS, Actor, Permission, hidden
from server.changelog import custom, references
from server.changelog.custom import Guesses, Holders
from server.changelog.kinds import RecordKind
from server.changelog.references import References
from server.kit.errors import Conflict, Forbidden, Invalid, NotFound, Refusal
from sync_protocol.conflicts import Version
from sync_protocol.merge import HeldRecord, Key, Rules
from sync_protocol.messages import NEW_SEQ, Code, Create, Delete, Edit, Outcome, RecordOp
from sync_protocol.schema import SCHEMA, ValueRefused

_ASSIGNMENT: Final = ("owner_id", "team_id")
_BESIDE: Final = {"store_id": "store", "contact_id": "contact"}
"""Fields that name something of the customer whose record it is, and its kind."""


class RoomRules(Rules):
    """The rooms' rules as the merge asks for them.

    Remembers each refusal, so that a page can raise it again.
    """

    def __init__(
        self,
        actor: Actor,
        kinds: Mapping[str, RecordKind],
        named: References,
        held: Mapping[Key, HeldRecord],
        holders: Holders,
        answers: Mapping[int, Any],
        guesses: Guesses | None = None,
    ) -> None:
        self.actor = actor
        self.kinds = kinds
        self.named = named
        self.held = held
        self.holders = holders
        self.answers = answers
        self.guesses = guesses
        self.refusals: dict[int, Refusal] = {}
        self._number = 0
        self._customers = {
            key: record.fields["customer_id"]
            for key, record in held.items()
            if key[0] in _BESIDE.values()
        }
        """Whose the stores and contacts are that are at hand."""

    def admit(self, op: RecordOp, held: HeldRecord | None) -> RecordOp:
        """Look at an op before it is settled: may this person do it; values into stored form."""
        self._number = op.number
        if op.kind not in self.kinds:
            raise ValueRefused(
                Code.KIND_UNKNOWN, f"There is no kind of record {op.kind!r} here.", "kind"
            )
        self._ensure_allowed(op)
        if held is not None and held.visible and not isinstance(op, Create):
            self._ensure_writes(held)
            op = self._with_nothing_hidden_lost(op, held)
        if isinstance(op, Delete):
            return op
        try:
            normal = self.kinds[op.kind].normalise(op.fields)
        except Refusal as refusal:
            raise self._refused(refusal) from refusal
        for name, wanted in references.named_by(op):
            if wanted in self.named.missing:
                detail = f"The company has nobody and nothing with this id ({name})."
                raise ValueRefused(Code.REFERENCE_MISSING, detail, name)
        return msgspec.structs.replace(op, fields=normal)

    def _ensure_allowed(self, op: RecordOp) -> None:
        """Refuse what the role does not include.

        Nobody hands customers, tags or the like over without the right to assign.
        """
        allowed = ROLE_PERMISSIONS[self.actor.role]
        if Permission.CUSTOMERS_WRITE not in allowed:
            raise ValueRefused(Code.NOT_ALLOWED, "Your role may not change customers.")
        if Permission.CUSTOMERS_ASSIGN in allowed or isinstance(op, Delete):
            return
        own = {"owner_id": str(self.actor.user_id), "team_id": str(self.actor.team_id)}
        for name in _ASSIGNMENT:
            if name in op.fields and not (isinstance(op, Create) and op.fields[name] == own[name]):
                detail = "Your role may not give this to somebody else."
                raise ValueRefused(Code.NOT_ALLOWED, detail, name)

    def _ensure_writes(self, held: HeldRecord) -> None:
        """Refuse who may not write a record at all, also where nothing of it would be kept.

        An edit that loses would otherwise open a conflict all the same.
        """
        kind = self.kinds[held.kind]
        try:
            kind.allow(self.actor, held.fields, held.fields)
            self._ensure_permitted(kind, held)
        except Refusal as refusal:
            raise self._refused(refusal) from refusal

    def _with_nothing_hidden_lost(self, op: RecordOp, held: HeldRecord) -> RecordOp:
        """Refuse a text over one whose numbers its writer was not shown.

        One that comes back as it was shown, as a form sends it, leaves what stands there.
        """
        if not self.actor.masks_phones or not isinstance(op, Edit):
            return op
        fields = dict(op.fields)
        try:
            for name, given in op.fields.items():
                stands = held.fields.get(name)
                if isinstance(given, str) and isinstance(stands, str):
                    fields[name] = hidden.restored(given, [stands], name)
        except Refusal as refusal:
            raise self._refused(refusal) from refusal
        return msgspec.structs.replace(op, fields=fields)

    def approve(self, before: HeldRecord | None, after: HeldRecord) -> HeldRecord:
        """Look at a record as it would stand; fill in what a new one lacks."""
        kind = self.kinds[after.kind]
        if before is None:
            filled = kind.complete(self.actor, after.fields, after.created.at_ms)
            after = msgspec.structs.replace(after, fields={**after.fields, **filled})
            after = self._taken(kind, after)
        self._ensure_of_one_customer(after)
        was = before.fields if before else None
        try:
            kind.allow(self.actor, was, after.fields)
            self._ensure_permitted(kind, after)
            kind.check(was, after.fields)
            custom.ensure_unique(self.holders, before, after, self.guesses)
            follows = kind.follow(self.actor, was, after.fields) if was else {}
            if (answer := self.answers.get(self._number)) is not None:
                follows |= kind.heed(answer, was, after.fields)
        except Refusal as refusal:
            raise self._refused(refusal) from refusal
        if before is None:
            return msgspec.structs.replace(after, fields={**after.fields, **follows})
        return _with(after, follows) if follows else after

    def _ensure_of_one_customer(self, record: HeldRecord) -> None:
        """Refuse to name a store or a person of a customer whose the record is not."""
        for name, kind in _BESIDE.items():
            key = (kind, str(record.fields.get(name)))
            if self._customers.get(key) not in (None, record.fields.get("customer_id")):
                detail = f"This {kind} belongs to another customer."
                raise ValueRefused(Code.REFERENCE_MISSING, detail, name)
        if record.kind in _BESIDE.values():
            self._customers[record.kind, record.id] = record.fields["customer_id"]

    def _ensure_permitted(self, kind: RecordKind, record: HeldRecord) -> None:
        """Ask the record that rules this one, where there is one at hand."""
        if kind.ruled_by is None:
            return
        found = self.held.get(ruling(kind, record))
        if found is not None:
            kind.permit(self.actor, found.fields)

    def mark(self) -> Holders:
        """Give whose the values are that must be unique."""
        return dict(self.holders)

    def go_back(self, mark: object) -> None:
        """Take back what ops of a refused group were given."""
        assert isinstance(mark, dict), "it is what `mark` gave"
        self.holders = mark

    def _taken(self, kind: RecordKind, record: HeldRecord) -> HeldRecord:
        """Fill in what a new record takes from those that it names."""

        def find(name: str, record_id: object) -> Mapping[str, Any] | None:
            found = self.held.get((name, str(record_id)))
            return found.fields if found and found.visible and not found.deleted else None

        try:
            taken = kind.take(record.fields, find)
        except Refusal as refusal:
            raise self._refused(refusal) from refusal
        if not taken:
            return record
        return msgspec.structs.replace(record, fields={**record.fields, **taken})

    def _refused(self, refusal: Refusal) -> ValueRefused:
        """Keep a room's refusal, and say it in the protocol's way."""
        self.refusals[self._number] = refusal
        return ValueRefused(refusal.code, refusal.detail, refusal.field)


def ruling(kind: RecordKind, record: HeldRecord) -> Key:
    """Name the record that rules another of this kind."""
    assert kind.ruled_by is not None, "only of such kinds is it asked"
    ruler = SCHEMA.field(kind.name, kind.ruled_by).references
    return str(ruler), str(record.fields[kind.ruled_by])


def _with(record: HeldRecord, follows: Mapping[str, Any]) -> HeldRecord:
    """Give a record with what follows from an edit: the server's own word, as old as the edit."""
    at_ms = max((each.at_ms for each in record.versions.values()), default=record.created.at_ms)
    version = Version(NEW_SEQ, None, 0, at_ms)
    return msgspec.structs.replace(
        record,
        fields={**record.fields, **follows},
        versions={**record.versions, **dict.fromkeys(follows, version)},
    )


_KINDS_OF_REFUSAL: Final[dict[str, type[Refusal]]] = {
    Code.NOT_FOUND: NotFound,
    Code.PARENT_MISSING: NotFound,
    Code.DEPENDENCY_REJECTED: NotFound,
    Code.NOT_ALLOWED: Forbidden,
    Code.ID_REUSED: Conflict,
    Code.STRICT_CONFLICT: Conflict,
    Code.RECORD_DELETED: Conflict,
    Code.GROUP_REJECTED: Conflict,
}


def as_refusal(outcome: Outcome) -> Refusal:
    """Turn the outcome of a refused op into the refusal that an API or a page raises."""
    family = _KINDS_OF_REFUSAL.get(outcome.code, Invalid)
    if family is NotFound:
        return NotFound()
    refusal = family(outcome.detail, field=outcome.field)
    refusal.code = outcome.code  # type: ignore[misc] # the protocol's code is more precise than the family's
    return refusal
