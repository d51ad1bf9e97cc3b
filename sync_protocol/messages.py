"""What devices and servers say to each other: ops and their outcomes, push and pull.

Every message is a struct that has the same shape in JSON and in MessagePack. A device numbers its
ops 1, 2, 3 ... without a gap; a number is settled once, whatever the network does.
"""

from collections.abc import Sequence
from enum import StrEnum
from hashlib import blake2b
from itertools import pairwise
from typing import Annotated, Any, Final, TypeVar

import msgspec

from sync_protocol.schema import MAX_SAFE_INT

MAX_OPS: Final = 500
"""How many ops a push may carry."""
MAX_GROUP: Final = 50
"""How many ops an atomic group may have."""
MAX_INTENTS: Final = 50
"""How many intents a push may carry: the server decides each under a savepoint of its own."""
TARGET_FRAME_BYTES: Final = 64 * 1024
"""A device starts another frame above this."""
MAX_REQUEST_BYTES: Final = 1024 * 1024
"""A server refuses a body above this, compressed or not."""
MAX_PULL_ROWS: Final = 5_000
"""The most rows that a device may ask for in one page."""
MAX_RANGES: Final = 256
"""How many branches, and how many leaves, a digest request may ask about."""
MAX_LEAF_ROWS: Final = 256
"""How many hashes a leaf may have."""
NEW_SEQ: Final = -1
"""Stands for the sequence number that the commit at hand will get; never travels."""

Number = Annotated[int, msgspec.Meta(ge=1, le=MAX_SAFE_INT)]
Seq = Annotated[int, msgspec.Meta(ge=0, le=MAX_SAFE_INT)]
Millis = Annotated[int, msgspec.Meta(ge=-MAX_SAFE_INT, le=MAX_SAFE_INT)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Id = Annotated[str, msgspec.Meta(min_length=36, max_length=36)]
MaybeId = Annotated[str, msgspec.Meta(max_length=36)]
"""An id, or nothing where the record is named by its handle."""
Handle = Annotated[int, msgspec.Meta(ge=0, le=MAX_SAFE_INT)]
"""The small number that the server gave a record, in place of its id; 0 is none."""
Group = tuple[Number, Number]
"""The first and last op number of an atomic group; all of them are in the same push."""


def tellable(text: str) -> str:
    """Answer what a device sent so that it may be told again, and kept."""
    return text.replace("\0", "\\0")


class DecodeError(Exception):
    """Bytes that are not the message they should be."""

    code = "message_invalid"

    def __init__(self, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        # What a device sent may be told again, and kept: no database takes a zero.
        self.detail = tellable(detail)
        self.field = field and tellable(field)


class MessageTooLarge(DecodeError):
    """More bytes than a message may have."""

    code = "message_too_large"


class FormatUnknown(DecodeError):
    """A message in a form that this side does not speak: one of the two must be updated."""

    code = "client_too_old"


class SetChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an edit does to a set field.

    A removal takes away every addition that the device could have seen when it was made (those up
    to the op's base, and the device's own); additions that it could not have seen stay.
    """

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class Create(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    gc=False,
    tag_field="op",
    tag="create",
):
    """A new record with an id that the device made."""

    number: Number
    kind: Name
    id: Id
    fields: dict[str, Any] = {}
    at_ms: Millis
    base: Seq
    group: Group | None = None


class Edit(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    gc=False,
    tag_field="op",
    tag="edit",
):
    """New values for the fields that were touched, and for no other."""

    number: Number
    kind: Name
    id: MaybeId = ""
    fields: dict[str, Any] = {}
    sets: dict[str, SetChange] = {}
    was: dict[str, str | None] = {}
    """What texts of the policy ``text_merge`` said before the edit, by field."""
    at_ms: Millis
    base: Seq
    group: Group | None = None
    handle: Handle = 0
    """Names the record where there is no ``id``; handles are of the push's ``epoch``."""

    def __post_init__(self) -> None:
        """Refuse an op that names its record twice.

        :raises ValueError: which a decoder turns into a refusal.
        """
        if self.handle and self.id:
            raise ValueError("An op names its record by its id or by its handle.")


class Delete(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    gc=False,
    tag_field="op",
    tag="delete",
):
    """The end of a record."""

    number: Number
    kind: Name
    id: MaybeId = ""
    at_ms: Millis
    base: Seq
    group: Group | None = None
    handle: Handle = 0
    """Names the record where there is no ``id``."""

    def __post_init__(self) -> None:
        """Refuse an op that names its record twice.

        :raises ValueError: which a decoder turns into a refusal.
        """
        if self.handle and self.id:
            raise ValueError("An op names its record by its id or by its handle.")


class Intent(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="op", tag="intent"
):
    """A named request that the server decides under its own rules, such as a benefit.

    ``id`` is the id of what the intent makes, so that asking twice makes one.
    """

    number: Number
    id: Id
    name: Name
    args: dict[str, Any] = {}
    at_ms: Millis


class Unreadable(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="op", tag="unreadable"
):
    """An op whose number could be read and whose rest could not; only a decoder makes one."""

    number: Number
    field: str
    detail: str
    group: Group | None = None


RecordOp = Create | Edit | Delete
Op = Create | Edit | Delete | Intent
ReceivedOp = Create | Edit | Delete | Intent | Unreadable
OpT = TypeVar("OpT", bound=ReceivedOp)


class Status(StrEnum):
    """What became of an op. Every status is final."""

    APPLIED = "applied"
    """Its effect is held."""
    MERGED = "merged"
    """It met a concurrent edit; what is held was decided per field, and conflicts tell."""
    REJECTED = "rejected"
    """It had no effect; the code says why."""
    QUARANTINED = "quarantined"
    """The server failed on it twice; it had no effect and was reported."""
    DEPENDENCY_REJECTED = "dependency_rejected"
    """It had no effect, because a record that it needs was refused or is not there."""


class Code(StrEnum):
    """Why an outcome is what it is. A room that decides intents adds codes of its own."""

    APPLIED = "applied"
    """The op is held."""
    UNCHANGED = "unchanged"
    """Everything that the op asks for was held already."""
    WAITING = "waiting"
    """The server was restored and lacks the record; the op is kept until it is there again."""
    WAITING_ENDED = "waiting_ended"
    """The record did not come within 30 days; the op had no effect."""
    WAITING_FULL = "waiting_full"
    """The server keeps no more ops that wait for their records; the op had no effect."""
    DUPLICATE = "duplicate"
    """The record exists with this very content."""
    MERGED = "merged"
    """At least one field was written concurrently; both values are kept."""
    TEXT_MERGED = "text_merged"
    """Texts that were written concurrently went into one, and nothing else was concurrent."""
    REVIVED = "revived"
    """The record had been deleted without this edit being seen; it lives again."""
    EDIT_WON = "edit_won"
    """The deletion had not seen a newer edit; the record stays."""
    ID_REUSED = "id_reused"
    """The id is that of another record."""
    NUMBER_REUSED = "number_reused"
    """The op number was settled for another op; the device must give this one a new number."""
    ID_INVALID = "id_invalid"
    """The id is not a UUID in lower case with hyphens."""
    KIND_UNKNOWN = "kind_unknown"
    """The server knows no such kind of record."""
    FIELD_UNKNOWN = "field_unknown"
    """The server knows no such field; the value stays on the device with its rejected op."""
    FIELD_REQUIRED = "field_required"
    """A value is missing that the record must have."""
    FIELD_FIXED = "field_fixed"
    """The field is written once, when the record is created."""
    FIELD_SERVER_ONLY = "field_server_only"
    """The server alone writes this field."""
    VALUE_INVALID = "value_invalid"
    """A value is not of its field's type or form."""
    STRICT_CONFLICT = "strict_conflict"
    """Somebody changed a strict field first; look at the new value and decide again."""
    NOT_FOUND = "not_found"
    """There is no such record within sight."""
    RECORD_DELETED = "record_deleted"
    """The record was deleted, and the device knew."""
    PARENT_MISSING = "parent_missing"
    """The record that this one belongs to is not there."""
    REFERENCE_MISSING = "reference_missing"
    """A record that a field names is not there."""
    DEPENDENCY_REJECTED = "dependency_rejected"
    """The record's own creation was refused."""
    NOT_ALLOWED = "not_allowed"
    """The person may not do this."""
    GROUP_INCOMPLETE = "group_incomplete"
    """The push does not hold the whole atomic group, or an intent stands within it."""
    GROUP_TOO_LARGE = "group_too_large"
    """The atomic group has more ops than a group may have."""
    GROUP_REJECTED = "group_rejected"
    """Another op of the same atomic group was refused, so none was applied."""
    INTENT_UNKNOWN = "intent_unknown"
    """The server knows no such intent."""
    OP_UNREADABLE = "op_unreadable"
    """The op is not of the form of its kind."""
    QUARANTINED = "quarantined"
    """The server failed on the op twice."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What became of one op, for ever: the same number gets the same outcome again."""

    number: Number
    status: Status
    code: str
    detail: str = ""
    field: str | None = None
    seq: int | None = None
    """The sequence that holds the effect: a replica at or above it shows the op."""
    conflicts: tuple[str, ...] = ()
    told: dict[str, Any] = {}
    """What came of an intent beside, as its room says: of a lease, what the device holds now."""


class PullRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Ask for what is newer than the cursor; without a cursor, for a snapshot."""

    cursor: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_PULL_ROWS)] = 2_000


class RecordBatch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whole records of one kind: ``columns[f][r]`` is field ``fields[f]`` of record ``ids[r]``."""

    kind: str
    fields: list[str]
    ids: list[str]
    seqs: list[int]
    columns: list[list[Any]]
    handles: list[int] = []
    """The handle of each record; empty where the server gives none."""


class Patch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """New values of some fields of one record, or its end."""

    kind: str
    id: str
    seq: int
    fields: dict[str, Any] = {}
    deleted: bool = False


class PullResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One page of changes.

    The pages from one cursor up to the one with ``more`` false lead together to ``seq``: a device
    stages them and shows them at once. ``reset`` answers a cursor that the server cannot continue:
    the page is empty, and the device starts again without a cursor.
    """

    from_cursor: str | None
    cursor: str | None
    seq: Seq
    server_time_ms: Millis
    more: bool = False
    reset: bool = False
    batches: list[RecordBatch] = []
    patches: list[Patch] = []
    drops: list[str] = []
    """Customers who left the device's sight, with all that belongs to them."""
    acknowledged: int | None = None
    """The device's highest settled op, so that a device restored from an old image notices."""
    epoch: int = 0
    """The tenant's restore count: a sequence means something only within its epoch."""
    lease_ms: int | None = None
    """How long the device may show what it holds without hearing from the server again."""


OpRange = tuple[
    Annotated[int, msgspec.Meta(ge=1, le=MAX_SAFE_INT)],
    Annotated[int, msgspec.Meta(ge=1, le=MAX_SAFE_INT)],
]
"""The first and the last of op numbers."""


class PushRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Ops in the order of their numbers, and perhaps a pull in the same round trip."""

    protocol: Seq
    schema: Seq
    device_time_ms: Millis
    """What the device's clock says as it sends; the difference corrects the edit times."""
    ops: Annotated[list[Op], msgspec.Meta(max_length=MAX_OPS)] = []
    forgotten: Annotated[int, msgspec.Meta(ge=0, le=MAX_SAFE_INT)] = 0
    """The device no longer has the ops up to this number; a restored server must not wait."""
    pull: PullRequest | None = None
    epoch: Annotated[int, msgspec.Meta(ge=0, le=MAX_SAFE_INT)] = 0
    """The epoch of the ops' bases and handles; 0 is the present one."""
    pending: Annotated[int, msgspec.Meta(ge=0, le=MAX_SAFE_INT)] = 0
    """How many ops wait on the device after those of this push."""
    app_version: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """The version of the app; nothing where it is the one that was told last."""
    lost: OpRange | None = None
    """The first and the last number of ops that the device settled and no longer knows of: its
    store was put back to an old image."""


class ReceivedPush(msgspec.Struct, frozen=True, kw_only=True):
    """A push as the server reads it: one unreadable op does not take the others with it."""

    protocol: int
    schema: int
    device_time_ms: int
    ops: list[ReceivedOp]
    forgotten: int
    pull: PullRequest | None
    epoch: int = 0
    pending: int = 0
    app_version: str = ""
    lost: OpRange | None = None


class PushResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outcome of every op of the push that is settled now.

    ``acknowledged`` is the highest settled number. Where it is below what the device remembers, the
    server was restored, and the device sends again from the next number.
    """

    outcomes: list[Outcome]
    acknowledged: int
    server_time_ms: Millis
    pull: PullResponse | None = None


Suffix = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{0,12}$")]
"""The last hexadecimal digits of the ids of a range; none for all records of the kind."""
ShortHash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]
"""The first 8 bytes of a digest or of a record's hash, as hexadecimal digits."""


class Branch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A range of ids in which a device looks for what differs."""

    kind: Name
    suffix: Suffix = ""


class Leaf(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A range of few records, and the hashes of those that the device holds."""

    kind: Name
    suffix: Suffix = ""
    hashes: Annotated[list[ShortHash], msgspec.Meta(max_length=MAX_LEAF_ROWS)] = []


class DigestRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Ask how what the device holds differs from what it should hold.

    The pull comes along so that both speak of one sequence: the device takes the page of the
    answer, then compares. Without branches and leaves the request asks about all kinds.
    """

    pull: PullRequest
    branches: Annotated[list[Branch], msgspec.Meta(max_length=MAX_RANGES)] = []
    leaves: Annotated[list[Leaf], msgspec.Meta(max_length=MAX_RANGES)] = []


class BranchDigests(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The digests of the 16 ranges within a range: of the ids that end in ``digit + suffix``."""

    kind: str
    suffix: str = ""
    digests: list[str]
    """In the order of the digits 0 to f."""


class DigestResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the server holds of the ranges, as of the sequence to which the page leads.

    Where the page says ``more`` or ``reset`` there is nothing beside it: the device pulls first.
    """

    pull: PullResponse
    branches: list[BranchDigests] = []
    batches: list[RecordBatch] = []
    """Records of the leaves that the device lacks or holds otherwise."""
    strange: list[str] = []
    """Those of the device's hashes that no record of the leaf has: what they are of goes away."""


class OpGap(Exception):
    """A push that starts above the number the server waits for: nothing of it may be settled.

    It is answered by 409 with this code and ``acknowledged``; the device sends the earlier ops.
    """

    code = "op_gap"


class FrameInvalid(Exception):
    """A push whose ops are not in the order of their numbers."""

    code = "frame_invalid"


def split_frame(
    ops: Sequence[OpT], *, acknowledged: int, forgotten: int = 0
) -> tuple[list[OpT], list[OpT]]:
    """Part a push into ops that were settled before (answer them from memory) and fresh ones.

    :raises FrameInvalid: if the numbers do not follow each other.
    :raises OpGap: if ops are missing before the first that could be settled.
    """
    if any(after.number != before.number + 1 for before, after in pairwise(ops)):
        raise FrameInvalid("The ops of a push follow each other by number.")
    expected = max(acknowledged, forgotten) + 1
    if ops and ops[0].number > expected:
        raise OpGap(f"The next op is number {expected}.")
    return (
        [op for op in ops if op.number <= acknowledged],
        [op for op in ops if op.number > acknowledged],
    )


def runs(ops: Sequence[ReceivedOp]) -> list[Sequence[ReceivedOp]]:
    """Cut the ops of a push where an edit follows an intent, since the intent may decide about it.

    Each run is edits and then intents, and takes a unit of work. There is always one.
    """
    cuts = [
        at
        for at, (before, after) in enumerate(pairwise(ops), 1)
        if isinstance(before, Intent) and not isinstance(after, Intent)
    ]
    return [ops[first:last] for first, last in pairwise([0, *cuts, None])]


def op_digest(op: ReceivedOp) -> bytes:
    """Answer 16 bytes that tell ops apart, whatever their numbers; kept beside the outcome.

    A device that was restored from an old image gives a settled number to another op; its digest
    differs, and the op gets ``number_reused`` instead of the other's outcome. Unless it was settled
    under a number that the device gave it after an earlier restoration: then its own outcome.
    """
    # Of one that could not be read nothing is known but its number.
    told = op if isinstance(op, Unreadable) else msgspec.structs.replace(op, number=0)
    if isinstance(op, Create | Edit | Delete) and op.group is not None:
        # The group has new numbers as well: its place in it is what the op says.
        place = (op.group[0] - op.number, op.group[1] - op.number)
        told = msgspec.structs.replace(told, group=place)
    return blake2b(_DIGEST_ENCODER.encode(told), digest_size=16).digest()


def is_same_op(op: ReceivedOp, digest: bytes) -> bool:
    """Answer whether an op is the one that was settled under its number.

    An op that names its record by a handle which leads nowhere any more cannot be told apart: its
    record is gone, so the outcome that was answered stands.
    """
    if isinstance(op, Edit | Delete) and op.id == "" and op.handle > 0:
        return True
    return op_digest(op) == digest


_DIGEST_ENCODER: Final = msgspec.msgpack.Encoder(order="deterministic")
