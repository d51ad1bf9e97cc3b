"""The records of one company in memory: who made them, who sees them, and how they are settled."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from sync_protocol.attachments import State
from sync_protocol.conflicts import Version
from sync_protocol.merge import EditClock, HeldRecord, Key, Rules, settle_batch, stamp
from sync_protocol.messages import NEW_SEQ, Code, Create, Intent, Outcome, RecordOp, Status
from sync_protocol.schema import SCHEMA, ValueRefused

SPACE: Final = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
IntentHandler = Callable[["Company", str, Intent], Outcome]


class FakeDevice(msgspec.Struct):
    """A device as the server knows it."""

    id: str
    user_id: str
    acknowledged: int = 0
    latest_edit_ms: int = 0
    outcomes: dict[int, tuple[bytes, Outcome]] = {}
    access: int = 0
    refresh: int = 0
    is_revoked: bool = False
    pending: int = 0
    """The ops that the device said it had left."""
    app_version: str = ""


class Company:
    """One tenant. All users see all customers unless it is scoped."""

    def __init__(self, *, clock_ms: Callable[[], int] | None = None, scoped: bool = False) -> None:
        self.records: dict[Key, HeldRecord] = {}
        self.devices: dict[str, FakeDevice] = {}
        self.seq = 0
        self.epoch = 1
        self.handles = 0
        """The last handle that was given."""
        self.intents: dict[str, IntentHandler] = {"benefits.request": _grant}
        self.granted: list[tuple[str, Intent]] = []
        """Intents that were accepted, with who asked."""
        self.requests = 0
        self._scoped = scoped
        self._clock_ms = clock_ms or (lambda: 1_800_000_000_000 + self.requests)
        self._entered: dict[str, int] = {}
        self._exits: list[tuple[int, str, str | None]] = []

    def user_id(self, name: str) -> str:
        """Answer the id of a person."""
        return str(uuid5(SPACE, name))

    def record(self, kind: str, record_id: str) -> HeldRecord | None:
        """Answer what is held."""
        return self.records.get((kind, record_id))

    def _settle(
        self,
        ops: list[Any],
        device: FakeDevice | None,
        user_id: str,
        now_ms: int,
        *,
        offset_ms: int = 0,
        base_limit: int | None = None,
        lost: tuple[int, int] | None = None,
    ) -> list[Outcome]:
        floor_ms = device.latest_edit_ms if device is not None else now_ms
        held = {
            key: msgspec.structs.replace(record, visible=self._sees(user_id, record))
            for key, record in self.records.items()
        }
        result = settle_batch(
            held,
            ops,
            device=None if device is None else device.id,
            clock=EditClock(received_at_ms=now_ms, offset_ms=offset_ms, floor_ms=floor_ms),
            rules=_OwnerRules(user_id),
            base_limit=base_limit,
            lost=lost,
        )
        if result.records or result.conflicts:
            self.seq += 1
        if device is not None:
            device.latest_edit_ms = max(
                [floor_ms, *(each.at_ms for each in _written(result.records))]
            )
        result = stamp(result, self.seq)
        for key, record in result.records.items():
            self._note_move(self.records.get(key), record)
            handle = record.handle or self._next_handle()
            self.records[key] = msgspec.structs.replace(record, visible=True, handle=handle)
        for conflict in result.conflicts:
            fields = {
                "customer_id": conflict.customer_id,
                "kind": conflict.kind,
                "record_id": conflict.record_id,
                "field": conflict.field,
                "kept": conflict.kept,
                "other": conflict.other,
                "kept_by": self._user_of(conflict.kept_by),
                "other_by": self._user_of(conflict.other_by),
                "happened_at": conflict.happened_at_ms,
                "state": "open",
            }
            self.records["conflict", conflict.id] = HeldRecord(
                kind="conflict",
                id=conflict.id,
                seq=self.seq,
                created=Version(self.seq),
                fields=fields,
                handle=self._next_handle(),
            )
        outcomes = {each.number: each for each in result.outcomes}
        for intent in result.intents:
            outcomes[intent.number] = self._decide(user_id, intent)
        return [outcomes[op.number] for op in ops]

    def _next_handle(self) -> int:
        self.handles += 1
        return self.handles

    def _decide(self, user_id: str, intent: Intent) -> Outcome:
        handler = self.intents.get(intent.name)
        if handler is None:
            detail = f"There is no intent {intent.name}."
            return Outcome(
                number=intent.number,
                status=Status.REJECTED,
                code=Code.INTENT_UNKNOWN,
                detail=detail,
            )
        return handler(self, user_id, intent)

    def _user_of(self, version: Version) -> str | None:
        device = self.devices.get(version.device or "")
        return None if device is None else device.user_id

    def _sees(self, user_id: str, record: HeldRecord) -> bool:
        """Answer whether a person sees a record: what is theirs, where the server is scoped."""
        if not self._scoped:
            return True
        customer = self._customer_of(record)
        return customer is None or customer.fields["owner_id"] == user_id

    def _customer_of(self, record: HeldRecord) -> HeldRecord | None:
        if record.kind == "customer":
            return record
        parent = SCHEMA.record(record.kind).parent
        if parent is None or record.fields[parent] is None:
            return None
        return self.records.get(("customer", record.fields[parent]))

    def _note_move(self, before: HeldRecord | None, after: HeldRecord) -> None:
        """Remember who no longer sees a customer, and since when somebody else does."""
        if before is None or after.kind != "customer":
            return
        if before.fields["owner_id"] != after.fields["owner_id"]:
            self._exits.append((after.seq, after.id, before.fields["owner_id"]))
            self._entered[after.id] = after.seq


_AUTHOR: Final = {"note": "author_id", "visit": "visitor_id", "call": "caller_id"}
"""The field of a kind that names who wrote a record."""


class _OwnerRules(Rules):
    """A customer belongs to who made it, a note to who wrote it; a file's bytes follow."""

    def __init__(self, user_id: str) -> None:
        self._user_id = user_id

    def admit(self, op: RecordOp, held: HeldRecord | None) -> RecordOp:
        if held is not None or not isinstance(op, Create):
            return op
        written = self._written_by_server(op)
        return msgspec.structs.replace(op, fields={**op.fields, **written}) if written else op

    def _written_by_server(self, op: Create) -> dict[str, Any]:
        """Answer what the server fills in of a new record."""
        me = self._user_id
        match op.kind:
            case "customer":
                return {"owner_id": op.fields.get("owner_id", me)}
            case "attachment":
                return {"state": str(State.EXPECTED)}
            case "note" | "visit" | "call":
                return {_AUTHOR[op.kind]: me}
            case "task":
                said = {"priority": "normal", "is_must_do": 0, **op.fields}
                return {**said, "assignee_id": me, "giver_id": me}
            case _:
                return {}


def _grant(server: Company, user_id: str, intent: Intent) -> Outcome:
    """Accept what is asked for, once."""
    if all(each.id != intent.id for _, each in server.granted):
        server.granted.append((user_id, intent))
    return Outcome(number=intent.number, status=Status.APPLIED, code=Code.APPLIED)


def refuse(code: str, detail: str) -> IntentHandler:
    """Make an intent handler that always says no."""

    def handler(_server: Company, _user_id: str, intent: Intent) -> Outcome:
        refusal = ValueRefused(code, detail)
        return Outcome(
            number=intent.number,
            status=Status.REJECTED,
            code=refusal.code,
            detail=refusal.detail,
        )

    return handler


def _written(records: Mapping[Key, HeldRecord]) -> Iterator[Version]:
    """Answer the versions that this batch wrote."""
    for record in records.values():
        for version in (record.created, *record.versions.values()):
            if version.seq == NEW_SEQ:
                yield version
