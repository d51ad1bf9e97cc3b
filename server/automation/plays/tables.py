"""Tables of plays, as facts on disk. The truth about keys and indexes is in the migrations."""

from piccolo.columns import JSONB, UUID, BigInt, Text, Timestamptz
from piccolo.table import Table


class Play(Table, tablename="play"):
    """A company's own rule, with the version that holds."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    version = BigInt()
    is_on = BigInt()
    """1 while it acts."""
    seen_until = Timestamptz()
    """Up to which moment it was looked whether its trigger came about."""
    made_by = UUID()
    made_at = Timestamptz()
    let_by = UUID(null=True)
    """Who last let it act; where nobody is named, whoever published its version."""


class PlayVersion(Table, tablename="play_version"):
    """What a play says, each version as it was published. Insert only."""

    tenant_id = UUID()
    play_id = UUID()
    version = BigInt(primary_key=True)
    terms = JSONB()
    published_by = UUID()
    published_at = Timestamptz()


class PlayFiring(Table, tablename="play_firing"):
    """That a play acted, once for each occurrence of its trigger. Insert only."""

    tenant_id = UUID()
    play_id = UUID()
    key = Text(primary_key=True)
    version = BigInt()
    customer_id = UUID()
    at = Timestamptz()
    """When its trigger came about."""
    fired_at = Timestamptz()
    outcome = Text()
    task_id = UUID(null=True)
    person_id = UUID(null=True)
    why = JSONB()


class SignalSource(Table, tablename="signal_source"):
    """A system outside that tells of customers; its secret is derived, and is stored nowhere."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    name = Text()
    account_field = Text(null=True)
    """The custom field of customers by which it names them."""
    made_by = UUID()
    made_at = Timestamptz()
    closed_at = Timestamptz(null=True)


class Signal(Table, tablename="signal"):
    """What a system outside told of a customer. Insert only, kept for as long as a trial looks."""

    tenant_id = UUID()
    source_id = UUID()
    event_id = Text(primary_key=True)
    event = Text()
    customer_id = UUID()
    happened_at = Timestamptz()
    received_at = Timestamptz()
