"""Tables of the sync room, as facts on disk."""

from piccolo.columns import JSONB, UUID, BigInt, Bytea, Integer, Text, Timestamptz
from piccolo.table import Table


class OpOutcome(Table, tablename="op_outcome"):
    """What became of one op of one device.

    The same op sent again gets the same answer. Insert only, but for what waited for its record.
    """

    tenant_id = UUID()
    device_id = UUID()
    number = BigInt(primary_key=True)
    digest = Bytea()
    """Tells this op from another that came under the same number
    (``sync_protocol.messages.op_digest``)."""
    outcome = JSONB()
    """The outcome as it was answered, for ever; of an op that waited, what came of it."""
    at = Timestamptz()


class OrphanOp(Table, tablename="orphan_op"):
    """An op that came, after a restoration, before the record that it belongs to."""

    tenant_id = UUID()
    device_id = UUID()
    number = BigInt(primary_key=True)
    user_id = UUID()
    """Who made it, and in whose name it will be settled."""
    waits_for = UUID()
    """The record that another device has to send again."""
    op = JSONB()
    clock = JSONB()
    """What was known about its edit time when it came."""
    kept_at = Timestamptz()


class CustomerAlias(Table, tablename="customer_alias"):
    """Which customer a merged one became."""

    tenant_id = UUID()
    old_id = UUID(primary_key=True)
    into_id = UUID()
    """The one that stayed in the end, after all merges."""
    made_at = Timestamptz()


class CustomerMerge(Table, tablename="customer_merge"):
    """What a merge did, so that it can be taken back; nothing else of it is ever changed."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    old_id = UUID()
    into_id = UUID()
    seq = BigInt()
    merged_by = UUID()
    merged_at = Timestamptz()
    moved = JSONB()
    """``[[kind, id, fields]]`` of the records that belonged to the one, and what named it there."""
    filled = JSONB()
    """``{field: value before}`` of the other."""
    repointed = JSONB()
    """``{table.column: ids}`` of the upper rooms' rows."""
    undone_at = Timestamptz(null=True)
    """When it was taken back."""
    undone_by = UUID(null=True)
    undone = JSONB(null=True)
    """What was answered then."""


class RecordExit(Table, tablename="record_exit"):
    """A record went from one customer to another: what devices drop that do not see the other."""

    tenant_id = UUID()
    seq = BigInt()
    kind = Text()
    record_id = UUID(primary_key=True)
    customer_id = UUID()
    """Where it is now."""
    owner_id = UUID(null=True)
    """Whose the customer is that it left."""
    team_id = UUID(null=True)
    at = Timestamptz()


class DuplicatePair(Table, tablename="duplicate_pair"):
    """Two customers that may be one."""

    tenant_id = UUID()
    first_id = UUID(primary_key=True)
    """The lesser id."""
    second_id = UUID()
    reasons = Text()
    """``uscc``, ``phone`` and ``name``, the strongest first, with spaces between."""
    found_at = Timestamptz()
    state = Text()
    """``open``; ``merged`` when one of them was; ``apart`` when somebody said that they are two."""


class FeedSegment(Table, tablename="feed_segment"):
    """A page of a first sync as it travelled, for the next device that sees the same.

    A cache: it may be emptied at any time.
    """

    tenant_id = UUID()
    sight = Text()
    """Who sees the same: the role and scope, and the team where that matters."""
    form = Text()
    """The protocol and the schema that wrote it."""
    epoch = BigInt()
    started = BigInt()
    """The sequence at which the run of pages began that this one belongs to."""
    after_seq = BigInt(primary_key=True)
    """Behind which place of the feed it begins."""
    after_kind = Integer()
    after_id = UUID()
    end_seq = BigInt()
    """At which place it ends."""
    end_kind = Integer()
    end_id = UUID()
    frame = Bytea()
    """Its batches in the compact form, as one zstd frame."""
    made_at = Timestamptz()
