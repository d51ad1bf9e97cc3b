"""Tables of the ledger, as facts on disk. What keeps them true is in the migration."""

from piccolo.columns import (
    JSONB,
    UUID,
    Array,
    BigInt,
    Boolean,
    Bytea,
    Integer,
    Text,
    Timestamptz,
)
from piccolo.table import Table


class LedgerAccountKind(Table, tablename="ledger_account_kind"):
    """A kind of account, and what value on it is counted for. Insert only."""

    kind = Text(primary_key=True)
    owner_is = Text(null=True)
    """The dimension that an unshared account's owner stands for."""
    subject_is = Text(null=True)
    """The dimension that an account's subject stands for."""
    wants = Array(base_column=Text())
    """Dimensions that every entry must have, from its account or its transfer."""


class LedgerAccount(Table, tablename="ledger_account"):
    """Something that value is counted on. Its counters move by transfers only."""

    id = UUID(primary_key=True)
    owner_id = UUID()
    """Whose account it is: the platform or an agent, an opaque id."""
    is_shared = Boolean()
    """True for a pool that every agent's benefits may be held on."""
    kind = Text()
    currency = Text()
    bound = Text()
    subject_id = UUID()
    """What it is counted for, e.g. a program; an opaque id."""
    debits_pending = BigInt()
    debits_posted = BigInt()
    credits_pending = BigInt()
    credits_posted = BigInt()
    version = BigInt()
    """Number of its last entry; gapless."""
    opened_at = Timestamptz()
    closed_at = Timestamptz(null=True)
    dims = JSONB()
    """What all of it is counted for."""
    wants = Array(base_column=Text())
    """Dimensions that each transfer has to bring."""
    effective_before = Timestamptz(null=True)
    """`effective_until` before the last statement that moved it."""
    effective_until = Timestamptz(null=True)
    """The latest effective time among its lines."""
    recorded_until = Timestamptz(null=True)
    """When its last line was recorded."""


class LedgerTransfer(Table, tablename="ledger_transfer"):
    """One movement of value between two accounts. Insert only."""

    id = UUID(primary_key=True)
    owner_id = UUID()
    """Who caused it: the platform or an agent, an opaque id."""
    group_id = UUID()
    """The transfers that were recorded together."""
    position = Integer()
    kind = Text()
    debit_id = UUID()
    credit_id = UUID()
    currency = Text()
    amount_minor = BigInt()
    released_minor = BigInt()
    """What is taken off the pending counters when this settles a hold."""
    pending_id = UUID(null=True)
    reversal_of = UUID(null=True)
    event = Text()
    """What happened, `noun.past-verb`."""
    effective_at = Timestamptz()
    recorded_at = Timestamptz()
    actor_id = UUID()
    reason = Text(null=True)
    dims = JSONB()
    is_adjustment = Boolean()
    """True for what was booked into a softly closed period, by who has the right to."""


class LedgerEntry(Table, tablename="ledger_entry"):
    """One line of an account's statement. Made by the database from each transfer; insert only."""

    account_id = UUID(primary_key=True)
    version = BigInt()
    transfer_id = UUID()
    owner_id = UUID()
    currency = Text()
    pending_minor = BigInt()
    """Change of what is held; a credit is positive."""
    posted_minor = BigInt()
    """Change of what is posted; a credit is positive."""
    pending_after = BigInt()
    posted_after = BigInt()
    effective_at = Timestamptz()
    recorded_at = Timestamptz()
    """As the transfer says, but never before the line above."""
    booked_at = Timestamptz()
    """The effective time, or the end of what was closed by then."""
    effective_until = Timestamptz()
    """The latest effective time up to this line; a line below it came late."""


class LedgerOutcome(Table, tablename="ledger_outcome"):
    """The sticky answer to a key: the same key and content gets it again. Insert only."""

    owner_id = UUID()
    key = UUID(primary_key=True)
    fingerprint = Bytea()
    code = Text()
    result_id = UUID()
    recorded_at = Timestamptz()
