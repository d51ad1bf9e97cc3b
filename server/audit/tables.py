"""Tables of the audit trail, as facts on disk."""

from piccolo.columns import JSONB, UUID, Text, Timestamptz
from piccolo.table import Table


class AuditEntry(Table, tablename="audit_entry"):
    """One thing that somebody did inside a tenant. Insert only."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    at = Timestamptz()
    actor_id = UUID()
    actor_role = Text()
    device_id = UUID(null=True)
    action = Text()
    """`noun.past-verb`, e.g. ``device.revoked``."""
    subject_id = UUID(null=True)
    detail = JSONB()
    """Facts without personal data."""


class PlatformRead(Table, tablename="platform_read"):
    """One look of the platform at an agent's data, shown to that agent. Insert only."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    at = Timestamptz()
    actor_id = UUID()
    actor_name = Text()
    actor_role = Text()
    what = Text()
    """Code of the view that was released, e.g. ``channel.overview``."""
    detail = JSONB()
