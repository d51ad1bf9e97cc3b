"""Tables of tenants, as facts on disk."""

from piccolo.columns import UUID, Boolean, Integer, Text, Timestamptz
from piccolo.table import Table


class Tenant(Table, tablename="tenant"):
    """An agent company, or the platform itself, as its own people see it."""

    tenant_id = UUID(primary_key=True)
    name = Text()
    short_name = Text()
    city = Text()
    created_at = Timestamptz()
    lease_hours = Integer()
    """How long a device may work after its last contact before it locks its records."""
    lease_only = Boolean()
    """Whether a device without an encrypted store, which no lease can lock, is refused."""


class Team(Table, tablename="team"):
    """Reps who work together and may see each other's customers."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    name = Text()
    created_at = Timestamptz()
