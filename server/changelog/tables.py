"""Tables of the changelog, as facts on disk."""

from piccolo.columns import JSONB, UUID, BigInt, Boolean, Text, Timestamptz
from piccolo.table import Table


class Synced:
    """What every table of synced records has beside `tenant_id`, `id` and its fields.

    The same as ``server.changelog.kinds.SYNC_COLUMNS`` says in SQL.
    """

    handle = BigInt()
    """The record's small number within its tenant, which travels in place of its id."""
    seq = BigInt()
    """The tenant sequence of the last change."""
    created_seq = BigInt()
    created_device = UUID(null=True)
    created_number = BigInt()
    """The number of the op that created it, on that device."""
    created_by = UUID(null=True)
    created_at = Timestamptz()
    versions = JSONB()
    """For each field that was written after the creation, which write its value comes from."""
    deleted = Boolean()


class TenantClock(Table, tablename="tenant_clock"):
    """The tenant's sequence of changes.

    Its row is locked last, so that no reader ever sees a gap.
    """

    tenant_id = UUID(primary_key=True)
    seq = BigInt()
    """The last sequence number given out."""
    epoch = BigInt()
    """One more after each restore from a backup, since the sequence went backwards."""
    min_seq = BigInt()
    """Cursors below this must start again: tombstones before it are gone."""
    handles = BigInt()
    """The last handle given out."""


class Change(Table, tablename="change"):
    """What one unit of work did to one record: the history. Insert only."""

    tenant_id = UUID()
    seq = BigInt()
    kind = Text()
    record_id = UUID(primary_key=True)
    root_id = UUID()
    """The customer whose timeline this belongs to; a tag's is the tag itself."""
    action = Text()
    """``create``, ``edit``, ``delete`` or ``restore``."""
    actor_id = UUID()
    device_id = UUID(null=True)
    at = Timestamptz()
    """When the server received it."""
    patch = JSONB()
    """``{field: [old, new]}`` of an edit; empty for a create, whose values are found by walking
    back."""


class ScopeExit(Table, tablename="scope_exit"):
    """A customer left somebody's scope at this sequence: what devices must drop. Insert only."""

    tenant_id = UUID()
    seq = BigInt()
    customer_id = UUID(primary_key=True)
    owner_id = UUID(null=True)
    """Who owned it before."""
    team_id = UUID(null=True)
    """Whose team it was before."""


class Conflict(Synced, Table, tablename="conflict"):
    """Two people wrote one field without seeing each other: both values, one of which is held."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    customer_id = UUID(null=True)
    kind = Text()
    record_id = UUID()
    field = Text()
    kept = JSONB(null=True)
    other = JSONB(null=True)
    kept_by = UUID(null=True)
    other_by = UUID(null=True)
    happened_at = Timestamptz()
    state = Text()
